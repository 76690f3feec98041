# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pfsense_info gives what the router says."""

from __future__ import annotations

from ansible_collections.pfrack.cluster.plugins.action.pfsense_info import ActionModule
from ansible_collections.pfrack.cluster.tests.unit.fake_agent import FakeAgent
from ansible_collections.pfrack.cluster.tests.unit.run_action import run_action


def test_facts_are_read_only():
    agent = FakeAgent(info={"version": "2.8.0-RELEASE"})
    result = run_action(ActionModule, agent, {}, check=True)
    assert result["router"]["version"] == "2.8.0-RELEASE" and result["router"]["revision"] == agent.revision
    assert result["changed"] is False and agent.calls == ["info"]
