# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of pfsense_checkpoint."""

from __future__ import annotations

SPEC = dict(
    argument_spec=dict(
        state=dict(type="str", required=True, choices=["armed", "confirmed", "rolled_back"]),
        timeout=dict(type="int", default=600),
        revision=dict(type="str"),
        force=dict(type="bool", default=False),
        reason=dict(type="str", default=""),
    ),
    mutually_exclusive=[("revision", "force")],
    supports_check_mode=True,
)
