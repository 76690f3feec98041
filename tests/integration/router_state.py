# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a router consists of, as text that two moments can be compared by, and what checkpoints and runs leave on it."""

from __future__ import annotations

import re

# Big files that have arrived wait for the next run, which goes on there.
LEFTOVERS = (
    "ls -d /cf/conf/pfrac[k] /var/run/pfrack_checkpoint /usr/local/etc/rc.d/pfrack_checkpoint*; "
    "find /tftpboot -name '.pfrack*' ! -name .pfrack-stage-incoming -prune; pgrep -af '[/]cf/conf/pfrack/agent'; true"
)
REMAINS = "find /tmp /cf /tftpboot -name '.pfrack*' -o -name 'pfrack-*'"
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
# Files with their hash, and the hash of what stands in them but for the random names of installations.
FILES = r"""$all = new RecursiveIteratorIterator(
    new RecursiveDirectoryIterator('/tftpboot', FilesystemIterator::SKIP_DOTS), RecursiveIteratorIterator::SELF_FIRST);
foreach ($all as $path => $file) {
    if (is_link($path)) {
        echo "$path -> " . readlink($path) . (file_exists($path) ? '' : ' (nowhere)') . "\n";
    } elseif (is_file($path) && strpos($path, '/.pfrack-stage-') === false) {
        $text = file_get_contents($path);
        $plain = preg_replace('/[0-9a-f]{32}/', 'ID', $text);
        echo "$path " . hash('sha256', $text) . ' ' . hash('sha256', $plain) . "\n";
    }
}"""
# Who listens, the web server for the nodes, and the running HAProxy's servers: address, maintenance, weight, port.
SERVING = """ss -Hlnt | awk '{print "listens", $4}'
pgrep -a nginx | grep pfrack_static_web | cut -d' ' -f2-; cat /usr/local/etc/pfrack_static_web.conf
echo 'show servers state' | socat - /tmp/haproxy.socket |
    awk 'NF > 20 {print "server", $2, $4, $5, $7, $8, $19}'; true"""


def leftovers(router) -> str:
    """Files and processes of a checkpoint; a lock that nobody holds is not counted."""
    return router.run(LEFTOVERS).stdout


def remains(router) -> str:
    """What no run may leave once the next one has ended."""
    return leftovers(router) + router.run(REMAINS, check=False).stdout


def whole(router) -> str:
    """`sections`, every file and link for the nodes, and what serves."""
    lines = router.php(FILES).stdout.splitlines() + router.run(SERVING).stdout.splitlines()
    return sections(router) + "\n".join(sorted(lines))


def shape(state: str) -> str:
    """A whole state without what is random in it, to be compared with that of another router.

    The names of installations are packed in what configures the live systems, so of those only the places count."""
    lines = [re.sub(r"(=[0-9a-f]{64})?( [0-9a-f]{64})( [0-9a-f]{64})$", r"\3", line) for line in state.splitlines()]
    lines = [re.sub(r"/live [0-9a-f]{64}$", "/live", line) for line in lines]
    lines = [re.sub(r"\b[0-9a-f]{32}\b", "ID", line) for line in lines if not re.match(r"[0-9a-f]{64}  /", line)]
    return "\n".join(sorted(lines))


def offered(state: str) -> str:
    """A whole state without the files of releases: they come before a checkpoint, and go after it."""
    return re.sub(r"^.*/tftpboot/pfrack/os/.*/\d[^/]*/[^/]*\n", "", state, flags=re.M)


def sections(router) -> str:
    """The configuration without its own revision, and what the daemons and the disk show of it."""
    text = router.php(CONFIG).stdout + router.run(STATE).stdout
    # Names and numbers that are made up anew each time, such as the process ids that a reloaded HAProxy was given.
    text = re.sub(r'"(uniqid|authorizedkeys|server_key)": "[^"]+"', r'"\1": "…"', text)
    # Where a fault has put itself before a daemon.
    text = re.sub(r"^(/\S+)\.real ", r"\1 ", text, flags=re.M)
    text = re.sub(r"@if\d+ +", "@if ", text)
    return re.sub(r"( -(sf|st|x) .*)$", "", text, flags=re.M)
