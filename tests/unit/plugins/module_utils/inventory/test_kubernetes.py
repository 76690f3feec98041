# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What would become no Kubernetes is refused before a node is installed with it."""

from __future__ import annotations

import pytest
from ansible_collections.pfrack.cluster.tests.unit.plugins.module_utils.inventory.racks import Rack


@pytest.fixture
def rack():
    rack = Rack()
    rack.nodes[0]["groups"] = ["cluster", "controllers"]
    rack.settings["cluster_platform"] = "kubernetes"
    return rack


def test_k3s_comes_with_its_platform_unless_the_user_brings_another_one(rack):
    assert rack.compile()["kubernetes"] == "k3s"
    rack.settings["cluster_kubernetes"] = "none"
    assert rack.compile()["kubernetes"] == "none"


@pytest.mark.parametrize("overlay", ["none", "flannel"])
def test_it_has_an_etcd_and_a_network_of_its_own(rack, overlay):
    rack.settings.update(cluster_etcd=True, cluster_overlay=overlay)
    words = "k3s brings an etcd and a network of its own, on the same ports"
    expected = ["cluster_etcd: True: " + words] + (["cluster_overlay: flannel: " + words] if overlay != "none" else [])
    assert [problem[: len(start)] for problem, start in zip(rack.problems(), expected, strict=True)] == expected
    rack.settings["cluster_kubernetes"] = "none"
    rack.compile()


@pytest.mark.parametrize(
    "groups, found", [(["controllers", "workers"], "controllers and workers"), ([], "no group of k3s")]
)
def test_a_node_is_a_server_or_an_agent(rack, groups, found):
    rack.nodes[1]["groups"] = ["cluster", *groups]
    assert rack.only_problem().startswith("node2: %s: a node is either a server" % found)
    # Others made its units.
    rack.settings["cluster_install"] = False
    rack.compile()
