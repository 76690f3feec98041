# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pfsense_dns_forwarder against the agent in memory."""

from __future__ import annotations

import pytest
from ansible_collections.pfrack.cluster.plugins.action.pfsense_dns_forwarder import ActionModule
from ansible_collections.pfrack.cluster.tests.unit.fake_agent import FakeAgent
from ansible_collections.pfrack.cluster.tests.unit.run_action import run_action

WANTED = {
    "enable": True,
    "replace_resolver": True,
    "wildcards": [{"domain": "apps.lab.example", "address": "10.10.0.5"}],
    "hosts": [{"host": "node1", "domain": "lab.example", "address": "10.10.0.20"}],
}
SERVICES = ["dns_resolver", "dns_forwarder", "filter"]


@pytest.fixture
def agent():
    return FakeAgent({"dnsmasq": {"odd": "kept"}, "unbound": {"enable": ""}})


def test_one_commit_switches_over(agent):
    result = run_action(ActionModule, agent, WANTED)
    assert result["created"] == ["node1.lab.example"] and len(agent.commits) == 1
    assert "enable" in agent.config["dnsmasq"] and "enable" not in agent.config["unbound"]


def test_conflict_over_the_port_writes_nothing(agent):
    result = run_action(ActionModule, agent, {"enable": True})
    assert result["failed"] and "replace_resolver" in result["msg"] and agent.commits == []


def test_check_mode_predicts_and_a_second_run_changes_nothing(agent):
    predicted = run_action(ActionModule, agent, WANTED, check=True, diff=True)
    assert agent.commits == [] and predicted["changed"]
    done = run_action(ActionModule, agent, WANTED, diff=True)
    assert {name: predicted[name] for name in predicted if name not in ("revision", "applied")} == {
        name: done[name] for name in done if name not in ("revision", "applied")
    }
    assert done["applied"] == SERVICES
    again = run_action(ActionModule, agent, WANTED)
    assert not again["changed"] and len(agent.commits) == 1
