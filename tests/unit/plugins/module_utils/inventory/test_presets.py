# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Platforms: what comes with the collection, and what a user defines."""

from __future__ import annotations

import pytest
from ansible_collections.pfrack.cluster.plugins.module_utils.inventory.presets import PRESETS
from ansible_collections.pfrack.cluster.tests.unit.plugins.module_utils.inventory.racks import Rack, node

OWN = {"shop": {"virtual_ip_descr": "Shop", "services": [{"name": "shop", "port": 9000, "groups": ["controllers"]}]}}


@pytest.fixture
def rack():
    rack = Rack()
    rack.nodes.append({**node(4), "groups": ["cluster", "controllers"]})
    return rack


@pytest.mark.parametrize("platform", sorted(PRESETS))
def test_every_platform_compiles(rack, platform):
    rack.settings["cluster_platform"] = platform
    spec = rack.compile()
    assert [entry["name"] for entry in spec["frontends"]] == [item["name"] for item in PRESETS[platform]["services"]]
    assert not spec["firewall_rules"]


def test_the_kubernetes_api_is_on_the_controllers_only(rack):
    rack.settings["cluster_platform"] = "kubernetes"
    backends = {backend["name"]: backend for backend in rack.compile()["backends"]}
    assert [server["name"] for server in backends["kubernetes_api"]["servers"]] == ["node4"]
    assert len(backends["ingress_http"]["servers"]) == 4


def test_a_health_path_of_the_users_replaces_that_of_the_platform(rack):
    check = {"type": "HTTP", "method": "GET", "path": "/ready"}
    rack.settings.update(cluster_platform="web", cluster_services=[{"name": "web_http", "check": check}])
    assert rack.compile()["backends"][0]["check"]["path"] == "/ready"


def test_a_platform_of_the_users(rack):
    rack.settings.update(cluster_platform="shop", cluster_platforms=OWN)
    spec = rack.compile()
    assert [entry["name"] for entry in spec["frontends"]] == ["shop"]
    assert spec["virtual_ips"][0]["descr"] == "Shop"


def test_a_platform_of_the_users_brings_units_for_its_nodes(rack):
    snippets = {"controllers": [{"systemd": {"units": [{"name": "shop.service", "enabled": True}]}}]}
    rack.settings.update(
        cluster_platform="shop", cluster_platforms={"shop": {**OWN["shop"], "node_snippets": snippets}}
    )
    assert rack.compile()["group_snippets"] == snippets
    snippets["controller"] = snippets.pop("controllers")
    assert "controller: no such group" in rack.only_problem()


@pytest.mark.parametrize(
    ("platforms", "words"),
    [
        ({"deis": {}}, "cluster_platforms[deis]: deis: is a platform of the collection"),
        ({"shop": {"service": []}}, "did you mean services?"),
        ({"shop": {"services": [{"port": 1}]}}, "cluster_platforms[shop].services"),
        ({"shop": {"dns_registration": {"lease": True}}}, "did you mean leases?"),
        ({"shop": {"node_snippets": [{"systemd": {}}]}}, "cluster_platforms[shop].node_snippets"),
        ([], ""),
        ("shop", "is not a set of platforms"),
    ],
)
def test_what_is_wrong_is_named(rack, platforms, words):
    rack.settings["cluster_platforms"] = platforms
    if words:
        assert words in rack.only_problem()
    else:
        assert rack.compile()


def test_an_unknown_platform_is_told_those_of_the_users_too(rack):
    rack.settings.update(cluster_platform="shopp", cluster_platforms=OWN)
    assert "did you mean shop?" in rack.only_problem()
