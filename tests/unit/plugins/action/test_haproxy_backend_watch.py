# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""haproxy_backend_watch: which router of a pair acts. The loop itself is tried against the lab router."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from ansible_collections.pfrack.cluster.plugins.action import haproxy_backend_watch
from ansible_collections.pfrack.cluster.plugins.action.haproxy_backend_watch import ActionModule

VIP = "10.10.0.10"


class Watching(ActionModule):
    """A watch whose router, inventory and reconciler are values."""

    def __init__(self, spec, status):
        facts = {"virtual_ips": [{"address": VIP, "status": status}]}
        self._router = SimpleNamespace(info=lambda: facts, leases=lambda: {"leases": []})
        self._followed = SimpleNamespace(inventory=spec)
        self.acted_on, self.said = [], []
        self._reconciler = SimpleNamespace(reconcile=self.acted_on.append)
        self._standby = False

    def _say(self, text):
        self.said.append(text)


@pytest.fixture
def watching(monkeypatch):
    monkeypatch.setattr(haproxy_backend_watch, "compile_inventory", lambda inventory, facts: inventory)

    def make(status, role):
        return Watching({"problems": [], "ha_role": role, "router_address": VIP}, status)

    return make


@pytest.mark.parametrize(
    ("role", "status", "acts"),
    [
        ("primary", "MASTER", True),
        ("secondary", "MASTER", True),
        ("primary", "BACKUP", False),
        ("primary", "INIT", False),
        ("secondary", "", False),
        ("single", "", True),
    ],
)
def test_only_the_router_that_has_the_address_acts(watching, role, status, acts):
    watch = watching(status, role)
    watch._reconcile()
    assert bool(watch.acted_on) is acts
    assert watch.said == ([] if acts else ["watch: stands by until this router has 10.10.0.10"])


def test_problems_of_the_inventory_are_told_by_both(watching):
    watch = watching("BACKUP", "secondary")
    watch._reconcile()
    watch._followed.inventory = {"problems": ["cluster_domain: missing: ..."]}
    watch._reconcile()
    assert watch.acted_on == [watch._followed.inventory]
    assert watch.said == ["watch: stands by until this router has 10.10.0.10"]
