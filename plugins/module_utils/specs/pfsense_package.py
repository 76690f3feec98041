# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of pfsense_package."""

from __future__ import annotations

SPEC = dict(
    argument_spec=dict(
        name=dict(type="list", elements="str", required=True),
        state=dict(type="str", default="present", choices=["present", "absent"]),
        timeout=dict(type="int", default=600),
    ),
    supports_check_mode=True,
)
