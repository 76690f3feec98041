# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The backend sync against the real HAProxy: nodes come, go and rest, and nobody notices."""

from __future__ import annotations

import threading

import pytest
from api_line import ApiLine, install_rest
from clients import wait_for
from fleet import (
    FRONT,
    FRONT_6,
    NODES,
    PORT,
    SSH,
    WEB,
    SyncRouter,
    Wish,
    address,
    check_agreement,
    read_state,
    running,
    server,
    wish,
)
from load import load

# The one for 2.7 has the oldest HAProxy that can do it.
BOTH = pytest.mark.parametrize("rack", [("2.8", "isc"), ("2.7", "isc")], indirect=True, ids="-".join)


@BOTH
def test_nodes_come_and_go_and_no_request_is_lost(rack, syncing):
    assert syncing.run(wish(1, 2))["route"] == "runtime"
    assert syncing.port.haproxy_state()["version"].startswith({"2.7": "2.6.", "2.8": "3."}[rack.settings["pfsense"]])
    pids = syncing.pids()
    with load(rack.controller) as clients:
        for numbers in ((1, 2, 3), (1, 2, 3, 4), (2, 3, 4), (3, 4), (4, 5), (1, 4, 5)):
            report = syncing.run(wish(*numbers))
            assert (report["changed"], report["route"], report["reasons"]) == (True, "runtime", [])
    assert clients.lost == {}
    assert clients.answered_by("new") >= {address(1), address(3), address(4)}
    assert all(entry["answered"] for entry in clients.result.values())
    assert syncing.pids() == pids
    check_agreement(syncing, 1, 4, 5)
    assert syncing.run(wish(1, 4, 5))["changed"] is False

    before = running(syncing)
    syncing.reload_by_admin()
    assert syncing.pids() != pids
    assert running(syncing) == before
    assert syncing.run(wish(1, 4, 5))["changed"] is False


@BOTH
def test_a_change_of_address_port_and_weight_is_made_in_place(syncing):
    syncing.run(wish(1, 2))
    pids = syncing.pids()
    moved = Wish("pfrack", [{"name": "web", "servers": [server(1), dict(server(3), name="node2", weight=7)]}])
    report = syncing.run(moved)
    assert (report["route"], report["updated"]) == ("runtime", ["web/node2"])
    assert running(syncing)["web_ipvANY/node2"][1:4] == (address(3), "80", "7")
    check_agreement(syncing, 1, 2)
    before = running(syncing)
    syncing.reload_by_admin()
    assert running(syncing) == before
    assert syncing.pids() != pids


def test_servers_and_clients_with_ipv6(rack, syncing):
    six = Wish("pfrack", [{"name": "web", "servers": [{"name": "six", "address": address(1, 6), "port": PORT}]}])
    assert syncing.run(six)["route"] == "runtime"
    rack.controller.run("ip addr replace fd00::c/64 dev eth0 nodad")
    for front in (FRONT, f"[{FRONT_6}]"):
        answer = rack.controller.run(["curl", "-s", "-m", "30", "--noproxy", "*", f"http://{front}:{WEB}/"]).stdout
        assert answer == address(1, 6)
    assert syncing.run(six)["changed"] is False
    syncing.reload_by_admin()
    assert syncing.run(six)["changed"] is False


@pytest.fixture
def session(rack, syncing):
    """An open session of a client through HAProxy with node1."""
    syncing.run(wish(1))
    process = rack.controller.popen(["socat", "-", f"TCP:{FRONT}:{SSH}"], stdin=-1, stdout=-1)
    assert process.stdout.readline().strip() == address(1)
    yield process
    process.kill()
    process.wait()


def alive(process):
    process.stdin.write("still there?\n")
    process.stdin.flush()
    return process.stdout.readline() == "still there?\n"


@pytest.mark.parametrize("carrier", ["xmlrpc", "rest"])
def test_the_api_does_the_same(rack, router, syncing, carrier):
    if carrier == "rest":
        install_rest(router)
    other = SyncRouter(rack, ApiLine(rack, carrier))
    assert other.run(wish(1, 2))["route"] == "runtime"
    with load(rack.controller) as clients:
        assert other.run(wish(2, 3))["route"] == "runtime"
    assert clients.lost == {}
    check_agreement(syncing, 2, 3)
    assert other.run(wish(2, 3))["changed"] is False
    other.end()


