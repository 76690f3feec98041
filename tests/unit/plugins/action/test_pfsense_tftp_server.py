# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pfsense_tftp_server against the agent in memory."""

from __future__ import annotations

import pytest
from ansible_collections.pfrack.cluster.plugins.action.pfsense_tftp_server import ActionModule
from ansible_collections.pfrack.cluster.tests.unit.fake_agent import FakeAgent
from ansible_collections.pfrack.cluster.tests.unit.run_action import run_action

WANTED = {"enable": True, "address": "10.10.0.1"}
SERVICES = ["tftp_server"]


@pytest.fixture
def agent():
    return FakeAgent(info={"packages": {"tftpd": "0.1.3_8"}, "features": {"tftpd_enable_field": "enable"}})


def test_settings_are_written(agent):
    run_action(ActionModule, agent, WANTED)
    assert agent.commits[0]["operations"] == [
        {
            "op": "set",
            "path": ["installedpackages", "tftpd", "config", 0],
            "value": {"enable": "on", "tftpd_ip": "10.10.0.1"},
        }
    ]


def test_missing_package_is_named():
    result = run_action(ActionModule, FakeAgent(), WANTED)
    assert result["failed"] and "tftpd" in result["msg"]


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
