# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From Ansible's variables to the specification."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.pfrack.cluster.plugins.filter.cluster_spec import cluster_spec
from ansible_collections.pfrack.cluster.tests.unit.plugins.module_utils.inventory.racks import ROUTER, SETTINGS, mac

GROUPS = {
    "all": ["router1", "node1", "node2"],
    "ungrouped": [],
    "routers": ["router1"],
    "cluster": ["node1", "node2"],
    "controllers": ["node1"],
    "workers": ["node2"],
}


def hostvars(**settings):
    variables = {**SETTINGS, "ansible_user": "admin", **settings}
    return {
        "router1": variables,
        "node1": {**variables, "mac_address": mac(1)},
        "node2": {**variables, "mac_address": mac(2), "ipv4_address": "10.10.0.30"},
    }


def test_nodes_come_with_their_groups():
    spec = cluster_spec(GROUPS, hostvars(), ROUTER)
    assert [(node["name"], node["groups"], node["address"]) for node in spec["nodes"]] == [
        ("node1", ["cluster", "controllers"], "10.10.0.20"),
        ("node2", ["cluster", "workers"], "10.10.0.30"),
    ]


def test_settings_are_those_of_the_named_router():
    groups = {**GROUPS, "routers": ["router1", "router2"]}
    variables = {**hostvars(), "router2": {**SETTINGS, "cluster_domain": "second.lab.example"}}
    assert cluster_spec(groups, variables, ROUTER)["domain"] == "cluster.lab.example"
    assert cluster_spec(groups, variables, ROUTER, "router2")["domain"] == "second.lab.example"


@pytest.mark.parametrize("router", ["router1", "router2"])
def test_both_routers_of_a_pair_have_the_same_settings(router):
    groups = {**GROUPS, "routers": ["router1", "router2"]}
    secret = [{"address": "10.10.0.10", "mode": "carp", "vhid": 1, "password": "not to be shown"}]
    variables = hostvars(cluster_domain="first.lab.example", cluster_virtual_ips=secret, cluster_node_range=None)
    variables["router2"] = {**SETTINGS, "ansible_user": "other", "ha_primary": "router1", "dns_service": None}
    variables["router2"].pop("cluster_node_range")
    problems = cluster_spec(groups, variables, ROUTER, router, strict=False)["problems"]
    expected = "router2: cluster_domain, cluster_virtual_ips: not the same as for router1: "
    assert any(problem.startswith(expected) for problem in problems), problems
    assert "not to be shown" not in str(problems)


def test_the_fact_of_an_earlier_run_is_no_setting():
    spec = cluster_spec(GROUPS, hostvars(), ROUTER)
    assert cluster_spec(GROUPS, hostvars(cluster_spec=spec), ROUTER) == spec


def test_all_problems_are_in_one_message():
    groups = {**GROUPS, "routers": ["router1", "node2"]}
    variables = hostvars(cluster_platform="dies")
    variables["node1"]["mac_address"] = "x"
    with pytest.raises(AnsibleFilterError) as caught:
        cluster_spec(groups, variables, ROUTER)
    message = str(caught.value)
    assert message.count("\n- ") == 3
    assert "- node2: node2: is in routers and in cluster; take it out of one" in message
    assert "- cluster_platform: dies: " in message
    assert "- node1/mac_address: x: " in message


def test_problems_can_be_had_as_a_list():
    assert cluster_spec(GROUPS, hostvars(), ROUTER, strict=False)["problems"] == []
    broken = cluster_spec(GROUPS, hostvars(cluster_domain=None), ROUTER, strict=False)
    assert [problem.split(":")[0] for problem in broken["problems"]] == ["cluster_domain"]


def test_without_a_router_there_is_nothing_to_compile_for():
    with pytest.raises(AnsibleFilterError, match="routers: no hosts"):
        cluster_spec({**GROUPS, "routers": []}, hostvars(), ROUTER)