def test_a_leaving_server_is_drained_until_its_sessions_end(syncing, session):
    syncing.run(wish(1, 2))
    waited = threading.Event()

    def end_the_session(op, _params):
        if op == "haproxy_wait" and not waited.is_set():
            waited.set()
            assert alive(session)
            assert running(syncing_too)["lines_ipvANY/node1"][4] is True
            session.stdin.close()

    syncing_too = SyncRouter(syncing.rack)
    syncing.before = end_the_session
    report = syncing.run(wish(2), drain_timeout=60)
    syncing_too.end()
    assert waited.is_set()
    assert report["sessions_cut"] == {}
    check_agreement(syncing, 2)


@BOTH
def test_sessions_that_last_too_long_are_cut_by_the_time_limit(syncing, session):
    syncing.run(wish(1, 2))
    assert alive(session)
    report = syncing.run(wish(2), drain_timeout=1)
    assert report["sessions_cut"] == {"lines/node1": 1}
    assert session.stdout.readline() == ""
    check_agreement(syncing, 2)


@BOTH
def test_maintenance_survives_other_runs_reloads_and_restarts(rack, syncing):
    syncing.run(wish(1, 2))
    report = syncing.run(Wish("pfrack", None, drain=["node2"]))
    assert (report["route"], report["drained"]) == ("runtime", ["lines/node2", "web/node2"])
    assert syncing.run(wish(1, 2))["changed"] is False
    syncing.run(wish(1, 2, 3))
    syncing.reload_by_admin()
    assert syncing.run(wish(1, 2, 3))["changed"] is False
    rack.router.run(["killall", "-9", "haproxy"])
    wait_for(lambda: not syncing.pids(), "HAProxy is gone")
    syncing.run(wish(1, 2, 3))
    assert running(syncing)["web_ipvANY/node2"][4] is True
    check_agreement(syncing, 1, 2, 3)

    with load(rack.controller) as clients:
        assert syncing.run(Wish("pfrack", None, undrain=["node2"]))["route"] == "runtime"
        wait_for(lambda: read_state(syncing.port.haproxy_state()["state"])["web_ipvANY"]["node2"].up, "node2 is up")
    assert clients.lost == {}
    check_agreement(syncing, 1, 2, 3)
    syncing.reload_by_admin()
    assert running(syncing)["web_ipvANY/node2"][4] is False


def checked(syncing, server):
    """Whether a health check of the server has failed to connect."""
    return any(line.startswith(server) and ",L4" in line for line in syncing.runtime("show stat")[0].splitlines())


@BOTH
def test_a_new_node_that_is_not_up_gets_no_request(rack, syncing):
    syncing.run(wish(1, 2))
    with load(rack.controller) as clients:
        report = syncing.run(wish(1, 2, NODES + 1), probe_timeout=1)
        assert sorted(report["not_added"]) == [f"lines/node{NODES + 1}", f"web/node{NODES + 1}"]
        assert report["changed"] is False
        assert syncing.run(wish(1, 2, NODES + 1), probe=False)["added"] == sorted(report["not_added"])
        wait_for(lambda: checked(syncing, f"web_ipvANY,node{NODES + 1},"), "a health check of the new node")
    assert clients.lost == {}
    check_agreement(syncing, 1, 2, NODES + 1)
    assert not read_state(syncing.port.haproxy_state()["state"])["web_ipvANY"][f"node{NODES + 1}"].up


def test_check_mode_changes_nothing_and_tells_the_same(syncing):
    syncing.run(wish(1, 2))
    before = running(syncing), syncing.section()
    foretold = syncing.run(wish(2, 3), check_mode=True)
    assert (running(syncing), syncing.section()) == before
    done = syncing.run(wish(2, 3))
    for name in ("changed", "added", "removed", "updated", "drained", "before", "after"):
        assert foretold[name] == done[name]
