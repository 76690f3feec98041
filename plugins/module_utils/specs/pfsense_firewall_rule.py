# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of pfsense_firewall_rule."""

from __future__ import annotations

from ._common import owned

RULE = dict(
    interface=dict(type="str", default="wan"),
    protocol=dict(type="str", default="tcp", choices=["tcp", "udp", "tcp/udp"]),
    source=dict(type="str", default="any"),
    destination=dict(type="str"),
    port=dict(type="str", required=True),
    descr=dict(type="str", default=""),
    log=dict(type="bool", default=False),
)

SPEC = dict(
    argument_spec=dict(rules=dict(type="list", elements="dict", required=True, options=RULE), **owned()),
    supports_check_mode=True,
)
