# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of pfsense_virtual_ip."""

from __future__ import annotations

from ._common import owned

VIRTUAL_IP = dict(
    address=dict(type="str", required=True),
    prefix=dict(type="int"),
    interface=dict(type="str", default="lan"),
    descr=dict(type="str", default=""),
    mode=dict(type="str", default="ipalias", choices=["ipalias", "carp"]),
    vhid=dict(type="int"),
    advbase=dict(type="int", default=1),
    advskew=dict(type="int", default=0),
    password=dict(type="str", no_log=True),
)

SPEC = dict(
    argument_spec=dict(virtual_ips=dict(type="list", elements="dict", required=True, options=VIRTUAL_IP), **owned()),
    supports_check_mode=True,
)
