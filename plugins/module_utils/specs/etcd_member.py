# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of etcd_member."""

from __future__ import annotations

from ._etcd import etcd

SPEC = dict(
    argument_spec=dict(
        name=dict(type="str", required=True),
        peer_url=dict(type="str"),
        state=dict(type="str", default="learner", choices=["learner", "member", "absent"]),
        replace=dict(type="bool", default=False),
        timeout=dict(type="int", default=120),
        **etcd(),
    ),
    required_if=[("state", "learner", ["peer_url"])],
    supports_check_mode=True,
)
