# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole runs of the sync against a HAProxy in memory."""

from __future__ import annotations

import pytest
from ansible_collections.pfrack.cluster.plugins.module_utils.backend_sync.config import Wish
from ansible_collections.pfrack.cluster.plugins.module_utils.backend_sync.sync import Options, synchronise
from ansible_collections.pfrack.cluster.plugins.module_utils.errors import DesiredError
from ansible_collections.pfrack.cluster.plugins.module_utils.router import Router, RouterError
from ansible_collections.pfrack.cluster.tests.unit.fake_haproxy import FakeHaproxy, entry, section
from hypothesis import example, given
from hypothesis import strategies as st


def server(number, **fields):
    return {"name": "node%d" % number, "address": "10.10.0.%d" % number, "port": 80, **fields}


def wish(*numbers, **options):
    return Wish("pfrack", [{"name": "web", "servers": [server(number) for number in numbers]}], **options)


def run(agent, wanted, now=1000.0, **options):
    return synchronise(Router(agent.call), wanted, Options(**options), clock=lambda: now)


def agrees(agent):
    """Whether config.xml, the file and the process have the same servers, in the same state."""
    agent.file, written = None, agent.file
    agent.write_file()
    same = agent.file == written and set(agent.process) == set(written)
    return same and all(
        values["addr"] + ":" + values["port"] == written[name].split()[0]
        and bool(values["admin"]) == ("disabled" in written[name])
        for name, values in agent.process.items()
    )


def test_a_new_node_costs_one_write_and_no_reload():
    agent = FakeHaproxy(section(entry(1)))
    report = run(agent, wish(1, 2))
    assert (report["changed"], report["route"], report["added"]) == (True, "runtime", ["web/node2"])
    assert [commit["services"] for commit in agent.commits] == [["haproxy_file"]]
    assert agent.reloads == 0 and agrees(agent)
    assert run(agent, wish(1, 2))["changed"] is False
    assert len(agent.commits) == 1


def test_nothing_to_do_takes_two_requests():
    agent = FakeHaproxy(section(entry(1)))
    assert run(agent, wish(1))["changed"] is False
    assert agent.calls == ["read", "haproxy_state"]


def test_the_words_of_the_file_are_the_words_for_the_process():
    agent = FakeHaproxy(section(entry(1)))
    run(agent, Wish("pfrack", [{"name": "web", "servers": [server(1), server(2, weight=7)]}]))
    assert "add server web_ipvANY/node2 10.10.0.2:80 id 101 check inter 1000 weight 7" in [
        command.replace("id 102", "id 101") for command in agent.said
    ]


@pytest.mark.parametrize(("probe", "states"), [(True, ["ready"]), (False, ["drain", "down", "ready"])])
def test_only_a_server_that_answered_a_probe_serves_at_once(probe, states):
    agent = FakeHaproxy(section(entry(1)))
    run(agent, wish(1, 2), probe=probe)
    assert [command.split()[-1] for command in agent.said if command.startswith("set server")] == states


def test_a_server_that_leaves_is_noted_drained_and_removed_in_this_order():
    agent = FakeHaproxy(section(entry(1), entry(2)))
    order = []
    agent.spy = lambda op, params: order.append(params.get("text", op) if op == "note" else op)
    report = run(agent, wish(2))
    assert report["removed"] == ["web/node1"]
    assert order.index('["web_ipvANY/node1"]') < order.index("haproxy_runtime") < order.index("commit")
    assert order.index("commit") < order.index("haproxy_wait")
    assert [command for command in agent.said if "del server" in command] == ["del server web_ipvANY/node1"]
    assert agrees(agent) and agent.notes["leaving.pfrack"] == ""


def test_sessions_that_outlast_the_limit_are_cut_and_reported():
    agent = FakeHaproxy(section(entry(1), entry(2)))
    agent.sessions = {"web_ipvANY/node1": 3}
    report = run(agent, wish(2), drain_timeout=0)
    assert report["sessions_cut"] == {"web/node1": 3}
    assert agrees(agent)


def test_maintenance_lasts_until_it_is_ended():
    agent = FakeHaproxy(section(entry(1), entry(2)))
    report = run(agent, Wish("pfrack", None, drain=["node1"]))
    assert (report["drained"], report["route"]) == (["web/node1"], "runtime")
    assert agent.process["web_ipvANY/node1"]["admin"] == 1
    assert run(agent, wish(1, 2))["changed"] is False
    run(agent, wish(1, 2, 3))
    assert agent.process["web_ipvANY/node1"]["admin"] == 1
    assert run(agent, Wish("pfrack", None, undrain=["node1"]))["updated"] == ["web/node1"]
    assert agent.process["web_ipvANY/node1"]["admin"] == 0 and agrees(agent)
    assert agent.reloads == 0


