# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Syncs while another run, such as somebody's site.yml, holds the router."""

from __future__ import annotations

import pytest
from ansible_collections.pfrack.cluster.plugins.module_utils.backend_sync.config import Wish
from ansible_collections.pfrack.cluster.plugins.module_utils.backend_sync.sync import Options, synchronise
from ansible_collections.pfrack.cluster.plugins.module_utils.router import Router, RouterError
from ansible_collections.pfrack.cluster.tests.unit.fake_agent import failure
from ansible_collections.pfrack.cluster.tests.unit.fake_haproxy import FakeHaproxy, entry, section

HELD = failure("busy", "deis@laptop holds a checkpoint")


class Held(FakeHaproxy):
    """Refuses what the agent refuses while somebody else's checkpoint is armed."""

    def __init__(self, *servers):
        super().__init__(section(*servers))
        self.held = True

    def do_commit(self, revision, operations, services, description):
        return HELD if self.held else super().do_commit(revision, operations, services, description)

    def do_haproxy_runtime(self, commands, revision=None):
        return HELD if self.held and revision else super().do_haproxy_runtime(commands, revision)


def wish(*numbers):
    servers = [{"name": f"node{number}", "address": f"10.10.0.{number}", "port": 80} for number in numbers]
    return Wish("pfrack", [{"name": "web", "servers": servers}])


def run(agent, wanted, sleep, busy_timeout=60):
    return synchronise(Router(agent.call), wanted, Options(busy_timeout=busy_timeout), sleep=sleep)


def test_the_other_run_is_waited_for():
    agent = Held(entry(1), entry(2))
    pauses = []

    def sleep(seconds):
        pauses.append(seconds)
        agent.held = sum(pauses) < 20

    report = run(agent, wish(2, 3), sleep)
    assert (report["added"], report["removed"]) == (["web/node3"], ["web/node1"])
    assert set(agent.process) == {"web_ipvANY/node2", "web_ipvANY/node3"}
    assert sum(pauses) == 20


def test_what_the_other_run_did_meanwhile_is_not_called_ours():
    agent = Held(entry(1))

    def sleep(_seconds):
        agent.held = False
        synchronise(Router(agent.call), wish(1, 2), Options())

    report = run(agent, wish(1, 2), sleep)
    assert (report["changed"], report["added"]) == (False, [])


@pytest.mark.parametrize("wanted", [wish(1, 2, 3), wish(2)], ids=["more", "fewer"])
def test_patience_ends_and_nothing_was_changed(wanted):
    agent = Held(entry(1), entry(2))
    before = agent.haproxy, dict(agent.process)
    pauses = []
    with pytest.raises(RouterError, match="deis@laptop") as caught:
        run(agent, wanted, pauses.append, busy_timeout=5)
    assert (caught.value.kind, sum(pauses)) == ("busy", 5)
    assert (agent.haproxy, agent.process) == before


def test_one_who_comes_between_two_steps_leaves_nobody_drained():
    """The drain was allowed, the write is not: the server serves again."""
    agent = Held(entry(1), entry(2))
    agent.held = False

    def spy(op, _params):
        agent.held = op == "commit"

    agent.spy = spy
    with pytest.raises(RouterError, match="deis@laptop"):
        run(agent, wish(2), None, busy_timeout=0)
    assert agent.process["web_ipvANY/node1"]["admin"] == 0
    assert agent.notes["leaving.pfrack"] == ""
