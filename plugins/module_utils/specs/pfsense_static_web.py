# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of pfsense_static_web."""

from __future__ import annotations

SPEC = dict(
    argument_spec=dict(
        state=dict(type="str", choices=["present", "absent"], default="present"),
        address=dict(type="str"),
        interface=dict(type="str", default="lan"),
        port=dict(type="int", default=8080),
        directory=dict(type="str", default="/tftpboot/pfrack"),
    ),
    supports_check_mode=True,
)
