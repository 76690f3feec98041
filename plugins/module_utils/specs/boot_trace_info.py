# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of boot_trace_info."""

from __future__ import annotations

_NODE = dict(
    name=dict(type="str", required=True),
    mac_address=dict(type="str", required=True),
    address=dict(type="str", aliases=["ipv4_address"]),
)
SPEC = dict(
    argument_spec=dict(
        nodes=dict(type="list", elements="dict", required=True, options=_NODE),
        port=dict(type="int", default=22),
    ),
    supports_check_mode=True,
)
