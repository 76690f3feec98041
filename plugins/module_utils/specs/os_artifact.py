# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of os_artifact."""

from __future__ import annotations

SPEC = dict(
    argument_spec=dict(
        family=dict(type="str", default="flatcar", choices=["flatcar", "fedora-coreos", "coreos"]),
        channel=dict(type="str", default="", aliases=["stream"]),
        version=dict(type="str", default="current"),
        arch=dict(
            type="str",
            default="x86-64",
            aliases=["architecture"],
            choices=["x86-64", "arm64", "x86_64", "amd64", "aarch64"],
        ),
        base_url=dict(type="str", default=""),
        parts=dict(type="list", elements="str", default=["pxe", "disk"], choices=["pxe", "disk"]),
        # The public key of the vendor is no secret.
        key=dict(type="str", default="", no_log=False),
        fingerprints=dict(type="list", elements="str", default=[]),
        allow_expired_key=dict(type="bool", default=False, no_log=False),
        cache=dict(type="path", default="~/.cache/pfrack/artifacts"),
        record=dict(type="path", default=""),
        update=dict(type="bool", default=False),
        prune=dict(type="bool", default=False),
        validate_certs=dict(type="bool", default=True),
        timeout=dict(type="int", default=30),
    ),
    supports_check_mode=True,
)
