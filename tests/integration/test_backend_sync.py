# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The backend sync against the real HAProxy: nobody notices a change, and nothing keeps it from the end for ever."""

from __future__ import annotations

import socket
import threading

import pytest
from clients import wait_for
from fleet import (
    FRONT,
    LINES,
    PORT,
    SSH,
    WEB,
    DesiredError,
    Fleet,
    RouterError,
    SyncRouter,
    Wish,
    address,
    load,
    read_lines,
    read_state,
    server,
    wish,
)
from playbook_run import Site, give_up_port_80

NODES = 6
EVERY = [("2.8", "isc"), ("2.8", "kea"), ("2.7", "isc"), ("2.7", "kea")]


@pytest.fixture
def fleet(router, node):
    fleet = Fleet(node("fleet"))
    fleet.serve(NODES)
    return fleet


@pytest.fixture
def syncing(rack, fleet):
    syncing = SyncRouter(rack)
    syncing.install()
    yield syncing
    syncing.before = None
    syncing.end()


def running(syncing):
    """{backend/name: (id, address, port, weight, out of service, checked)} of the running process."""
    return {
        f"{backend}/{name}": (
            s.id,
            s.address,
            s.port,
            s.weight,
            s.maintenance or s.drained,
            s.check_runs and not s.maintenance,
        )
        for backend, servers in read_state(syncing.port.haproxy_state()["state"]).items()
        for name, s in servers.items()
    }


def in_file(syncing):
    """The same of the file that the next start reads."""
    return {
        f"{backend}/{name}": (s.id, s.address, s.port, s.weight, s.disabled, s.check and not s.disabled)
        for backend, servers in read_lines(syncing.port.haproxy_state()["lines"]).items()
        for name, s in servers.items()
    }


def in_config(syncing):
    return {
        f"{pool['name']}_ipvANY/{s['name']}": (s["id"], s["address"], s["port"])
        for pool in syncing.section()["ha_pools"]["item"]
        for s in (pool.get("ha_servers") or {}).get("item", [])
    }


def check_agreement(syncing, *numbers):
    """config.xml, the file and the process say the same, and these nodes are in there."""
    state = running(syncing)
    assert state == in_file(syncing)
    assert {name: values[:3] for name, values in state.items()} == in_config(syncing)
    names = {f"{backend}_ipvANY/node{number}" for backend in ("web", "lines") for number in numbers}
    assert {name for name in state if "/node" in name} == names


@pytest.mark.parametrize("rack", [("2.8", "isc"), ("2.7", "isc")], indirect=True, ids="-".join)
def test_nodes_come_and_go_and_no_request_is_lost(rack, syncing):
    assert syncing.run(wish(1, 2))["route"] == "runtime"
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


def test_ipv6_servers(rack, syncing):
    six = Wish("pfrack", [{"name": "web", "servers": [{"name": "six", "address": address(1, 6), "port": PORT}]}])
    assert syncing.run(six)["route"] == "runtime"
    answer = rack.controller.run(["curl", "-s", "-m", "5", f"http://{FRONT}:{WEB}/"]).stdout
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


def test_sessions_that_last_too_long_are_cut_by_the_time_limit(syncing, session):
    syncing.run(wish(1, 2))
    assert alive(session)
    report = syncing.run(wish(2), drain_timeout=1)
    assert report["sessions_cut"] == {"lines/node1": 1}
    assert session.stdout.readline() == ""
    check_agreement(syncing, 2)


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


def test_the_socket_is_gone(rack, syncing):
    syncing.run(wish(1, 2))
    rack.router.run(["rm", "/tmp/haproxy.socket"])
    report = syncing.run(wish(1, 2, 3))
    assert report["route"] == "reload"
    assert "runtime socket" in report["reasons"][0]
    check_agreement(syncing, 1, 2, 3)


def test_haproxy_does_not_run(rack, syncing):
    syncing.run(wish(1, 2))
    rack.router.kill("haproxy")
    wait_for(lambda: not syncing.pids(), "HAProxy is gone")
    report = syncing.run(wish(1, 2))
    assert (report["changed"], report["route"]) == (True, "reload")
    check_agreement(syncing, 1, 2)


@pytest.mark.parametrize("what", ["reload", "restart"])
@pytest.mark.parametrize("moment", ["note", "commit", "haproxy_runtime", "haproxy_wait"])
def test_an_admin_reloads_or_restarts_haproxy_during_a_run(rack, syncing, what, moment):
    syncing.run(wish(1, 2))
    done = []

    def disturb(op, _params):
        if op == moment and not done:
            done.append(op)
            if what == "restart":
                rack.router.kill("haproxy")
            syncing.reload_by_admin()

    syncing.before = disturb
    syncing.run(wish(2, 3))
    assert done
    check_agreement(syncing, 2, 3)
    assert syncing.run(wish(2, 3))["changed"] is False


def test_an_admin_saves_during_a_run(syncing):
    syncing.run(wish(1, 2))
    done = []

    def disturb(op, _params):
        if op == "haproxy_wait" and not done:
            done.append(op)
            other.change("installedpackages/haproxy/ha_backends/item/0/client_timeout", "12345")

    other = SyncRouter(syncing.rack)
    syncing.before = disturb
    report = syncing.run(wish(2, 3))
    other.end()
    assert done
    assert (report["added"], report["removed"]) == (["lines/node3", "web/node3"], ["lines/node1", "web/node1"])
    assert syncing.section()["ha_backends"]["item"][0]["client_timeout"] == "12345"
    check_agreement(syncing, 2, 3)


