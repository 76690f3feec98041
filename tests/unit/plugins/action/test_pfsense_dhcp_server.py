# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pfsense_dhcp_server against the agent in memory."""

from __future__ import annotations

import json

import pytest
from ansible_collections.pfrack.cluster.plugins.action.pfsense_dhcp_server import ActionModule
from ansible_collections.pfrack.cluster.tests.unit.fake_agent import FakeAgent
from ansible_collections.pfrack.cluster.tests.unit.run_action import run_action

FOREIGN = {"mac": "52:54:00:99:00:01", "ipaddr": "10.10.0.90", "hostname": "printer", "descr": "by hand"}
WANTED = {
    "network_boot": {"next_server": "10.10.0.1", "bios": "pxelinux.0"},
    "static_mappings": [{"mac_address": "52:54:00:10:00:01", "address": "10.10.0.20", "hostname": "node1"}],
}
SERVICES = ["dhcp_server"]


@pytest.fixture
def agent():
    scope = {"enable": "", "range": {"from": "10.10.0.100", "to": "10.10.0.199"}, "staticmap": [FOREIGN]}
    return FakeAgent({"dhcpd": {"lan": scope, "opt1": {"odd": "kept"}}})


def test_foreign_mappings_stay_and_do_not_travel_back(agent):
    result = run_action(ActionModule, agent, WANTED)
    assert result["created"] == ["node1"]
    assert [entry["mac"] for entry in agent.config["dhcpd"]["lan"]["staticmap"]] == [
        "52:54:00:10:00:01",
        "52:54:00:99:00:01",
    ]
    assert "printer" not in json.dumps(agent.commits)


def test_problems_name_the_host_and_write_nothing(agent):
    wanted = {"static_mappings": [dict(WANTED["static_mappings"][0], address="10.10.0.150")]}
    result = run_action(ActionModule, agent, wanted)
    assert result["failed"] and "node1" in result["msg"] and agent.commits == []


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
