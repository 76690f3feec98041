# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter pfrack.cluster.cluster_spec: from Ansible's variables to compile_cluster()."""

from __future__ import annotations

from ansible.errors import AnsibleFilterError
from ansible_collections.pfrack.cluster.plugins.module_utils.errors import DesiredError
from ansible_collections.pfrack.cluster.plugins.module_utils.inventory import installation, overlay
from ansible_collections.pfrack.cluster.plugins.module_utils.inventory.compile import compile_cluster
from ansible_collections.pfrack.cluster.plugins.module_utils.inventory.pair import (
    compile_pair,
    read_pair,
    setting_problems,
)

_NODE_VARIABLES = ("mac_address", "ipv4_address", *installation.NODE_VARIABLES)
_SETTINGS = ("dns_service", *installation.SETTINGS, *overlay.SETTINGS)


def _plain(value):
    # Ansible hands out lazy containers, which pure code must not have to know about.
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


def _nodes(groups, hostvars):
    memberships = {}
    for group in groups:
        for host in groups[group]:
            memberships.setdefault(host, []).append(str(group))
    result = []
    for host in groups.get("cluster", []):
        variables = hostvars[host]
        node = {"name": str(host), "groups": [name for name in memberships[host] if name not in ("all", "ungrouped")]}
        node.update({name: _plain(variables[name]) for name in _NODE_VARIABLES if name in variables})
        result.append(node)
    return result


def _settings(variables):
    return {
        str(name): _plain(variables[name])
        for name in variables
        if str(name).startswith("cluster_")
        and name not in ("cluster_spec", "cluster_router_facts")
        or name in _SETTINGS
    }


def read_inventory(groups, hostvars, router=None):
    """Everything that the specification for one router takes from Ansible's variables, as plain values."""
    routers = list(groups.get("routers", []))
    router = router or (routers[0] if routers else None)
    if router is None:
        raise AnsibleFilterError("routers: no hosts: the group is empty; add the router to the inventory")
    both = sorted(set(routers) & set(groups.get("cluster", [])))
    pair, problems = _pair(routers, hostvars, router)
    problems += ["%s: %s: is in routers and in cluster; take it out of one" % (host, host) for host in both]
    return {
        "nodes": _nodes(groups, hostvars),
        "settings": _settings(hostvars[router]),
        "groups": [str(name) for name in groups],
        "pair": pair,
        "problems": problems,
    }


def _pair(routers, hostvars, router):
    """(the pair that the router is one of, or None; problems)."""
    pair, problems = read_pair(routers, {host: hostvars[host] for host in routers}, router)
    if pair:
        other = hostvars[pair["secondary" if pair["role"] == "primary" else "primary"]]
        facts = other["cluster_router_facts"] if "cluster_router_facts" in other else {}
        pair["peer_info"] = _plain(facts.get("router"))
        pair["peer_address"] = str(other["ansible_host"]) if "ansible_host" in other else None
        problems += setting_problems(pair, *(_settings(hostvars[pair[role]]) for role in ("primary", "secondary")))
    return pair, problems


def compile_inventory(inventory, router_info):
    """The specification from read_inventory(), or {"problems": [...]}."""
    problems = list(inventory["problems"])
    nodes, settings, groups, pair = (inventory.get(name) for name in ("nodes", "settings", "groups", "pair"))
    try:
        if pair:
            spec = compile_pair(nodes, settings, router_info, groups, pair)
        else:
            spec = compile_cluster(nodes, settings, router_info, groups)
    except DesiredError as error:
        problems += error.problems
    return {"problems": problems} if problems else {**spec, "problems": []}


def cluster_spec(groups, hostvars, router_info, router=None, strict=True):
    """The specification of the cluster that the group `cluster` describes, for one router.

    Raises AnsibleFilterError with all problems of the inventory; without strict it returns {"problems": [...]} instead.
    """
    spec = compile_inventory(read_inventory(groups, hostvars, router), _plain(router_info))
    problems = spec["problems"]
    if not problems:
        return spec
    if strict:
        raise AnsibleFilterError("\n- ".join(["The inventory has problems:", *problems]))
    return {"problems": problems}


class FilterModule:
    """The filters of this file."""

    def filters(self):
        return {"cluster_spec": cluster_spec}
