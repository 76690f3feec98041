# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of etcd_key."""

from __future__ import annotations

from ._etcd import etcd

SPEC = dict(
    argument_spec=dict(
        # The name of an entry, not a key to anything.
        name=dict(type="str", required=True),
        value=dict(type="str"),
        state=dict(type="str", choices=["present", "absent"], default="present"),
        overwrite=dict(type="bool", default=True),
        **etcd(),
    ),
    required_if=[("state", "present", ["value"])],
    supports_check_mode=True,
)