def test_an_admins_drain_of_the_process_is_left_alone():
    agent = FakeHaproxy(section(entry(1), entry(2)))
    agent.process["web_ipvANY/node1"]["admin"] = 8
    assert run(agent, wish(1, 2))["changed"] is False
    assert agent.process["web_ipvANY/node1"]["admin"] == 8


def test_an_unknown_node_is_named():
    agent = FakeHaproxy(section(entry(1)))
    report = run(agent, Wish("pfrack", None, undrain=["nodee1"]))
    assert report["warnings"] == ["nodee1: no backend of ours has this server"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"balance": "leastconn"}, "backend web: balance changes"),
        ({"check": {"type": "HTTP", "path": "/health"}}, "backend web: monitor_uri changes"),
        ({"advanced_lines": ["option redispatch"]}, "backend web: advanced_backend changes"),
        ({"servers": [server(1, max_connections=5)]}, "backend web: maxconn of the server node1 changes"),
        ({"servers": [server(1, status="backup")]}, "backend web: status of the server node1 changes"),
    ],
)
def test_what_the_socket_cannot_change_is_reloaded_and_named(change, reason):
    agent = FakeHaproxy(section(entry(1)))
    report = run(agent, Wish("pfrack", [{"name": "web", "servers": [server(1)], **change}]))
    assert (report["route"], report["reasons"]) == ("reload", [reason])
    assert [commit["services"] for commit in agent.commits] == [["haproxy"]]


def test_haproxys_refusal_leads_to_a_reload_with_its_words():
    agent = FakeHaproxy(section(entry(1)))
    agent.refuse_adding = "Backend must use a dynamic load balancing to support dynamic servers."
    report = run(agent, wish(1, 2))
    assert report["route"] == "reload" and "dynamic load balancing" in report["reasons"][0]
    assert agrees(agent)


def test_an_old_haproxy_is_reloaded():
    agent = FakeHaproxy(section(entry(1)))
    agent.version = "2.4.22"
    report = run(agent, wish(1, 2))
    assert report["route"] == "reload" and "2.4.22" in report["reasons"][0]
    assert agrees(agent)


def test_haproxy_is_started_when_it_does_not_run():
    agent = FakeHaproxy(section(entry(1)))
    agent.process = None
    report = run(agent, wish(1))
    assert (report["changed"], report["route"], report["reasons"]) == (True, "reload", ["HAProxy did not run"])


def test_where_haproxy_is_off_only_the_configuration_changes():
    haproxy = section(entry(1))
    del haproxy["enable"]
    agent = FakeHaproxy(haproxy)
    agent.process = None
    assert run(agent, wish(1, 2))["route"] == "none"
    assert run(agent, wish(1, 2))["changed"] is False


def test_backends_that_are_not_there_are_named_and_others_stay():
    agent = FakeHaproxy(section(entry(1)))
    report = run(agent, Wish("pfrack", [{"name": "new", "servers": [server(1)]}]))
    assert (report["changed"], report["missing_backends"]) == (False, ["new"])


def test_a_router_without_haproxy_has_nothing_to_do():
    agent = FakeHaproxy({"ha_pools": {"item": []}})
    assert run(agent, wish(1))["missing_backends"] == ["web"]
    assert not agent.commits


def test_a_write_that_is_refused_leaves_everything_serving():
    agent = FakeHaproxy(section(entry(1), entry(2)))
    agent.refuse = {"kind": "refused", "message": "HAProxy refuses it", "function": None, "detail": None}
    with pytest.raises(RouterError, match="refuses"):
        run(agent, wish(2))
    assert agent.process["web_ipvANY/node1"]["admin"] == 0
    assert agent.notes["leaving.pfrack"] == ""


def test_a_conflict_is_looked_at_again():
    agent = FakeHaproxy(section(entry(1), entry(2)))
    agent.before_commit = lambda agent: agent.haproxy.update(maxconn="77")
    report = run(agent, wish(2, 3))
    assert (report["added"], report["removed"]) == (["web/node3"], ["web/node1"])
    assert agent.haproxy["maxconn"] == "77" and agrees(agent)


def test_endless_conflicts_leave_nobody_drained():
    agent = FakeHaproxy(section(entry(1), entry(2)))
    saved = []

    def somebody_saves(op, _params):
        if op == "commit":
            saved.append(op)
            agent.haproxy.update(maxconn=str(len(saved)))

    agent.spy = somebody_saves
    with pytest.raises(RouterError, match="somebody else"):
        run(agent, wish(2))
    assert "set server web_ipvANY/node1 state drain" in agent.said
    assert agent.process["web_ipvANY/node1"]["admin"] == 0
    agent.spy = lambda op, params: None
    assert run(agent, wish(2))["removed"] == ["web/node1"] and agrees(agent)


