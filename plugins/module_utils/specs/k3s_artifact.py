# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of k3s_artifact."""

from __future__ import annotations

SPEC = dict(
    argument_spec=dict(
        version=dict(type="str", required=True),
        arch=dict(type="str", default="x86-64", choices=["x86-64", "arm64"], aliases=["architecture"]),
        images=dict(type="bool", default=False),
        sha256=dict(type="str", default=""),
        base_url=dict(type="str", default="https://github.com/k3s-io/k3s/releases/download"),
        cache=dict(type="path", default="~/.cache/pfrack/artifacts"),
        url=dict(type="str", default=""),
        validate_certs=dict(type="bool", default=True),
        timeout=dict(type="int", default=30),
    ),
    supports_check_mode=True,
)
