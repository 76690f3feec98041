# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a good inventory becomes."""

from __future__ import annotations

import copy

import pytest
from ansible_collections.pfrack.cluster.plugins.module_utils.inventory.compile import compile_cluster
from ansible_collections.pfrack.cluster.tests.unit.plugins.module_utils.inventory.racks import (
    ROUTER,
    SETTINGS,
    Rack,
    mac,
    node,
)
from hypothesis import given
from hypothesis import strategies as st

NUMBERS = st.lists(st.integers(1, 70), unique=True, min_size=1, max_size=12)


@pytest.fixture
def rack():
    return Rack()


def compiled(numbers, mappings=()):
    router = copy.deepcopy(ROUTER)
    router["static_mappings"]["lan"] = [dict(entry, descr="[pfrack]") for entry in mappings]
    return compile_cluster([node(number) for number in numbers], SETTINGS, router)


@given(NUMBERS.flatmap(lambda numbers: st.tuples(st.just(numbers), st.permutations(numbers))))
def test_the_order_of_the_inventory_does_not_matter(orders):
    assert compiled(orders[0]) == compiled(orders[1])


@given(NUMBERS, NUMBERS)
def test_adding_and_removing_nodes_leaves_the_others_where_they_are(before, after):
    first = compiled(before)
    second = compiled(after, first["static_mappings"])
    old = {entry["mac_address"]: entry["address"] for entry in first["nodes"]}
    for entry in second["nodes"]:
        assert entry["address"] == old.get(entry["mac_address"], entry["address"])
    addresses = [entry["address"] for entry in second["nodes"]]
    assert len(set(addresses)) == len(addresses)


@given(NUMBERS)
def test_compiling_again_with_the_mappings_made_changes_nothing(numbers):
    first = compiled(numbers)
    second = compiled(numbers, first["static_mappings"])
    assert not any(entry["allocated"] for entry in second["nodes"])
    assert second["static_mappings"] == first["static_mappings"]


def test_addresses_are_given_in_the_natural_order_of_names(rack):
    rack.nodes = [node(10), node(9), node(2, ipv4_address="10.10.0.21")]
    assert rack.addresses() == {"node2": "10.10.0.21", "node9": "10.10.0.20", "node10": "10.10.0.22"}


def test_nothing_in_use_is_given_to_a_node(rack):
    rack.settings["cluster_virtual_ips"] = [{"address": "10.10.0.20"}]
    rack.router["virtual_ips"] = [{"address": "10.10.0.21", "descr": "admin's"}]
    rack.map("52:54:00:99:00:01", "10.10.0.22", "printer", descr="by hand")
    rack.router["interfaces"]["opt1"].update(address="10.10.0.23", prefix=32)
    assert rack.addresses()["node1"] == "10.10.0.24"


def test_the_address_of_a_removed_node_is_given_away_last(rack):
    rack.map(mac(77), "10.10.0.20", "node77")
    assert rack.addresses()["node1"] == "10.10.0.21"
    rack.settings["cluster_node_range"] = "10.10.0.20-10.10.0.22"
    assert rack.addresses() == {"node1": "10.10.0.21", "node2": "10.10.0.22", "node3": "10.10.0.20"}


def test_an_address_in_the_inventory_moves_a_mapped_node(rack):
    rack.map(mac(1), "10.10.0.50", "node1")
    rack.nodes[0]["ipv4_address"] = "10.10.0.60"
    assert rack.addresses()["node1"] == "10.10.0.60"


def test_an_equal_mapping_made_by_an_admin_is_good_enough(rack):
    rack.map(mac(1), "10.10.0.50", "node1", descr="by hand")
    assert rack.addresses()["node1"] == "10.10.0.50"


def test_mac_addresses_are_written_one_way(rack):
    rack.nodes[0]["mac_address"] = "52-54-00-AB-CD-EF"
    assert rack.compile()["static_mappings"][0]["mac_address"] == "52:54:00:ab:cd:ef"


def test_a_name_with_the_clusters_domain_is_the_short_name(rack):
    rack.nodes[0]["name"] = "Node1.cluster.lab.example"
    spec = rack.compile()
    assert spec["dns_hosts"][0] == {"host": "node1", "domain": "cluster.lab.example", "address": "10.10.0.20"}


def test_the_deis_platform_is_the_original_guide(rack):
    rack.nodes = [node(1)]
    spec = rack.compile()
    longest = 2147483647
    assert spec["virtual_ips"] == [{"address": "10.10.0.10", "interface": "lan", "descr": "Deis HA Proxy"}]
    assert spec["wildcards"] == [{"domain": "cluster.lab.example", "address": "10.10.0.10"}]
    assert spec["dns_registration"] == {"leases": True, "static_mappings": True}
    assert spec["backends"] == [
        {
            "name": "deis_http",
            "check": {"type": "HTTP", "method": "GET", "path": "/health-check"},
            "connect_timeout": longest,
            "server_timeout": longest,
            "servers": [{"name": "node1", "address": "10.10.0.20", "port": 80}],
        },
        {
            "name": "deis_ssh",
            "balance": "leastconn",
            "check": {"type": "Basic"},
            "connect_timeout": longest,
            "server_timeout": longest,
            "servers": [{"name": "node1", "address": "10.10.0.20", "port": 2222}],
        },
    ]
    assert spec["frontends"] == [
        {
            "name": "deis_http",
            "mode": "http",
            "forward_for": True,
            "client_timeout": longest,
            "listen": [{"address": "10.10.0.10", "port": 80}],
            "backend": "deis_http",
        },
        {
            "name": "deis_ssh",
            "mode": "tcp",
            "client_timeout": longest,
            "listen": [{"address": "10.10.0.10", "port": 2222}],
            "backend": "deis_ssh",
        },
    ]


