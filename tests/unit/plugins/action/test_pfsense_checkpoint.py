# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pfsense_checkpoint: what it asks the router, and what it says when the router cannot be asked."""

from __future__ import annotations

import os

import pytest
from ansible_collections.pfrack.cluster.plugins.action.pfsense_checkpoint import ActionModule
from ansible_collections.pfrack.cluster.plugins.action.pfsense_revision_info import ActionModule as RevisionInfo
from ansible_collections.pfrack.cluster.plugins.plugin_utils.holder import holder
from ansible_collections.pfrack.cluster.tests.unit.fake_agent import failure, success
from ansible_collections.pfrack.cluster.tests.unit.run_action import run_action

BACK = {"rolled_back": True, "restored": ["virtualip/vip"], "kept": [], "applied": ["virtual_ip"], "failed": [],
        "files": 0}  # fmt: skip


class Scripted:
    """Answers each op with the next of its answers."""

    def __init__(self, **answers):
        self.answers = {op: list(some) for op, some in answers.items()}
        self.calls = []

    def call(self, op, params):
        self.calls.append((op, params))
        return self.answers[op].pop(0)

    upload = None


def test_arming_and_confirming_change_nothing():
    agent = Scripted(checkpoint=[success({"id": "1"})], confirm=[success({"id": "1", "changes": 3})])
    armed = run_action(ActionModule, agent, {"state": "armed", "timeout": 60})
    assert armed["changed"] is False and armed["checkpoint"] == {"id": "1"}
    op, params = agent.calls[0]
    assert op == "checkpoint" and params["timeout"] == 60 and len(params["agent"]) > 10000
    confirmed = run_action(ActionModule, agent, {"state": "confirmed"})
    assert confirmed["changed"] is False and confirmed["changes"] == 3


@pytest.mark.parametrize("state", ["armed", "confirmed", "rolled_back"])
def test_check_mode_asks_nothing(state):
    agent = Scripted()
    assert run_action(ActionModule, agent, {"state": state}, check=True)["changed"] is False
    assert agent.calls == []


def test_rolling_back_tells_what_was_kept_and_what_failed():
    kept = dict(BACK, kept=["dhcpd/lan/domain"])
    result = run_action(ActionModule, Scripted(rollback=[success(kept)]), {"state": "rolled_back"})
    assert result["changed"] and "dhcpd/lan/domain" in result["warnings"][0] and not result.get("failed")
    failed = dict(BACK, failed={"haproxy": "port taken"})
    result = run_action(ActionModule, Scripted(rollback=[success(failed)]), {"state": "rolled_back"})
    assert result["failed"] and "haproxy: port taken" in result["msg"]


def test_a_timer_that_was_faster_counts_as_rolled_back():
    before = {"holder": "x", "at": 1, "why": "silence", "restored": ["a"]}
    agent = Scripted(rollback=[success({"rolled_back": False, "before": before})])
    assert run_action(ActionModule, agent, {"state": "rolled_back"})["rolled_back"] is True


def test_an_unreachable_router_is_said_to_go_back_by_itself():
    agent = Scripted(rollback=[failure("unreachable", "no line")])
    result = run_action(ActionModule, agent, {"state": "rolled_back"})
    assert result["failed"] and "by itself" in result["msg"] and "no line" in result["msg"]


@pytest.mark.parametrize(
    ("status", "again", "good"),
    [
        ({"checkpoint": None, "rolled_back": None}, [], True),
        ({"checkpoint": {"id": "1"}, "rolled_back": None}, [success({"changes": 2})], True),
        ({"checkpoint": None, "rolled_back": {"holder": "me", "at": 1, "why": "silence"}}, [], False),
    ],
)
def test_a_lost_answer_to_confirm_is_looked_up(status, again, good):
    lost = failure("unknown_outcome", "the line was cut")
    agent = Scripted(confirm=[lost, *again], checkpoint_status=[success(status)], info=[success({})])
    result = run_action(ActionModule, agent, {"state": "confirmed"})
    assert bool(result.get("failed")) is not good
    assert not result.get("warnings")


def test_with_the_answer_it_is_lost_whether_the_other_router_of_a_pair_has_it():
    agent = Scripted(
        confirm=[failure("timeout", "no answer")],
        checkpoint_status=[success({"checkpoint": None, "rolled_back": None})],
        info=[success({"high_availability": {"peer": "10.99.0.2", "sections": []}})],
    )
    result = run_action(ActionModule, agent, {"state": "confirmed"})
    assert not result.get("failed") and result["pair"] == {"peer": "10.99.0.2", "synchronised": None}
    assert "10.99.0.2, is unknown; run site.yml again" in result["warnings"][0]


def test_a_revision_is_compared_first():
    plan = dict(BACK, not_applied=["system"])
    agent = Scripted(rollback=[success(plan), success(plan)])
    result = run_action(ActionModule, agent, {"state": "rolled_back", "revision": "17"}, diff=True)
    assert [params["test"] for _op, params in agent.calls] == [True, False]
    assert "system" in result["warnings"][0] and "virtualip/vip" in result["diff"]["after"]


@pytest.mark.parametrize("arguments", [{"state": "armed", "timeout": 1}, {"state": "armed", "timeout": 10**6}])
def test_a_senseless_timeout_is_refused(arguments):
    assert run_action(ActionModule, Scripted(), arguments)["failed"]


def test_the_history_comes_with_the_checkpoint():
    agent = Scripted(
        revisions=[success({"current": {"time": "now"}, "revisions": [{"revision": "1"}]})],
        checkpoint_status=[success({"checkpoint": None, "rolled_back": None})],
    )
    result = run_action(RevisionInfo, agent, {}, check=True)
    assert result["revisions"] == [{"revision": "1"}] and result["checkpoint"] is None


def test_a_holder_is_one_process():
    mine = holder(os.getpid())
    assert mine == holder(os.getpid()) != holder(os.getppid())
    assert str(os.getpid()) in mine and mine.isascii() and len(mine) <= 200
