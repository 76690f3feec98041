# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a router consists of, as text that two moments can be compared by, and what checkpoints leave on it."""

from __future__ import annotations

import re

LEFTOVERS = (
    "ls -d /cf/conf/pfrac[k] /var/run/pfrack_checkpoint /usr/local/etc/rc.d/pfrack* /tftpboot/.pfrack*; "
    "pgrep -af '[/]cf/conf/pfrack/agent'; true"
)
STATE = """ip -br addr; pgrep -a 'haproxy|dnsmasq|unbound|dhcp|tftp' | cut -d' ' -f2- | sort
find /tftpboot -type f | sort | xargs -r sha256sum"""
CONFIG = """require_once('config.inc');
function sorted($v) {
    if (is_array($v)) { $v = array_map('sorted', $v); if (!array_is_list($v)) ksort($v); }
    return $v;
}
$c = parse_config(true);
unset($c['revision']);
echo json_encode(sorted($c), JSON_PRETTY_PRINT);"""


def leftovers(router) -> str:
    """Files and processes of a checkpoint; a lock that nobody holds is not counted."""
    return router.run(LEFTOVERS).stdout


def sections(router) -> str:
    """The configuration without its own revision, and what the daemons and the disk show of it."""
    text = router.php(CONFIG).stdout + router.run(STATE).stdout
    # Names and numbers that are made up anew each time, such as the process ids that a reloaded HAProxy was given.
    text = re.sub(r'"(uniqid|authorizedkeys|server_key)": "[^"]+"', r'"\1": "…"', text)
    # Where a fault has put itself before a daemon.
    text = re.sub(r"^(/\S+)\.real ", r"\1 ", text, flags=re.M)
    text = re.sub(r"@if\d+ +", "@if ", text)
    return re.sub(r"( -(sf|st|x) .*)$", "", text, flags=re.M)
