# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the backend sync leaves alone, refuses, or can only do by a reload."""

from __future__ import annotations

import pytest
from fleet import DesiredError, SyncRouter, Wish, address, check_agreement, in_config, running, wish
from load import load


def test_a_name_is_taken(syncing):
    syncing.run(wish(1))
    syncing.runtime(f"add server web_ipvANY/node2 {address(3)}:80")
    with pytest.raises(DesiredError, match="web/node2.*running HAProxy"):
        syncing.run(wish(1, 2))
    assert "web_ipvANY/node2" not in in_config(syncing)
    syncing.runtime("set server web_ipvANY/node2 state maint", "del server web_ipvANY/node2")

    by_hand = {"name": "node2", "id": "900", "status": "active", "address": address(3), "port": "80"}
    servers = syncing.section()["ha_pools"]["item"][0]["ha_servers"]["item"]
    syncing.change("installedpackages/haproxy/ha_pools/item/0/ha_servers/item", [*servers, by_hand], ["haproxy"])
    with pytest.raises(DesiredError, match="node2.*pfrack did not make"):
        syncing.run(wish(1, 2))


def test_servers_added_by_hand_are_left_alone(syncing):
    syncing.run(wish(1, 2))
    servers = syncing.section()["ha_pools"]["item"][0]["ha_servers"]["item"]
    mine = {"name": "mine", "id": "900", "status": "active", "address": address(4), "port": "80", "weight": "3"}
    syncing.change("installedpackages/haproxy/ha_pools/item/0/ha_servers/item", [*servers, mine], ["haproxy"])
    syncing.runtime(f"add server web_ipvANY/live {address(5)}:80 id 901", "set server web_ipvANY/mine weight 5")
    report = syncing.run(wish(2, 3))
    assert report["route"] == "runtime"
    assert any("web/live" in warning for warning in report["warnings"])
    state = running(syncing)
    assert state["web_ipvANY/mine"][:4] == ("900", address(4), "80", "5")
    assert "web_ipvANY/live" in state
    assert mine in syncing.section()["ha_pools"]["item"][0]["ha_servers"]["item"]


@pytest.mark.parametrize("pools", [{"web": {"balance": "static-rr"}}], ids=["static-rr"])
def test_what_haproxy_cannot_do_at_run_time_is_done_by_a_reload_that_says_why(rack, fleet, pools):
    syncing = SyncRouter(rack)
    syncing.install(**pools)
    syncing.run(wish(1))
    with load(rack.controller) as clients:
        report = syncing.run(wish(1, 2))
    assert report["route"] == "reload"
    assert "load balancing" in report["reasons"][0]
    assert {kind for kind in clients.lost if kind != "kept"} == set()
    check_agreement(syncing, 1, 2)

    checked = wish(1, 2)
    checked.backends[0]["check"] = {"type": "HTTP", "path": "/health", "method": "GET", "interval": 500}
    report = syncing.run(checked)
    assert (report["route"], report["reasons"]) == (
        "reload",
        ["backend web: checkinter changes", "backend web: monitor_uri changes"],
    )
    assert syncing.run(checked)["changed"] is False
    syncing.end()


def test_guards(syncing):
    syncing.run(wish(1, 2, 3))
    before = running(syncing)
    with pytest.raises(DesiredError, match="at once"):
        syncing.run(wish(1))
    with pytest.raises(DesiredError, match="allow_empty"):
        syncing.run(wish())
    with pytest.raises(DesiredError, match="allow_empty"):
        syncing.run(Wish("pfrack", None, drain=["node1", "node2", "node3"]))
    assert running(syncing) == before
    # The one that would stay does not answer.
    syncing.runtime("set server web_ipvANY/node1 health down", "set server lines_ipvANY/node1 health down")
    with pytest.raises(DesiredError, match="health check"):
        syncing.run(wish(1), max_removed=100)
    syncing.run(wish(), max_removed=100, allow_empty=True)
    check_agreement(syncing)


def test_a_missing_server_stays_for_its_period_of_grace(syncing):
    syncing.run(wish(1, 2))
    report = syncing.run(wish(2), grace=3600)
    assert (report["changed"], report["in_grace"]) == (False, ["lines/node1", "web/node1"])
    assert "node1" in syncing.port.note("missing.pfrack")
    syncing.run(wish(1, 2), grace=3600)
    assert syncing.port.note("missing.pfrack") == ""
    syncing.run(wish(2), grace=3600)
    assert syncing.run(wish(2))["removed"] == ["lines/node1", "web/node1"]
    check_agreement(syncing, 2)
