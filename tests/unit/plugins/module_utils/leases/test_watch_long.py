# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A watch that runs for months over many machines keeps nothing of what is over."""

from __future__ import annotations

import tracemalloc

from ansible_collections.pfrack.cluster.plugins.module_utils.backend_sync.sync import Options
from ansible_collections.pfrack.cluster.plugins.module_utils.leases.changes import line
from ansible_collections.pfrack.cluster.plugins.module_utils.leases.reconcile import Reconciler
from ansible_collections.pfrack.cluster.plugins.module_utils.leases.watch import Watch
from ansible_collections.pfrack.cluster.plugins.module_utils.router import Router
from ansible_collections.pfrack.cluster.tests.unit.fake_agent import success
from ansible_collections.pfrack.cluster.tests.unit.fake_haproxy import FakeHaproxy, entry, section

STAYING, COMING = 200, 100


class Crowd(FakeHaproxy):
    """Machines of which a third comes and goes all the time, each time with another name and another MAC address."""

    def __init__(self):
        super().__init__(section(*(entry(number, address=address(number)) for number in range(STAYING))))
        self.round = 0

    def machines(self):
        return range(STAYING + COMING * (self.round % 2))

    def do_wait(self, since, timeout, targets):
        return success({"token": str(self.round), "changed": ["leases"], "answering": []})

    def do_leases(self):
        return success(
            {
                "leases": [
                    {
                        "address": address(number),
                        "mac": "52:54:%02x:%02x:%02x:01" % (self.round, number // 256, number % 256),
                        "hostname": "round%d-%d" % (self.round, number),
                        "state": "active",
                    }
                    for number in self.machines()
                ]
            }
        )


def address(number):
    return "10.10.%d.%d" % (number // 200, 1 + number % 200)


def test_nothing_grows():
    agent = Crowd()
    router = Router(agent.call)
    last = []
    watch = Watch(router, last.append)
    reconciler = Reconciler(router, Options(drain_timeout=0), last.append)
    sizes, moved = [], 0
    tracemalloc.start()
    try:
        for agent.round in range(12):
            last.clear()
            for change in watch.step(1).changes:
                last.append(line(change))
            servers = [{"name": f"node{n}", "address": address(n), "port": 80} for n in agent.machines()]
            reconciler.reconcile({"problems": [], "owner": "pfrack", "backends": [{"name": "web", "servers": servers}]})
            moved += len([text for text in last if text.startswith("sync: ")])
            # What the fake router remembers is not ours.
            for memory in (agent.commits, agent.calls, agent.said, last):
                memory.clear()
            sizes.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert moved >= 11 * COMING
    # Rounds with as many machines as each other.
    assert sizes[-1] - sizes[3] < 200_000, sizes
