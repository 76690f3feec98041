# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pairs of routers: who gets what, and what is refused."""

from __future__ import annotations

import copy

import pytest
from ansible_collections.pfrack.cluster.plugins.module_utils.errors import DesiredError
from ansible_collections.pfrack.cluster.plugins.module_utils.inventory.pair import compile_pair, read_pair
from ansible_collections.pfrack.cluster.tests.unit.plugins.module_utils.inventory.racks import ROUTER, SETTINGS, node

PAIR = {"role": "primary", "primary": "router1", "secondary": "router2", "peer_address": "10.10.0.3"}
CARP = {"address": "10.10.0.10", "mode": "carp", "vhid": 1, "password": "secret", "advskew": 5}
BOXES = ["dhcpd", "dnsforwarder", "virtualip"]


class Routers:
    """The facts of both routers, and the inventory."""

    def __init__(self):
        self.first = {**copy.deepcopy(ROUTER), "config_version": "23.9", "version": "2.8.0"}
        self.second = copy.deepcopy(self.first)
        self.second["interfaces"]["lan"]["address"] = "10.10.0.3"
        self.first["high_availability"] = {"peer": "10.99.0.2", "sections": list(BOXES)}
        self.second["high_availability"] = {"peer": "", "sections": []}
        self.settings = {**SETTINGS, "cluster_virtual_ips": [dict(CARP)]}
        self.nodes = [node(1), node(2)]

    def compile(self, role="primary", away=False):
        own, other = (self.first, self.second) if role == "primary" else (self.second, self.first)
        pair = {**PAIR, "role": role, "peer_info": None if away else other}
        return compile_pair(self.nodes, self.settings, own, ["cluster", "workers"], pair)

    def problem(self, **choice):
        with pytest.raises(DesiredError) as caught:
            self.compile(**choice)
        assert len(caught.value.problems) == 1, caught.value.problems
        return caught.value.problems[0]


@pytest.fixture
def routers():
    return Routers()


def test_both_get_the_same_but_for_the_skew(routers):
    # What the second one knows of addresses does not count: it may never have served.
    routers.second["static_mappings"]["lan"] = [
        {"mac_address": node(1)["mac_address"], "address": "10.10.0.77", "hostname": "old", "descr": "[pfrack]"}
    ]
    first, second = routers.compile(), routers.compile("secondary")
    assert (first["ha_role"], second["ha_role"]) == ("primary", "secondary")
    assert [spec["virtual_ips"][0]["advskew"] for spec in (first, second)] == [5, 105]
    differing = {name for name in first if first[name] != second[name]}
    assert differing == {"ha_role", "virtual_ips"}


def test_nodes_boot_from_the_address_that_moves(routers):
    spec = routers.compile()
    assert spec["router_address"] == spec["network_boot"]["next_server"] == "10.10.0.10"


def test_no_node_gets_an_address_of_the_other_router(routers):
    routers.settings["cluster_node_range"] = "10.10.0.3-10.10.0.9"
    assert [entry["address"] for entry in routers.compile(away=True)["nodes"]] == ["10.10.0.4", "10.10.0.5"]
    routers.nodes[0]["ipv4_address"] = "10.10.0.3"
    assert "router's own address on router2's interface lan" in routers.problem()


def test_the_skew_ends_where_carp_does(routers):
    routers.settings["cluster_virtual_ips"][0]["advskew"] = 200
    assert routers.compile("secondary")["virtual_ips"][0]["advskew"] == 254


def test_the_second_one_alone_keeps_the_addresses_that_it_has(routers):
    routers.second["static_mappings"]["lan"] = [
        {"mac_address": node(1)["mac_address"], "address": "10.10.0.77", "hostname": "node1", "descr": "[pfrack]"}
    ]
    spec = routers.compile("secondary", away=True)
    assert spec["ha_alone"] and spec["nodes"][0]["address"] == "10.10.0.77"
    assert not routers.compile(away=True)["ha_alone"]


def test_an_alias_would_not_move(routers):
    routers.settings["cluster_virtual_ips"] = [{"address": "10.10.0.10"}]
    problem = routers.problem()
    assert problem.startswith("cluster_virtual_ips[ingress].mode: ipalias: ")
    assert "mode: carp" in problem