class Killed(Exception):
    pass


@pytest.mark.parametrize("back", [False, True], ids=["same-wish", "the-old-wish-again"])
def test_a_run_that_is_killed_anywhere_and_then_a_clean_one(syncing, back):
    """Cut off after every single request in turn; a run like that, or one with the old wish, then finds its way."""
    after, cut_everywhere = 0, False
    while not cut_everywhere:
        syncing.before = None
        syncing.run(wish(1, 2), max_removed=100, allow_empty=True)
        check_agreement(syncing, 1, 2)
        left = [after]

        def cut(_op, _params, left=left):
            left[0] -= 1
            if left[0] < 0:
                raise Killed

        syncing.before = cut
        try:
            syncing.run(wish(2, 3))
            cut_everywhere = True
        except Killed:
            pass
        syncing.before = None
        numbers = (1, 2) if back else (2, 3)
        syncing.run(wish(*numbers))
        check_agreement(syncing, *numbers)
        assert syncing.run(wish(*numbers))["changed"] is False
        assert syncing.port.note("leaving.pfrack") == ""
        after += 1
    assert after > 8


def test_two_runs_at_the_same_time(rack, syncing):
    syncing.run(wish(1, 2, 3))
    routers = [SyncRouter(rack) for _ in range(2)]
    problems = []

    def work(one):
        try:
            one.run(wish(2, 3, 4), drain_timeout=2)
        except (RouterError, DesiredError) as problem:
            problems.append(problem)

    threads = [threading.Thread(target=work, args=(one,)) for one in routers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one in routers:
        one.end()
    assert problems == []
    check_agreement(syncing, 2, 3, 4)


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


def test_check_mode_changes_nothing_and_tells_the_same(syncing):
    syncing.run(wish(1, 2))
    before = running(syncing), syncing.section()
    foretold = syncing.run(wish(2, 3), check_mode=True)
    assert (running(syncing), syncing.section()) == before
    done = syncing.run(wish(2, 3))
    for name in ("changed", "added", "removed", "updated", "drained", "before", "after"):
        assert foretold[name] == done[name]


@pytest.mark.parametrize("rack", EVERY, indirect=True, ids="-".join)
def test_leases_and_probes(rack, router, node):
    line = SyncRouter(rack)
    router.php(
        """require_once('config.inc'); require_once('functions.inc'); require_once('services.inc');
        config_set_path('dhcpd/lan/staticmap/', ['mac' => '52:54:00:AA:00:09', 'ipaddr' => '10.10.0.77',
            'hostname' => 'fixed', 'descr' => 'a test']);
        write_config('a test'); services_dhcpd_configure();"""
    )
    client = node("client", "52:54:00:aa:00:01")
    client.run(["udhcpc", "-i", "eth0", "-n", "-q", "-t", "15", "-T", "1", "-x", "hostname:client"])

    def leases():
        found = line.port.leases()
        return {lease["mac"]: (found, lease) for lease in found["leases"]}

    answer, lease = wait_for(lambda: leases().get("52:54:00:aa:00:01"), "the lease")
    assert (lease["state"], lease["type"], lease["hostname"]) == ("active", "dynamic", "client")
    assert 0 < lease["ends"] - answer["now"] <= 86400
    fixed = leases()["52:54:00:aa:00:09"][1]
    assert (fixed["state"], fixed["type"], fixed["address"], fixed["ends"]) == ("static", "static", "10.10.0.77", None)

    free = socket.inet_aton("10.10.0.250")
    results = line.port.probe(
        [
            {"address": "10.10.0.1", "port": 22},
            {"address": "10.10.0.1", "port": LINES},
            {"address": socket.inet_ntoa(free), "port": 80},
        ],
        1,
    )
    assert [result["ok"] for result in results] == [True, False, False]
    line.end()


def test_the_playbooks(rack, router, tmp_path):
    """site.yml and sync.yml agree, a drained node stays drained, and a new node costs no reload."""
    give_up_port_80(router)
    site = Site(rack, tmp_path)
    site.play().ok()
    syncing = SyncRouter(rack)
    pids = syncing.pids()
    assert site.play(playbook="playbooks/sync.yml").ok().changed == 0

    refused = site.play(playbook="playbooks/drain.yml")
    assert refused.returncode != 0 and "-l node3" in refused.output
    site.play("-l", "node3", playbook="playbooks/drain.yml").ok()
    assert running(syncing)["deis_http_ipvANY/node3"][4] is True
    assert site.play("--tags", "haproxy").ok().changed == 0
    assert running(syncing)["deis_http_ipvANY/node3"][4] is True

    site.nodes()["node9"] = {"mac_address": "52:54:00:10:00:09"}
    foretold = site.play("--check", "--diff", "--tags", "haproxy").ok()
    assert "deis_http_ipvANY/node9" not in running(syncing)
    assert site.play("--diff", "--tags", "haproxy").ok().diffs == foretold.diffs
    assert "deis_http_ipvANY/node9" in running(syncing)
    assert site.play("-l", "node3", playbook="playbooks/undrain.yml").ok()
    assert running(syncing)["deis_http_ipvANY/node3"][4] is False
    assert site.play("--tags", "haproxy").ok().changed == 0
    assert syncing.pids() == pids
    syncing.end()
