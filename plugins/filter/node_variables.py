# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter pfrack.cluster.node_variables: variables of nodes, without a loop in the role."""

from __future__ import annotations


def node_variables(nodes, hostvars, names, fields=("name", "mac_address")):
    """Of each node these fields, and those of the variables `names` that are set for it in the inventory."""
    result = []
    for node in nodes:
        # A name will do.
        node = node if isinstance(node, dict) else {"name": str(node)}
        entry = {field: node[field] for field in fields if node.get(field) is not None}
        # The name in the inventory may have the cluster's domain behind it.
        host = node.get("host") or node["name"]
        variables = hostvars[host] if host in hostvars else {}
        entry.update({name: variables[name] for name in names if name in variables})
        result.append(entry)
    return result


class FilterModule:
    """The filters of this file."""

    def filters(self):
        return {"node_variables": node_variables}