def test_an_address_that_moves_is_needed(routers):
    routers.settings.update(cluster_virtual_ips=[], cluster_platform="none", cluster_dns_wildcard=False)
    assert "address that moves with the services" in routers.problem()


def test_synchronisation_has_to_be_set_up(routers):
    routers.first["high_availability"] = {"peer": "", "sections": []}
    assert routers.problem().startswith("router1: System > High Availability: Synchronize Config to IP: missing")


def test_boxes_that_are_needed_are_named(routers):
    routers.first["high_availability"]["sections"] = ["dnsforwarder"]
    assert "Virtual IPs, DHCP Server settings: tick them" in routers.problem()


OUTSIDE = {**CARP, "name": "outside", "interface": "wan", "address": "198.51.100.10", "vhid": 2}


def test_rules_have_to_go_across_when_there_are_any(routers):
    routers.second["interfaces"]["wan"]["address"] = "198.51.100.3"
    routers.settings["cluster_services"] = [{"name": "web", "port": 8081, "expose": ["outside"]}]
    routers.settings["cluster_virtual_ips"].append(dict(OUTSIDE))
    assert "Firewall rules: tick them" in routers.problem()
    routers.first["high_availability"]["sections"].append("rules")
    for role in ("primary", "secondary"):
        assert [rule["destination"] for rule in routers.compile(role)["firewall_rules"]] == ["198.51.100.10"]


def test_an_interface_is_not_exposed_because_its_address_does_not_move(routers):
    routers.settings["cluster_services"] = [{"name": "web", "port": 8081, "expose": ["WAN"]}]
    problem = routers.problem()
    assert problem.startswith("cluster_services[web].expose: WAN: the routers are a pair")
    assert "interface: wan" in problem and "mode: carp" in problem


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda info: info.update(config_version="23.3", version="2.7.2"), "router2: version: 2.7.2: "),
        (lambda info: info["high_availability"].update(peer="10.99.0.1"), "makes a circle"),
        (lambda info: info["interfaces"]["lan"].update(address="10.20.0.3"), "10.20.0.3/24: is not in 10.10.0.0/24"),
        (lambda info: info["interfaces"].pop("lan"), "router2: interface lan: missing"),
        (lambda info: info["webgui"].update(port=80), "router2: web GUI: 80: is the port of the service"),
    ],
)
def test_a_second_router_that_could_not_stand_in(routers, change, words):
    change(routers.second)
    assert words in routers.problem()
    assert words in routers.problem(role="secondary")


def test_a_carp_address_stands_where_the_first_router_has_one(routers):
    routers.second["interfaces"]["opt1"] = {**routers.second["interfaces"]["lan"], "address": "10.30.0.3"}
    other = {**CARP, "name": "other", "interface": "opt1", "address": "10.30.0.10", "vhid": 2}
    routers.settings["cluster_virtual_ips"].append(other)
    assert routers.problem().startswith("router1: interface opt1: has no IPv4 address: ")


def variables(**primaries):
    return {
        host: {} if primary is None else {"ha_primary": primary}
        for host, primary in {"router1": None, "router2": None, "router3": None, **primaries}.items()
    }


def read(router, **primaries):
    given = variables(**primaries)
    return read_pair(list(given), given, router)


def test_the_second_router_names_the_first():
    expected = {"primary": "router1", "secondary": "router2"}
    assert read("router1", router2="router1") == ({"role": "primary", **expected}, [])
    assert read("router2", router2="router1") == ({"role": "secondary", **expected}, [])
    assert read("router3", router2="router1") == (None, [])


@pytest.mark.parametrize(
    ("primaries", "words"),
    [
        ({"router2": "router9"}, "router2: ha_primary: router9: is no other host"),
        ({"router2": "router2"}, "router2: ha_primary: router2: is no other host"),
        ({"router2": "router1", "router3": "router2"}, "router3: ha_primary: router2: is a secondary itself"),
        ({"router2": "router1", "router3": "router1"}, "router3: ha_primary: router1: has router2 already"),
    ],
)
def test_what_is_no_pair(primaries, words):
    pair, problems = read("router1", **primaries)
    assert pair is None and len(problems) == 1 and words in problems[0]