def test_a_service_of_the_platform_can_be_changed_and_others_added(rack):
    rack.nodes[0]["groups"] = ["cluster", "controllers"]
    rack.settings["cluster_virtual_ips"].append({"name": "internal", "address": "10.10.0.11"})
    rack.settings["cluster_services"] = [
        {"name": "deis_http", "port": "8080"},
        {"name": "api", "port": 6443, "groups": ["controllers"], "virtual_ip": "internal", "backend_port": 443},
    ]
    spec = rack.compile()
    frontends = {entry["name"]: entry for entry in spec["frontends"]}
    assert frontends["deis_http"]["listen"] == [{"address": "10.10.0.10", "port": 8080}]
    assert frontends["deis_http"]["forward_for"] is True
    assert frontends["api"]["listen"] == [{"address": "10.10.0.11", "port": 6443}]
    api = next(entry for entry in spec["backends"] if entry["name"] == "api")
    assert api["servers"] == [{"name": "node1", "address": "10.10.0.20", "port": 443}]


def test_one_port_on_two_virtual_ips_is_fine(rack):
    rack.settings["cluster_virtual_ips"].append({"name": "internal", "address": "10.10.0.11"})
    rack.settings["cluster_services"] = [{"name": "web", "port": 80, "virtual_ip": "internal"}]
    assert len(rack.compile()["frontends"]) == 3


def test_without_a_platform_nothing_needs_a_virtual_ip(rack):
    rack.settings.update(cluster_platform="none", cluster_virtual_ips=[])
    spec = rack.compile()
    assert (spec["backends"], spec["frontends"], spec["virtual_ips"], spec["wildcards"]) == ([], [], [], [])


def test_interfaces_are_found_by_label_in_any_case(rack):
    rack.settings["cluster_interface"] = "RACK"
    spec = rack.compile()
    assert spec["interface"] == "lan"
    assert spec["virtual_ips"][0]["interface"] == "lan"


def test_a_scope_that_serves_keeps_its_range(rack):
    assert rack.compile()["scope"] == {"interface": "lan"}
    rack.settings["cluster_dhcp_range"] = {"from": "10.10.0.120", "to": "10.10.0.150"}
    assert rack.compile()["scope"] == {
        "interface": "lan",
        "enable": True,
        "range": {"from": "10.10.0.120", "to": "10.10.0.150"},
    }


def test_a_given_pool_frees_the_addresses_of_the_present_one(rack):
    rack.settings["cluster_dhcp_range"] = {"from": "10.10.0.150", "to": "10.10.0.199"}
    rack.nodes[0]["ipv4_address"] = "10.10.0.110"
    assert rack.addresses()["node1"] == "10.10.0.110"


def test_machines_boot_from_the_router_unless_told_otherwise(rack):
    assert rack.compile()["network_boot"] == {"next_server": "10.10.0.1", "bios": "pxelinux.0", "uefi64": "ipxe.efi"}
    rack.settings["cluster_network_boot"] = {"bios": "undionly.kpxe"}
    assert rack.compile()["network_boot"]["bios"] == "undionly.kpxe"
    rack.settings["cluster_network_boot"] = False
    assert rack.compile()["network_boot"] == {}


def test_the_dns_service_in_use_gets_the_records(rack):
    assert (rack.compile()["dns_service"], rack.compile()["dns_service_chosen"]) == ("resolver", False)
    rack.router["dns"] = {"forwarder": {"enabled": True, "port": 53}, "resolver": {"enabled": True, "port": 5353}}
    assert rack.compile()["dns_service"] == "forwarder"
    rack.settings["dns_service"] = "resolver"
    assert (rack.compile()["dns_service"], rack.compile()["dns_service_chosen"]) == ("resolver", True)


def test_a_cluster_that_admits_any_machine_may_start_empty(rack):
    rack.nodes = []
    rack.settings["cluster_admission"] = "any"
    assert [entry["servers"] for entry in rack.compile()["backends"]] == [[], []]


def test_machines_with_a_lease_serve_but_get_no_mapping_and_no_name(rack):
    rack.settings["cluster_admission"] = "any"
    before = rack.compile()
    entry = {"mac": "52:54:00:77:00:01", "type": "dynamic", "state": "active", "hostname": "worker7"}
    rack.router["leases"] = [dict(entry, address="10.10.0.150"), dict(entry, address="10.10.0.10")]
    after = rack.compile()
    new = {"name": "node-525400770001", "address": "10.10.0.150"}
    for old_backend, backend in zip(before["backends"], after["backends"]):
        assert backend["servers"] == [*old_backend["servers"], {**new, "port": backend["servers"][0]["port"]}]
    assert [(node["name"], node["address"]) for node in after["admitted_nodes"]] == [tuple(new.values())]
    same = ("nodes", "static_mappings", "dns_hosts", "frontends", "virtual_ips")
    assert {key: after[key] for key in same} == {key: before[key] for key in same}
    rack.settings["cluster_admission_match"] = {"hostnames": ["db*"]}
    assert rack.compile()["backends"] == before["backends"]
    rack.settings["cluster_admission"] = "inventory"
    assert rack.compile()["admitted_nodes"] == []