def test_hand_made_servers_stay_as_they_are():
    agent = FakeHaproxy(section(entry(1), entry(9, weight="4"), names=["node1"]))
    agent.process["web_ipvANY/live"] = dict(agent.process["web_ipvANY/node1"], id="7")
    agent.process["web_ipvANY/node9"]["weight"] = "50"
    run(agent, wish(2), allow_empty=True, max_removed=100)
    assert agent.process["web_ipvANY/node9"]["weight"] == "50"
    assert "web_ipvANY/live" in agent.process and "web_ipvANY/node1" not in agent.process
    with pytest.raises(DesiredError, match="web/live"):
        run(agent, Wish("pfrack", [{"name": "web", "servers": [server(2), dict(server(3), name="live")]}]))


def test_a_node_that_does_not_answer_is_not_added():
    agent = FakeHaproxy(section(entry(1)))
    agent.dead = {"10.10.0.3"}
    report = run(agent, wish(1, 2, 3))
    assert report["not_added"] == {"web/node3": "no answer in time"}
    assert report["added"] == ["web/node2"]
    agent.dead = {"10.10.0.1"}
    assert run(agent, wish(1, 2))["changed"] is False


def test_grace():
    agent = FakeHaproxy(section(entry(1), entry(2)))
    assert run(agent, wish(2), grace=60, now=1000)["in_grace"] == ["web/node1"]
    assert run(agent, wish(2), grace=60, now=1059)["changed"] is False
    assert run(agent, wish(1, 2), grace=60, now=1059.5)["changed"] is False
    assert run(agent, wish(2), grace=60, now=1061)["changed"] is False
    assert run(agent, wish(2), grace=60, now=1121)["removed"] == ["web/node1"]


def test_check_mode_writes_nothing_and_foresees_the_rest():
    agent = FakeHaproxy(section(entry(1), entry(2)))
    agent.read_only = True
    foreseen = run(agent, wish(2, 3), grace=0, check_mode=True)
    agent.read_only = False
    done = run(agent, wish(2, 3))
    for name in ("changed", "added", "removed", "updated", "drained", "before", "after"):
        assert foreseen[name] == done[name]


numbers = st.sets(st.integers(1, 5), min_size=1)


@given(start=numbers, wanted=numbers, cut=st.integers(0, 20), then=numbers)
@example(start={1, 2}, wanted={1}, cut=4, then={2})
def test_a_run_cut_anywhere_and_any_later_run_end_in_agreement(start, wanted, cut, then):
    agent = FakeHaproxy(section(*[entry(number) for number in sorted(start)]))
    left = [cut]

    def spy(_op, _params):
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt

    agent.spy = spy
    try:
        run(agent, wish(*wanted), max_removed=100)
    except KeyboardInterrupt:
        pass
    agent.spy = None
    try:
        run(agent, wish(*then), max_removed=100)
    except DesiredError:
        # Nobody else would have served: what the first run drained has to serve again before another one goes.
        assert not start & wanted & then
        run(agent, wish(*then), max_removed=100)
    assert agrees(agent)
    assert set(agent.process) == {"web_ipvANY/node%d" % number for number in then}
    assert run(agent, wish(*then))["changed"] is False


@given(start=numbers, wanted=numbers)
def test_there_are_always_enough_servers(start, wanted):
    agent = FakeHaproxy(section(*[entry(number) for number in sorted(start)]))
    run(agent, wish(*wanted), max_removed=100)
    assert agent.fewest is None or agent.fewest >= min(1, len(start & wanted))


def test_a_guard_on_the_second_look_lets_the_drained_serve_again():
    agent = FakeHaproxy(section(entry(1), entry(2)))

    def admin(agent):
        agent.haproxy["ha_pools"]["item"][0]["ha_servers"]["item"][1]["status"] = "disabled"

    agent.before_commit = admin
    with pytest.raises(DesiredError, match="allow_empty"):
        run(agent, wish(2))
    assert agent.process["web_ipvANY/node1"]["admin"] == 0


def test_a_line_with_a_semicolon_takes_a_reload():
    agent = FakeHaproxy(section(entry(1)))
    agent.write_file, write = lambda: None, agent.write_file

    def write_with_a_semicolon():
        write()
        agent.file = {name: words + " # a; b" for name, words in agent.file.items()}

    agent.write_file = write_with_a_semicolon
    report = run(agent, wish(1, 2))
    assert report["route"] == "reload" and "semicolon" in report["reasons"][0]
