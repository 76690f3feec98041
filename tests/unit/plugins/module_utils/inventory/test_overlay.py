# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""etcd and the network of the containers, as the inventory wants them."""

from __future__ import annotations

import pytest
from ansible_collections.pfrack.cluster.tests.unit.plugins.module_utils.inventory.racks import Rack


@pytest.fixture
def rack():
    rack = Rack()
    rack.nodes[0]["groups"] = ["cluster", "controllers"]
    rack.settings.update(cluster_etcd=True, cluster_overlay="flannel")
    return rack


def test_both_are_off_unless_wanted(rack):
    assert (rack.compile()["etcd"], rack.compile()["overlay"]) == (True, "flannel")
    del rack.settings["cluster_etcd"], rack.settings["cluster_overlay"]
    assert (rack.compile()["etcd"], rack.compile()["overlay"]) == (False, "none")


@pytest.mark.parametrize(
    "settings, problem",
    [
        ({"cluster_etcd": False}, "cluster_overlay: flannel: keeps its configuration in etcd; set cluster_etcd: true"),
        ({"cluster_overlay": "flanel"}, "cluster_overlay: flanel: is not known here; did you mean flannel?"),
        ({"etcd_group": "masters"}, "cluster_etcd: True: no node is in the group masters"),
        ({"flannel_network": "10.244.0.0/99"}, "flannel_network: 10.244.0.0/99: is no network"),
        (
            {"flannel_network": "10.0.0.0/8"},
            "10.0.0.0/8: overlaps the network of the router's interface lan (10.10.0.0/24)",
        ),
        ({"flannel_network": "198.51.0.0/16"}, "overlaps the network of the router's interface wan (198.51.100.0/24)"),
        ({"flannel_subnet_length": 16}, "flannel_subnet_length: 16: is no length of a node's part of 10.244.0.0/16"),
        ({"flannel_subnet_length": "x"}, "flannel_subnet_length: x: is no length"),
        (
            {"flannel_network": "10.244.0.0/23"},
            "flannel_subnet_length: 24: 10.244.0.0/23 has 1 parts of that length, for 3 nodes",
        ),
    ],
)
def test_what_would_not_work_is_told_before_anything_is_installed(rack, settings, problem):
    rack.settings.update(settings)
    assert problem in rack.only_problem()


def test_virtual_ips_of_anybody_are_no_addresses_of_containers(rack):
    rack.settings["cluster_virtual_ips"].append({"address": "10.244.7.1", "interface": "wan", "prefix": 32})
    assert "overlaps the virtual IP ingress2 (10.244.7.1)" in rack.only_problem()
    rack.settings["cluster_virtual_ips"].pop()
    rack.router["virtual_ips"].append({"address": "10.244.9.9", "descr": "somebody's"})
    assert "overlaps a virtual IP of the router (10.244.9.9)" in rack.only_problem()
