# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pfsense_package against a package manager in memory."""

from __future__ import annotations

import pytest
from ansible_collections.pfrack.cluster.plugins.action.pfsense_package import ActionModule
from ansible_collections.pfrack.cluster.tests.unit.fake_agent import FakeAgent
from ansible_collections.pfrack.cluster.tests.unit.run_action import run_action

NAMES = {"name": ["haproxy|haproxy-devel", "pfSense-pkg-tftpd"]}


@pytest.fixture
def agent():
    return FakeAgent(available={"haproxy": "0.63_2", "haproxy-devel": "0.64", "tftpd": "0.1.3"})


def test_installs_in_one_job_and_reports_versions(agent):
    result = run_action(ActionModule, agent, NAMES)
    assert result["changed"] and result["installed"] == ["haproxy", "tftpd"]
    assert result["packages"] == {"haproxy": "0.63_2", "tftpd": "0.1.3"}
    assert agent.calls.count("package_start") == 1
    assert not run_action(ActionModule, agent, NAMES)["changed"] and agent.calls.count("package_start") == 1


def test_an_alternative_will_do(agent):
    agent.facts["packages"] = {"haproxy-devel": "0.64"}
    assert run_action(ActionModule, agent, NAMES)["installed"] == ["tftpd"]


def test_one_entry_is_satisfied_by_what_another_installs(agent):
    names = {"name": ["haproxy-devel", "haproxy|haproxy-devel"]}
    assert run_action(ActionModule, agent, names)["installed"] == ["haproxy-devel"]


def test_check_mode_tells_what_would_be_installed(agent):
    result = run_action(ActionModule, agent, NAMES, check=True, diff=True)
    assert result["changed"] and result["installed"] == ["haproxy", "tftpd"] and agent.facts["packages"] == {}
    assert "tftpd" in result["diff"]["after"] and "tftpd" not in result["diff"]["before"]


def test_removes_all_alternatives(agent):
    agent.facts["packages"] = {"haproxy-devel": "0.64", "Filer": "1"}
    result = run_action(ActionModule, agent, dict(NAMES, state="absent"))
    assert result["removed"] == ["haproxy-devel"] and result["packages"] == {"Filer": "1"}


def test_the_package_managers_own_words(agent):
    result = run_action(ActionModule, agent, {"name": ["nonsense"]})
    assert result["failed"] and "No packages available to install matching 'nonsense'" in result["msg"]
    assert "could not install nonsense" in result["msg"] and "router1" in result["msg"]


def test_success_without_the_package_is_a_failure(agent):
    agent.available = {"haproxy": "0.63_2"}
    agent.do_info = lambda: {"ok": True, "result": {"packages": {}, "revision": "1"}}
    result = run_action(ActionModule, agent, {"name": ["haproxy"]})
    assert result["failed"] and "could not install haproxy" in result["msg"]


def test_empty_name(agent):
    assert run_action(ActionModule, agent, {"name": ["haproxy|"]})["failed"]
