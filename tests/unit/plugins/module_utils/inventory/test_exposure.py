# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services that other networks reach: `expose`."""

from __future__ import annotations

import pytest
from ansible_collections.pfrack.cluster.tests.unit.plugins.module_utils.inventory.racks import Rack

PUBLIC = {"name": "public", "address": "198.51.100.9", "interface": "wan", "prefix": 24}


@pytest.fixture
def rack():
    rack = Rack()
    rack.settings["cluster_platform"] = "none"
    rack.settings["cluster_services"] = [{"name": "web", "port": 80}]
    return rack


def test_nothing_is_exposed_by_default(rack):
    spec = rack.compile()
    assert spec["firewall_rules"] == []
    assert spec["frontends"][0]["listen"] == [{"address": "10.10.0.10", "port": 80}]


@pytest.mark.parametrize("wanted", [["wan"], ["WAN"], "wan", ["wan", "wan"]])
def test_an_interface(rack, wanted):
    rack.settings["cluster_services"][0]["expose"] = wanted
    spec = rack.compile()
    assert [entry["address"] for entry in spec["frontends"][0]["listen"]] == ["10.10.0.10", "198.51.100.2"]
    assert spec["firewall_rules"] == [
        {"interface": "wan", "protocol": "tcp", "destination": "198.51.100.2", "port": "80", "descr": "service web"}
    ]


def test_a_virtual_ip_that_the_service_listens_on_anyway(rack):
    rack.settings["cluster_virtual_ips"] += [PUBLIC]
    rack.settings["cluster_services"][0].update(expose=["public"], virtual_ip="public")
    spec = rack.compile()
    assert spec["frontends"][0]["listen"] == [{"address": "198.51.100.9", "port": 80}]
    assert spec["firewall_rules"][0]["destination"] == "198.51.100.9"


@pytest.mark.parametrize(
    ("wanted", "words"),
    [(["lan"], "cluster's own network"), (["ingress"], "cluster's own network"), (["opt1"], "no IPv4 address"),
     (["vpn"], "no such interface"), ([7], "not a list of interfaces")],
)  # fmt: skip
def test_refused(rack, wanted, words):
    rack.settings["cluster_services"][0]["expose"] = wanted
    line = rack.only_problem()
    assert line.startswith("cluster_services[web].expose: ") and words in line


def test_two_services_do_not_share_a_port_there(rack):
    rack.settings["cluster_virtual_ips"] += [PUBLIC]
    rack.settings["cluster_services"] = [
        {"name": "web", "port": 80, "expose": ["public"]},
        {"name": "other", "port": 80, "virtual_ip": "public"},
    ]
    assert "198.51.100.9:80" in rack.only_problem()
