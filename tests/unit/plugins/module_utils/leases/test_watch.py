# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The watch over a router that is away now and then."""

from __future__ import annotations

import pytest
from ansible_collections.pfrack.cluster.plugins.module_utils.errors import DesiredError
from ansible_collections.pfrack.cluster.plugins.module_utils.leases import reconcile
from ansible_collections.pfrack.cluster.plugins.module_utils.leases.watch import LONGEST_PAUSE, Watch
from ansible_collections.pfrack.cluster.plugins.module_utils.router import Router, RouterError


class FakeRouter:
    """`state` is anything that the token stands for; `fault` is the kind of the next answers."""

    def __init__(self):
        self.leases = []
        self.fault = None
        self.asked = []

    def call(self, op, params):
        self.asked.append((op, params))
        if self.fault:
            return {"ok": False, "error": {"kind": self.fault, "message": "no"}}
        if op == "wait":
            token = str(self.leases)
            changed = ["leases"] if params["since"] != token else []
            return {"ok": True, "result": {"token": token, "changed": changed, "answering": []}}
        if op == "leases":
            return {"ok": True, "result": {"leases": list(self.leases)}}
        return {"ok": True, "result": {"state": None}}


@pytest.fixture
def router():
    return FakeRouter()


@pytest.fixture
def said():
    return []


@pytest.fixture
def pauses():
    return []


@pytest.fixture
def watch(router, said, pauses):
    return Watch(Router(router.call), said.append, pauses.append)


def plug(router, last):
    router.leases.append({"address": f"10.10.0.{last}", "mac": f"52:54:00:00:00:{last:02x}", "state": "active"})


def test_the_first_look_is_no_change_and_the_next_ones_are_told_once(watch, router):
    plug(router, 5)
    first = watch.step(30)
    assert (first.woken, first.changes) == (True, [])
    assert not watch.step(30).woken
    plug(router, 6)
    assert [change["address"] for change in watch.step(30).changes] == ["10.10.0.6"]
    assert not watch.step(30).woken


def test_the_agent_is_never_asked_to_wait_longer_than_it_does(watch, router):
    watch.step(3600, [{"address": "10.10.0.9", "port": 80}])
    params = router.asked[0][1]
    assert params["timeout"] == 60 and params["targets"]


def test_an_outage_is_told_once_and_loses_no_change(watch, router, said, pauses):
    watch.step(1)
    router.fault = "unreachable"
    for _attempt in range(12):
        assert watch.step(1).away
    assert len(said) == 1 and "unreachable" in said[0]
    assert pauses == sorted(pauses) and pauses[0] > 0 and pauses[-1] == LONGEST_PAUSE
    router.fault = None
    plug(router, 5)
    assert [change["kind"] for change in watch.step(1).changes] == ["lease_added"]
    assert said[1:] == ["router: is back"]


def test_a_change_whose_look_failed_is_told_again(watch, router):
    watch.step(1)
    plug(router, 5)
    whole = router.call
    router_fails = {"on": True}

    def call(op, params):
        if op == "leases" and router_fails.pop("on", False):
            return {"ok": False, "error": {"kind": "timeout", "message": "cut"}}
        return whole(op, params)

    watch._router = Router(call)
    assert watch.step(1).away
    assert len(watch.step(1).changes) == 1


@pytest.mark.parametrize("kind", ["auth", "host_key", "unsupported"])
def test_what_waiting_does_not_help_ends_it(watch, router, kind):
    router.fault = kind
    with pytest.raises(RouterError):
        watch.step(1)


def test_a_router_that_boots_may_refuse_logins_but_not_change_its_key(watch, router):
    watch.step(1)
    router.fault = "auth"
    assert watch.step(1).away
    router.fault = "host_key"
    with pytest.raises(RouterError):
        watch.step(1)


SERVER = {"name": "node1", "address": "10.10.0.20", "port": 80}
SPEC = {"problems": [], "owner": "pfrack", "backends": [{"name": "web", "servers": [SERVER]}]}


@pytest.fixture
def reconciler(said, monkeypatch):
    """A reconciler whose library answers with the attribute `report`, or raises it."""

    def synchronise(router, wish, options):
        if isinstance(one.report, Exception):
            raise one.report  # pylint: disable=raising-bad-type
        return one.report

    monkeypatch.setattr(reconcile, "synchronise", synchronise)
    one = reconcile.Reconciler(None, None, said.append)
    one.report = {"changed": False}
    return one


def test_every_change_is_one_line(reconciler, said):
    reconciler.report = {"changed": True, "added": ["web/node1"], "removed": ["web/node2"], "reasons": ["old HAProxy"]}
    reconciler.reconcile(SPEC)
    assert said == [
        "sync: web/node1 serves now",
        "sync: web/node2 was removed",
        "sync: HAProxy was reloaded: old HAProxy",
    ]
    assert reconciler.changed == 1


def test_what_goes_on_is_said_once_and_again_after_it_was_over(reconciler, said):
    silent = {"changed": False, "not_added": {"web/node1": "refused"}}
    for report in (silent, silent, {"changed": False}, silent):
        reconciler.report = report
        reconciler.reconcile(SPEC)
    assert said == ["sync: web/node1 is not added yet: refused"] * 2
    assert reconciler.targets == [{"address": "10.10.0.20", "port": 80}]


def test_a_refusal_is_told_and_the_watch_goes_on(reconciler, said):
    reconciler.report = DesiredError(["backend web: nothing would serve it any more"])
    reconciler.reconcile(SPEC)
    reconciler.reconcile(SPEC)
    assert said == ["sync: refused: backend web: nothing would serve it any more"]
    assert reconciler.unsettled


def test_another_run_is_waited_for_and_told_once(reconciler, said):
    reconciler.report = RouterError("busy", "deis@laptop holds a checkpoint")
    reconciler.reconcile(SPEC)
    reconciler.reconcile(SPEC)
    assert said == ["sync: waits: deis@laptop holds a checkpoint"] and reconciler.unsettled
    reconciler.report = {"changed": True, "added": ["web/node1"]}
    reconciler.reconcile(SPEC)
    assert said[1:] == ["sync: goes on", "sync: web/node1 serves now"] and not reconciler.unsettled


def test_an_inventory_with_problems_changes_nothing(reconciler, said):
    reconciler.report = AssertionError("must not be called")
    reconciler.reconcile({"problems": ["node1/mac_address: 7: is no MAC\naddress"]})
    assert said == ["inventory: node1/mac_address: 7: is no MAC address; nothing is done"]
