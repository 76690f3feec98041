# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""haproxy_backend_sync against the agent in memory."""

from __future__ import annotations

from ansible_collections.pfrack.cluster.plugins.action.haproxy_backend_sync import ActionModule
from ansible_collections.pfrack.cluster.tests.unit.fake_haproxy import FakeHaproxy, entry, section
from ansible_collections.pfrack.cluster.tests.unit.run_action import run_action

WANTED = {"backends": [{"name": "web", "servers": [{"name": "node2", "address": "10.10.0.2", "port": 80}]}]}


def test_the_result_and_its_diff():
    agent = FakeHaproxy(section(entry(1)))
    foreseen = run_action(ActionModule, agent, WANTED, check=True, diff=True)
    result = run_action(ActionModule, agent, WANTED, diff=True)
    assert result["changed"] and result["route"] == "runtime"
    assert (result["added"], result["removed"]) == (["web/node2"], ["web/node1"])
    assert foreseen["diff"] == result["diff"]
    assert "before" not in result and "after" not in result
    assert run_action(ActionModule, agent, WANTED)["changed"] is False


def test_a_guard_is_an_error_that_changes_nothing():
    agent = FakeHaproxy(section(entry(1)))
    result = run_action(ActionModule, agent, {"backends": [{"name": "web", "servers": []}]})
    assert result["failed"] and "allow_empty" in result["msg"]
    assert not agent.commits and not agent.said


def test_a_reload_says_why():
    agent = FakeHaproxy(section(entry(1)))
    agent.refuse_adding = "unknown keyword"
    assert "unknown keyword" in run_action(ActionModule, agent, WANTED)["msg"]


def test_a_node_that_does_not_answer_is_a_warning():
    agent = FakeHaproxy(section(entry(1)))
    agent.dead = {"10.10.0.2"}
    result = run_action(ActionModule, agent, dict(WANTED, allow_empty=True))
    assert result["warnings"] == ["web/node2: does not answer (no answer in time), so it was not added"]


def test_options_are_checked():
    agent = FakeHaproxy(section(entry(1)))
    result = run_action(ActionModule, agent, {"drain": ["a"], "undrain": ["a"], "max_removed_percent": 200})
    assert len(result["problems"]) == 2
