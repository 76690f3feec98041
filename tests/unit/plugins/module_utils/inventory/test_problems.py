# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a bad inventory is told; each line names the place, the value and the way out."""

from __future__ import annotations

import pytest
from ansible_collections.pfrack.cluster.tests.unit.plugins.module_utils.inventory.racks import (
    Rack,
    mac,
    node,
)


@pytest.fixture
def rack():
    return Rack()


@pytest.mark.parametrize(
    "value, problem",
    [
        (None, "node2/mac_address: missing: a node needs one"),
        ("52:54:00", "node2/mac_address: 52:54:00: is not a MAC address"),
        ("52:54-00:10:00:02", "node2/mac_address: 52:54-00:10:00:02: is not a MAC address"),
        (40909872001, "YAML read this as a number; put the MAC address in quotes"),
        ("00:00:00:00:00:00", "is no machine's MAC address"),
        ("01:00:5e:00:00:01", "is a multicast MAC address"),
        ("52-54-00-10-00-01", "node2/mac_address: 52:54:00:10:00:01: node1 has the same"),
    ],
)
def test_mac_addresses(rack, value, problem):
    rack.nodes[1]["mac_address"] = value
    assert problem in rack.only_problem()


@pytest.mark.parametrize(
    "value, problem",
    [
        ("10.10.0", "is not an IPv4 address"),
        ("10.11.0.20", "is no host address of lan's network 10.10.0.0/24"),
        ("10.10.0.255", "is no host address of lan's network"),
        ("10.10.0.150", "lies in the DHCP pool 10.10.0.100-10.10.0.199"),
        ("10.10.0.215", "lies in the DHCP pool 10.10.0.210-10.10.0.219"),
        ("10.10.0.1", "is the router's own address on lan"),
        ("10.10.0.10", "is one of cluster_virtual_ips"),
        ("10.10.0.12", "is the router's virtual IP admin's"),
        ("10.10.0.13", "the router maps it to 52:54:00:99:00:01 (printer) and pfrack did not make that"),
        ("10.10.0.30", "node1 has it"),
        ("10.10.0.40", "node3 has it"),
    ],
)
def test_addresses_of_nodes(rack, value, problem):
    rack.router["virtual_ips"] = [{"address": "10.10.0.12", "descr": "admin's"}]
    rack.map("52:54:00:99:00:01", "10.10.0.13", "printer", descr="by hand")
    rack.map(mac(3), "10.10.0.40", "node3")
    rack.nodes[0]["ipv4_address"] = "10.10.0.30"
    rack.nodes[1]["ipv4_address"] = value
    if value == "10.10.0.40":
        assert rack.only_problem().startswith("node3/ipv4_address: 10.10.0.40: node2 has it and the router maps it")
    else:
        line = rack.only_problem()
        assert line.startswith("node2/ipv4_address: %s: " % value)
        assert problem in line


def test_an_address_that_the_router_maps_must_be_possible_too(rack):
    rack.map(mac(1), "10.10.0.150", "node1")
    assert "set ipv4_address to move the node" in rack.only_problem()


def test_a_contradicting_mapping_made_by_an_admin(rack):
    rack.map(mac(1), "10.10.0.50", "database", descr="by hand")
    assert rack.only_problem().startswith(
        "node1/mac_address: 52:54:00:10:00:01: the router maps it to 10.10.0.50 (database)"
    )


@pytest.mark.parametrize(
    "name, problem",
    [
        ("node_2", "is no host name"),
        ("-node", "is no host name"),
        ("node.elsewhere", "is no host name"),
        ("n" * 64, "is no host name"),
        ("7", "at least two"),
        ("77", "a name of digits only"),
        ("NODE1", "node1 has the same name"),
    ],
)
def test_names_of_nodes(rack, name, problem):
    rack.nodes[1]["name"] = name
    assert any(problem in line or "has the same name in DNS" in line for line in rack.problems())


