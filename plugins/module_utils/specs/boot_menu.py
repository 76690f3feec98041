# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of boot_menu."""

from __future__ import annotations

_NODE = dict(
    name=dict(type="str", required=True),
    mac_address=dict(type="str", required=True),
    architecture=dict(type="str", choices=["x86-64", "arm64"], default="x86-64"),
    install_os=dict(type="bool", default=True),
    install_disk=dict(type="str", default="only"),
    install_wipe=dict(type="bool", default=False),
)
SPEC = dict(
    argument_spec=dict(
        nodes=dict(type="list", elements="dict", required=True, options=_NODE),
        configs=dict(type="path", required=True),
        changed_configs=dict(type="list", elements="str", default=[]),
        family=dict(type="str", choices=["flatcar", "fedora-coreos", "coreos"], default="flatcar"),
        releases=dict(type="dict", required=True),
        url=dict(type="str", required=True),
        tftp_address=dict(type="str", required=True),
        reprovision=dict(type="list", elements="str", default=[]),
        admission=dict(type="str", choices=["inventory", "any"], default="inventory"),
        default_menu=dict(type="bool", default=True),
        default_architecture=dict(type="str", choices=["x86-64", "arm64"], default="x86-64"),
        title=dict(type="str", default="This machine is not in the inventory"),
        timeout=dict(type="int", default=10),
        console=dict(type="list", elements="str", default=[]),
        kernel_arguments=dict(type="list", elements="str", default=[]),
        serial=dict(type="bool", default=False),
        user=dict(type="str", default="core"),
        ssh_authorized_keys=dict(type="list", elements="str", default=[], no_log=False),
        least_disk_size=dict(type="int", default=8000000000),
        take_over=dict(type="bool", default=False),
        owner=dict(type="str", default="pfrack"),
    ),
    supports_check_mode=True,
)
