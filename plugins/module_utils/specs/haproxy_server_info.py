# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of haproxy_server_info."""

from __future__ import annotations

SPEC = dict(
    argument_spec=dict(
        up=dict(type="list", elements="str", default=[]),
        timeout=dict(type="int", default=0),
    ),
    supports_check_mode=True,
)