@pytest.mark.parametrize(
    "value, problem",
    [
        ("10.10.0.20", "is not a range"),
        ("10.10.0.20-x", "is not a range"),
        ("10.10.0.99-10.10.0.20", "ends before it starts"),
        ("10.10.1.20-10.10.1.99", "is not within lan's network 10.10.0.0/24"),
        ("10.10.0.50-10.10.0.110", "overlaps the DHCP pool 10.10.0.100-10.10.0.199"),
        ("10.10.0.20-10.10.0.21", "is too small: no address is left for 1 nodes (node3)"),
    ],
)
def test_the_range_for_nodes(rack, value, problem):
    rack.settings["cluster_node_range"] = value
    assert any(line.startswith("cluster_node_range: ") and problem in line for line in rack.problems())


def test_without_a_range_every_node_needs_an_address(rack):
    del rack.settings["cluster_node_range"]
    rack.nodes[0]["ipv4_address"] = "10.10.0.30"
    assert [line.split(":")[0] for line in rack.problems()] == ["node2/ipv4_address", "node3/ipv4_address"]


@pytest.mark.parametrize(
    "entry, problem",
    [
        ({}, "cluster_virtual_ips[1].address: missing"),
        ({"address": "10.10.0.300"}, "is not an IPv4 address"),
        ({"address": "10.10.0.1"}, "is the router's own address on lan"),
        ({"address": "198.51.100.2", "interface": "wan", "prefix": 32}, None),
        ({"address": "10.10.0.120"}, "lies in the DHCP pool"),
        ({"address": "10.99.0.1"}, "is no host address of lan's network"),
        ({"address": "10.10.0.13"}, "the router maps it to"),
        ({"address": "10.10.0.10", "interface": "dmz"}, "the router has no such interface; use one of: lan, opt1, wan"),
        ({"address": "10.10.0.10", "mode": "crap"}, "did you mean carp?"),
        ({"address": "10.10.0.10", "mode": "carp", "vhid": 1}, "cluster_virtual_ips[1].password: missing"),
        ({"address": "10.10.0.10", "prefix": 33}, "is not a whole number from 1 to 32"),
        ({"address": "10.10.0.10", "adress": "x"}, "there is no such field; did you mean address?"),
    ],
)
def test_virtual_ips(rack, entry, problem):
    rack.map("52:54:00:99:00:01", "10.10.0.13", "printer", descr="by hand")
    rack.settings["cluster_virtual_ips"] = [entry]
    if problem is None:
        assert rack.compile()["virtual_ips"][0]["interface"] == "wan"
    else:
        assert any(line.startswith("cluster_virtual_ips[1]") and problem in line for line in rack.problems())


def test_a_virtual_ip_is_there_once(rack):
    rack.settings["cluster_virtual_ips"] = [{"address": "10.10.0.10"}, {"address": "10.10.0.10", "name": "ingress"}]
    assert len(rack.problems()) == 2


def service(**fields):
    return [{"name": "web", "port": 8000, **fields}]


@pytest.mark.parametrize(
    "services, problem",
    [
        ("web", "cluster_services: (hidden): is not a list of entries"),
        ([{"port": 1}], "cluster_services[1].name: missing"),
        (service(name="web site"), "HAProxy takes no such name"),
        (service(port=None), "cluster_services[web].port: missing"),
        (service(port=0), "is not a whole number from 1 to 65535"),
        (service(port=True), "is not a whole number from 1 to 65535"),
        (service(port=80), "10.10.0.10:80: cluster_services[deis_http] has it already"),
        (service(backend="deis_ssh"), "cluster_services[deis_ssh] has it already"),
        (service(frontend="deis_ssh"), "cluster_services[deis_ssh] has it already"),
        (service(groups=["wrokers"]), "there is no such group; did you mean workers?"),
        (service(groups=["controllers"]), "no node is in there"),
        (service(mode="udp"), "cluster_services[web].mode: udp"),
        (service(mode="tcp", forward_for=True), "only HTTP has such a header"),
        (service(time_out=3), "there is no such field"),
        (service(servertimeout=3), "did you mean server_timeout?"),
        (service(check={"type": "http"}), "did you mean HTTP?"),
        (service(check={"type": "HTTP", "path": "health"}), "is not a path"),
        (service(check={"path": "/"}), "cluster_services[web].check.type: missing"),
        (service(check="HTTP"), "is not a set of fields"),
        (service(virtual_ip="ingres"), "did you mean ingress?"),
        (service(server_timeout=2147483648), "is not a whole number"),
        (service() + service(), "is the name of two services"),
    ],
)
def test_services(rack, services, problem):
    rack.settings["cluster_services"] = services
    assert any(problem in line for line in rack.problems())


