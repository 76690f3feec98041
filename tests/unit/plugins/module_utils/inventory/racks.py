# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values and small inventories shared by the tests of this directory."""

from __future__ import annotations

import copy

import pytest
from ansible_collections.pfrack.cluster.plugins.module_utils.errors import DesiredError
from ansible_collections.pfrack.cluster.plugins.module_utils.inventory.compile import compile_cluster

ROUTER = {
    "interfaces": {
        "wan": {"descr": "WAN", "device": "em0", "address": "198.51.100.2", "prefix": 24, "enabled": True},
        "lan": {"descr": "Rack", "device": "em1", "address": "10.10.0.1", "prefix": 24, "enabled": True},
        "opt1": {"descr": None, "device": "em2", "address": None, "prefix": None, "enabled": False},
    },
    "dns": {"forwarder": {"enabled": False, "port": 53}, "resolver": {"enabled": True, "port": 53}},
    "virtual_ips": [],
    "static_mappings": {"lan": []},
    "scopes": {
        "lan": {
            "enabled": True,
            "range": {"from": "10.10.0.100", "to": "10.10.0.199"},
            "pools": [{"range": {"from": "10.10.0.210", "to": "10.10.0.219"}}],
        }
    },
    "webgui": {"protocol": "https", "port": 8443, "redirect": False},
}
SETTINGS = {
    "cluster_domain": "cluster.lab.example",
    "cluster_node_range": "10.10.0.20-10.10.0.99",
    "cluster_virtual_ips": [{"address": "10.10.0.10"}],
    "node_config_ssh_authorized_keys": ["ssh-ed25519 AAAA me"],
}


def mac(number):
    return "52:54:00:10:%02x:%02x" % divmod(number, 256)


def node(number, **more):
    return {"name": "node%d" % number, "groups": ["cluster", "workers"], "mac_address": mac(number), **more}


class Rack:
    """An inventory and a router to change and compile."""

    def __init__(self):
        self.router = copy.deepcopy(ROUTER)
        self.settings = copy.deepcopy(SETTINGS)
        self.nodes = [node(1), node(2), node(3)]

    def map(self, mac_address, address, hostname, descr="[pfrack]"):
        entry = {"mac_address": mac_address, "address": address, "hostname": hostname, "descr": descr}
        self.router["static_mappings"]["lan"].append(entry)

    def compile(self):
        return compile_cluster(self.nodes, self.settings, self.router, ["all", "cluster", "controllers", "workers"])

    def addresses(self):
        return {entry["name"]: entry["address"] for entry in self.compile()["nodes"]}

    def problems(self):
        with pytest.raises(DesiredError) as caught:
            self.compile()
        return caught.value.problems

    def only_problem(self):
        problems = self.problems()
        assert len(problems) == 1, problems
        return problems[0]


def large(count):
    """A rack of so many nodes, of which the router maps every other one already."""
    rack = Rack()
    rack.router["interfaces"]["lan"]["prefix"] = 16
    rack.settings["cluster_node_range"] = "10.10.4.1-10.10.250.250"
    rack.nodes = [node(number) for number in range(count)]
    for number in range(0, count, 2):
        entry = rack.nodes[number]
        rack.map(entry["mac_address"], "10.10.%d.%d" % (4 + number // 250, 1 + number % 250), entry["name"])
    return rack
