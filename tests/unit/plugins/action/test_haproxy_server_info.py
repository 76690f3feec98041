# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""haproxy_server_info against the agent in memory."""

from __future__ import annotations

from ansible_collections.pfrack.cluster.plugins.action.haproxy_server_info import ActionModule
from ansible_collections.pfrack.cluster.tests.unit.fake_haproxy import FakeHaproxy, entry, section
from ansible_collections.pfrack.cluster.tests.unit.run_action import run_action

SERVER = "web_ipvANY/node1"


def ask(agent, **args):
    return run_action(ActionModule, agent, args)


def test_servers_that_are_up():
    agent = FakeHaproxy(section(entry(1)))
    assert ask(agent)["servers"] == {SERVER: {"up": True, "ready": True}}
    assert ask(agent, up=["node1"])["servers"][SERVER]["up"]


def test_it_waits_on_the_router_until_the_server_is_up():
    agent = FakeHaproxy(section(entry(1)))
    agent.process[SERVER]["up"] = False

    def the_check_passes(op, params):
        if op == "wait" and params["since"]:
            agent.process[SERVER]["up"] = True

    agent.spy = the_check_passes
    assert ask(agent, up=["node1"], timeout=300)["servers"][SERVER]["up"]


def test_a_server_that_stays_down_is_an_error():
    agent = FakeHaproxy(section(entry(1)))
    agent.process[SERVER]["up"] = False
    result = ask(agent, up=["node1"])
    assert result["failed"] and "web_ipvANY/node1: HAProxy does not find it up within 0 s" in result["msg"]
    assert ask(agent, up=[SERVER])["failed"]
    assert not ask(agent, up=["other_ipvANY/node1"]).get("failed")


def test_a_haproxy_that_does_not_answer_is_no_server_that_is_up():
    agent = FakeHaproxy(section(entry(1)))
    agent.process = None
    assert ask(agent)["servers"] == {}
    result = ask(agent, up=["node1"])
    assert result["failed"] and "did not answer on its runtime socket" in result["msg"]
    # The backup of a CARP pair runs none.
    agent.haproxy["carpdev"] = "_vip5f1"
    assert ask(agent, up=["node1"])["servers"] == {}
