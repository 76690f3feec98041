# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of pfsense_dhcp_server."""

from __future__ import annotations

from ._common import owned

NETWORK_BOOT = dict(
    next_server=dict(type="str"),
    bios=dict(type="str"),
    uefi32=dict(type="str"),
    uefi64=dict(type="str"),
    uefi_arm32=dict(type="str"),
    uefi_arm64=dict(type="str"),
    http_url=dict(type="str"),
    root_path=dict(type="str"),
    tftp_server=dict(type="str"),
)

STATIC_MAPPING = dict(
    mac_address=dict(type="str", required=True),
    address=dict(type="str"),
    hostname=dict(type="str"),
    descr=dict(type="str", default=""),
)

SPEC = dict(
    argument_spec=dict(
        interface=dict(type="str", default="lan"),
        enable=dict(type="bool"),
        range=dict(
            type="dict", options={"from": dict(type="str", required=True), "to": dict(type="str", required=True)}
        ),
        domain=dict(type="str"),
        network_boot=dict(type="dict", options=NETWORK_BOOT),
        static_mappings=dict(type="list", elements="dict", options=STATIC_MAPPING),
        **owned(),
    ),
    supports_check_mode=True,
)
