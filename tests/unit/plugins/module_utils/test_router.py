# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The port: requests as the protocol has them, errors as RouterError."""

from __future__ import annotations

import pytest
from ansible_collections.pfrack.cluster.plugins.module_utils.router import Router, RouterError
from ansible_collections.pfrack.cluster.tests.unit.fake_agent import FakeAgent, failure, success


class Clock:
    def __init__(self):
        self.now = 0
        self.waits = []

    def sleep(self, seconds):
        self.waits.append(seconds)
        self.now += seconds


def test_read_gives_every_path_that_was_asked_for():
    agent = FakeAgent({"dhcpd": {"lan": {"enable": ""}}})
    snapshot = Router(agent.call).read(["dhcpd/lan", "dhcpd/opt1"])
    assert snapshot.sections == {"dhcpd/lan": {"enable": ""}, "dhcpd/opt1": None}
    assert snapshot.revision == agent.revision and "lan" in snapshot.info["interfaces"]


def test_php_sends_an_empty_map_as_a_list():
    router = Router(lambda op, params: success({"revision": "1", "sections": [], "info": [], "files": []}))
    assert router.read(["a"]).sections == {"a": None} and router.read(["a"]).info == {}
    assert router.tree("/x")["files"] == {}


def test_commit_against_an_old_revision_is_a_conflict():
    agent = FakeAgent({"a": "1"})
    router = Router(agent.call)
    operations = [{"op": "set", "path": ["a"], "value": "2"}]
    done = router.commit(agent.revision, operations, ["filter"], "test")
    assert agent.config == {"a": "2"} and done.revision == agent.revision and done.applied == ["filter"]
    with pytest.raises(RouterError) as caught:
        router.commit("old", operations, [], "test")
    assert caught.value.kind == "conflict"


def test_errors_carry_everything_the_agent_said():
    router = Router(lambda op, params: failure("apply_failed", "no", "services_dhcpd_configure", "line 3"))
    with pytest.raises(RouterError) as caught:
        router.info()
    error = caught.value
    assert (error.kind, error.message, error.function, error.detail) == (
        "apply_failed",
        "no",
        "services_dhcpd_configure",
        "line 3",
    )


@pytest.mark.parametrize("answer", [None, "text", [], {}, {"ok": False}, {"ok": False, "error": "x"}])
def test_nonsense_is_an_error(answer):
    with pytest.raises(RouterError) as caught:
        Router(lambda op, params: answer).info()
    assert caught.value.kind == "internal"


def test_package_job_is_asked_for_less_and_less_often():
    clock, left = Clock(), iter(range(8, -1, -1))

    def call(op, params):
        if op == "package_start":
            return success({"job": "7"})
        assert params == {"job": "7"}
        running = next(left) > 0
        return success({"running": running, "exit_code": None if running else 0, "output": "done"})

    done = Router(call, sleep=clock.sleep, clock=lambda: clock.now).change_packages(install=["haproxy"])
    assert (done.exit_code, done.output) == (0, "done")
    assert clock.waits == sorted(clock.waits) and len(clock.waits) == 8 and clock.waits[-1] <= 5


def test_package_job_has_a_time_out():
    clock = Clock()
    answer = {"package_start": {"job": "1"}, "job": {"running": True, "exit_code": None, "output": "Fetching"}}
    router = Router(lambda op, params: success(answer[op]), sleep=clock.sleep, clock=lambda: clock.now)
    with pytest.raises(RouterError) as caught:
        router.change_packages(install=["haproxy"], timeout=20)
    assert caught.value.kind == "timeout" and caught.value.detail == "Fetching" and clock.now == 20
