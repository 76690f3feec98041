# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that the DNS forwarder and the DNS resolver share."""

from __future__ import annotations

WILDCARD = dict(domain=dict(type="str", required=True), address=dict(type="str", required=True))

ALIAS = dict(host=dict(type="str", default=""), domain=dict(type="str", required=True))

HOST = dict(
    host=dict(type="str", default=""),
    domain=dict(type="str", required=True),
    address=dict(type="str", required=True),
    descr=dict(type="str", default=""),
    aliases=dict(type="list", elements="dict", options=ALIAS),
)


def dns():
    """The options of both modules apart from the one that switches the other service off."""
    return dict(
        enable=dict(type="bool"),
        port=dict(type="int"),
        register_leases=dict(type="bool"),
        register_static_mappings=dict(type="bool"),
        wildcards=dict(type="list", elements="dict", options=WILDCARD),
        hosts=dict(type="list", elements="dict", options=HOST),
    )