def test_a_service_may_be_empty_when_told_so(rack):
    rack.settings["cluster_services"] = service(groups=["controllers"], allow_empty=True)
    assert rack.compile()["backends"][-1]["servers"] == []


@pytest.mark.parametrize(
    "name, value, problem",
    [
        ("cluster_domain", None, "cluster_domain: missing"),
        ("cluster_domain", "cluster_x.example", "is no domain"),
        ("cluster_domain", "local", "is no domain"),
        ("cluster_interface", "dmz", "the router has no such interface"),
        ("cluster_interface", "opt1", "this interface has no IPv4 address"),
        ("cluster_platform", "dies", "did you mean deis?"),
        ("cluster_virtual_ips", None, "cluster_virtual_ips: missing: services need an address"),
        ("cluster_name", "a b", "is no name for a mark"),
        ("cluster_admission", "all", "is not known here"),
        ("cluster_admission_match", {"macs": ["x"]}, "is no choice of machines"),
        ("cluster_admission_match", {"hostnames": "worker*"}, "takes lists of patterns"),
        ("cluster_dhcp_range", "10.10.0.1-10.10.0.2", "is no DHCP range"),
        ("cluster_dhcp_range", {"from": "10.10.1.1", "to": "10.10.1.2"}, "is not within lan's network"),
        ("cluster_network_boot", {"bois": "x"}, "did you mean bios?"),
        ("cluster_dns_wildcard", "perhaps", "is neither true nor false"),
        ("cluster_node_rnage", "x", "did you mean cluster_node_range?"),
        ("dns_service", "dnsmasq", "is not known here"),
    ],
)
def test_settings(rack, name, value, problem):
    rack.settings[name] = value
    assert any(line.startswith(name) and problem in line for line in rack.problems())


def test_other_variables_of_the_user_are_no_business_of_ours(rack):
    rack.settings["cluster_owner_team"] = "storage"
    rack.compile()


def test_a_cluster_without_nodes(rack):
    rack.nodes = []
    assert rack.only_problem().startswith("cluster: no hosts: the group is empty")


def test_a_dhcp_server_that_is_off_needs_a_pool(rack):
    rack.router["scopes"] = {}
    assert rack.only_problem().startswith("cluster_dhcp_range: missing: the router's DHCP server is off on lan")
    rack.settings["cluster_dhcp_range"] = {"from": "10.10.0.100", "to": "10.10.0.199"}
    assert rack.compile()["scope"]["enable"] is True


def test_a_router_without_a_dns_service(rack):
    rack.router["dns"] = {}
    assert "set forwarder or resolver" in rack.only_problem()


def test_ports_of_the_web_gui(rack):
    rack.router["webgui"] = {"protocol": "https", "port": 443, "redirect": True}
    rack.settings["cluster_services"] = service(name="tls", port=443)
    assert [line.split(";")[0] for line in rack.problems()] == [
        "cluster_services[deis_http].port: 80: the router redirects this port of all addresses to its web GUI",
        "cluster_services[tls].port: 443: the router's web GUI listens there on all addresses",
    ]


def test_every_problem_is_in_the_one_message(rack):
    rack.nodes = [node(1, mac_address="x"), node(2, ipv4_address="10.10.0.150"), node(3)]
    rack.settings.update(cluster_domain="?", cluster_platform="dies", cluster_services=service(port=0))
    places = [line.split(": ")[0] for line in rack.problems()]
    assert places == [
        "cluster_domain",
        "cluster_platform",
        "node1/mac_address",
        "node2/ipv4_address",
        "cluster_services[web].port",
    ]


@pytest.mark.parametrize(
    "value, problem",
    [
        (None, "node_config_ssh_authorized_keys: missing: nobody could log in"),
        ([], "set cluster_install: false"),
        ("ssh-ed25519 AAAA me", "is not a list of public keys"),
        (["~/.ssh/id_ed25519.pub"], "node_config_ssh_authorized_keys[1]: (hidden): is not a public key"),
    ],
)
def test_somebody_has_to_be_able_to_log_in(rack, value, problem):
    rack.settings["node_config_ssh_authorized_keys"] = value
    assert problem in rack.only_problem()
    rack.settings["cluster_install"] = False
    assert not rack.compile()["install"]


