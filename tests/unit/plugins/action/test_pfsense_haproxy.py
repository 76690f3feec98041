# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pfsense_haproxy against the agent in memory."""

from __future__ import annotations

import json

import pytest
from ansible_collections.pfrack.cluster.plugins.action.pfsense_haproxy import ActionModule
from ansible_collections.pfrack.cluster.tests.unit.fake_agent import FakeAgent
from ansible_collections.pfrack.cluster.tests.unit.run_action import run_action

FOREIGN = {"name": "mine", "id": "100", "stats_password": "hunter22"}
WANTED = {
    "settings": {"enable": True},
    "backends": [
        {"name": "web", "check": {"type": "HTTP"}, "servers": [{"name": "node1", "address": "10.10.0.20", "port": 80}]}
    ],
    "frontends": [{"name": "web", "listen": [{"address": "10.10.0.5", "port": 80}], "backend": "web"}],
}
SERVICES = ["haproxy"]


@pytest.fixture
def agent():
    section = {"configversion": "00.58", "ha_pools": {"item": [FOREIGN]}}
    return FakeAgent({"installedpackages": {"haproxy": section}}, {"packages": {"haproxy": "0.63_2"}})


def test_what_the_admin_made_stays_and_does_not_travel_back(agent):
    result = run_action(ActionModule, agent, WANTED, diff=True)
    pools = agent.config["installedpackages"]["haproxy"]["ha_pools"]["item"]
    assert pools[0] == FOREIGN and pools[1]["httpcheck_method"] == "GET" and result["created"] == ["web", "web"]
    assert "mine" not in json.dumps(agent.commits) and "hunter22" not in json.dumps(result)


def test_purge_takes_everything_of_ours(agent):
    before = dict(agent.config["installedpackages"]["haproxy"])
    run_action(ActionModule, agent, WANTED)
    run_action(ActionModule, agent, {"backends": [], "frontends": [], "purge": True})
    section = agent.config["installedpackages"]["haproxy"]
    assert section["ha_pools"] == before["ha_pools"] and not section.get("ha_backends")


def test_missing_package_is_named():
    result = run_action(ActionModule, FakeAgent(), WANTED)
    assert result["failed"] and "haproxy" in result["msg"]


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
