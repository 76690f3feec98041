# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter pfrack.cluster.etcd_settings: from the members of the inventory to what roles and modules want."""

from __future__ import annotations


def etcd_settings(members, clients=()):
    """{certificates, endpoints, initial_cluster} of members [{name, address}].

    clients: names of further certificates.
    """
    certificates = [
        {"name": str(member["name"]), "addresses": [str(member["address"]), "127.0.0.1"], "names": ["localhost"]}
        for member in members
    ]
    return {
        "certificates": certificates + [{"name": str(name)} for name in clients],
        "endpoints": ["https://%s:2379" % member["address"] for member in members],
        "initial_cluster": ",".join(
            sorted("%s=https://%s:2380" % (member["name"], member["address"]) for member in members)
        ),
    }


class FilterModule:
    """The filters of this file."""

    def filters(self):
        return {"etcd_settings": etcd_settings}
