# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that the etcd modules share."""

from __future__ import annotations


def etcd():
    """How to reach etcd from the controller."""
    return dict(
        endpoints=dict(type="list", elements="str", required=True),
        authority=dict(type="path"),
        certificate=dict(type="path"),
        # The name of a file, not a key.
        key=dict(type="path", no_log=False),
        request_timeout=dict(type="int", default=5),
    )
