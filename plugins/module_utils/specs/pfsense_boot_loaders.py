# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of pfsense_boot_loaders."""

from __future__ import annotations

SPEC = dict(
    argument_spec=dict(
        firmware=dict(
            type="list", elements="str", default=["bios", "uefi64"], choices=["bios", "uefi64", "uefi_arm64"]
        ),
        path=dict(type="path", default=""),
        dest=dict(type="str", default="/tftpboot"),
    ),
    supports_check_mode=True,
)
