# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of pfsense_boot_artifacts."""

from __future__ import annotations

SPEC = dict(
    argument_spec=dict(
        releases=dict(type="list", elements="dict", required=True),
        dest=dict(type="str", default="/tftpboot/pfrack/os"),
        url=dict(type="str", default=""),
        upload=dict(type="bool", default=True),
        point=dict(type="bool", default=True),
        clean=dict(type="bool", default=False),
        referenced_in=dict(type="list", elements="str", default=["/tftpboot"]),
    ),
    supports_check_mode=True,
)