def test_a_private_key_is_not_shown(rack):
    rack.settings["node_config_ssh_authorized_keys"] = ["-----BEGIN OPENSSH PRIVATE KEY-----\nsecret"]
    assert "secret" not in rack.only_problem()


def test_logins_by_snippet_or_without_installation_are_enough(rack):
    del rack.settings["node_config_ssh_authorized_keys"]
    rack.settings["node_config_snippets"] = [{"passwd": {"users": []}}]
    assert rack.compile()["install"]
    del rack.settings["node_config_snippets"]
    for entry in rack.nodes:
        entry["install_os"] = False
    assert rack.compile()["install"]
    rack.settings["cluster_admission"] = "any"
    assert "nobody could log in" in rack.only_problem()


@pytest.mark.parametrize(
    "name, value, problem",
    [
        ("install_disk", "sda", "node1/install_disk: sda: write a device such as /dev/disk/by-id/nvme-XYZ"),
        ("install_disk", 7, "or one of the rules: only, smallest, largest, first_nvme"),
        ("install_wipe", "maybe", "node1/install_wipe: maybe: is neither true nor false"),
        ("architecture", "arm64", "node1/architecture: arm64: is not known here; use one of: x86-64"),
    ],
)
def test_how_a_node_is_installed(rack, name, value, problem):
    rack.nodes[0][name] = value
    assert problem in rack.only_problem()


SECRET = "mark3dSecret"
CARP = {"address": "10.10.0.11", "mode": "carp", "vhid": 11}


@pytest.mark.parametrize(
    "settings, problem",
    [
        (
            {"cluster_virtual_ips": [{**CARP, "passwd": SECRET}]},
            "[1].passwd: (hidden): there is no such field; did you",
        ),
        ({"cluster_virtual_ips": [{**CARP, "passwd": {"a": SECRET}}]}, "[1].passwd: (hidden): there is no such field"),
        (
            {"cluster_virtual_ips": {**CARP, "password": SECRET}},
            "cluster_virtual_ips: (hidden): is not a list of entries",
        ),
        ({"cluster_virtual_ips": [[{**CARP, "password": SECRET}]]}, "cluster_virtual_ips: (hidden): is not a list"),
        ({"cluster_virtual_ips": SECRET}, "cluster_virtual_ips: (hidden): is not a list of entries"),
        ({"cluster_virtual_ips": [{"address": {**CARP, "password": SECRET}}]}, "[1].address: (hidden): is not an IPv4"),
        ({"cluster_virtual_ips": [{"name": {"password": SECRET}}]}, "cluster_virtual_ips[1].name: (hidden): is not a"),
        (
            {"cluster_virtual_ip": [{**CARP, "password": SECRET}]},
            "cluster_virtual_ip: (hidden): there is no such setting",
        ),
        ({"cluster_domain": [SECRET]}, "cluster_domain: (hidden): is no domain"),
        ({"cluster_domain": "a\n" + SECRET}, "cluster_domain: (hidden): is no domain"),
        (
            {"cluster_services": [{"name": "web", "port": 81, "mode": "stats auth admin:" + SECRET}]},
            ":(secret): is not",
        ),
        (
            {"cluster_services": [{"name": "web", "port": 81, "advanced": SECRET}]},
            ".advanced: (hidden): there is no such",
        ),
        ({"cluster_platforms": [SECRET]}, "cluster_platforms: (hidden): is not a set of platforms"),
        (
            {"cluster_platforms": {"shop": {"node_snippets": "token: " + SECRET}}},
            "node_snippets: (hidden): is not {group",
        ),
        ({"node_config_ssh_authorized_keys": SECRET}, "(hidden): is not a list of public keys"),
    ],
)
def test_what_may_be_a_secret_is_not_shown(rack, settings, problem):
    rack.settings.update(settings)
    lines = rack.problems()
    assert any(problem in line for line in lines), lines
    assert SECRET not in "\n".join(lines)
