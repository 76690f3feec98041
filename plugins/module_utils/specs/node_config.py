# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of node_config."""

from __future__ import annotations

_NODE = dict(
    name=dict(type="str", required=True),
    mac_address=dict(type="str", required=True),
    address=dict(type="str"),
    groups=dict(type="list", elements="str", default=[]),
    node_snippets=dict(type="list", elements="raw", default=[]),
)
_UNIT = dict(
    name=dict(type="str", required=True),
    enabled=dict(type="bool"),
    mask=dict(type="bool"),
    contents=dict(type="str"),
    dropins=dict(
        type="list",
        elements="dict",
        options=dict(name=dict(type="str", required=True), contents=dict(type="str", required=True)),
    ),
)
_FILE = dict(
    path=dict(type="path", required=True),
    content=dict(type="str", required=True),
    mode=dict(type="raw", default="0644"),
)
SPEC = dict(
    argument_spec=dict(
        nodes=dict(type="list", elements="dict", required=True, options=_NODE),
        dest=dict(type="path", required=True),
        default_node=dict(type="bool", default=False),
        family=dict(type="str", choices=["flatcar", "fedora-coreos", "coreos"], default="flatcar"),
        domain=dict(type="str"),
        user=dict(type="str", default="core"),
        ssh_authorized_keys=dict(type="list", elements="str", required=True, no_log=False),
        container_engine=dict(type="str", choices=["docker", "containerd", "none"], default="docker"),
        insecure_registries=dict(type="list", elements="str", default=[]),
        network=dict(type="str", choices=["dhcp", "static"], default="dhcp"),
        prefix=dict(type="int"),
        gateway=dict(type="str"),
        nameservers=dict(type="list", elements="str", default=[]),
        automatic_reboots=dict(type="bool", default=False),
        etcd_group=dict(type="str"),
        overlay=dict(type="str", choices=["none", "flannel"], default="none"),
        flannel_image=dict(type="str", default="ghcr.io/flannel-io/flannel:v0.28.9"),
        units=dict(type="list", elements="dict", default=[], options=_UNIT),
        files=dict(type="list", elements="dict", default=[], options=_FILE),
        group_snippets=dict(type="dict", default={}),
        snippets=dict(type="list", elements="raw", default=[]),
        validator=dict(type="str", default="ignition-validate"),
    ),
    required_if=[("network", "static", ["prefix", "gateway"])],
    supports_check_mode=True,
)
