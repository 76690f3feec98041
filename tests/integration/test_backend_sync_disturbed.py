# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The backend sync while HAProxy, an admin, another run or death gets in its way: it ends where it should."""

from __future__ import annotations

import threading

import pytest
from clients import wait_for
from fleet import DesiredError, RouterError, SyncRouter, check_agreement, wish


def test_the_socket_is_gone(rack, syncing):
    syncing.run(wish(1, 2))
    rack.router.run(["rm", "/tmp/haproxy.socket"])
    report = syncing.run(wish(1, 2, 3))
    assert report["route"] == "reload"
    assert "runtime socket" in report["reasons"][0]
    check_agreement(syncing, 1, 2, 3)


def test_haproxy_does_not_run(rack, syncing):
    syncing.run(wish(1, 2))
    rack.router.kill("haproxy")
    wait_for(lambda: not syncing.pids(), "HAProxy is gone")
    report = syncing.run(wish(1, 2))
    assert (report["changed"], report["route"]) == (True, "reload")
    check_agreement(syncing, 1, 2)


@pytest.mark.parametrize("what", ["reload", "restart"])
@pytest.mark.parametrize("moment", ["note", "commit", "haproxy_runtime", "haproxy_wait"])
def test_an_admin_reloads_or_restarts_haproxy_during_a_run(rack, syncing, what, moment):
    syncing.run(wish(1, 2))
    done = []

    def disturb(op, _params):
        if op == moment and not done:
            done.append(op)
            if what == "restart":
                rack.router.kill("haproxy")
            syncing.reload_by_admin()

    syncing.before = disturb
    syncing.run(wish(2, 3))
    assert done
    check_agreement(syncing, 2, 3)
    assert syncing.run(wish(2, 3))["changed"] is False


def test_an_admin_saves_during_a_run(syncing):
    syncing.run(wish(1, 2))
    done = []

    def disturb(op, _params):
        if op == "haproxy_wait" and not done:
            done.append(op)
            other.change("installedpackages/haproxy/ha_backends/item/0/client_timeout", "12345")

    other = SyncRouter(syncing.rack)
    syncing.before = disturb
    report = syncing.run(wish(2, 3))
    other.end()
    assert done
    assert (report["added"], report["removed"]) == (["lines/node3", "web/node3"], ["lines/node1", "web/node1"])
    assert syncing.section()["ha_backends"]["item"][0]["client_timeout"] == "12345"
    check_agreement(syncing, 2, 3)


class Killed(Exception):
    pass


@pytest.mark.parametrize(
    ("rack", "back"),
    [(("2.8", "isc"), False), (("2.8", "isc"), True), (("2.7", "isc"), False)],
    indirect=["rack"],
    ids=["same-wish", "the-old-wish-again", "old-haproxy"],
)
def test_a_run_that_is_killed_anywhere_and_then_a_clean_one(syncing, back):
    """Cut off after every single request in turn; a run like that, or one with the old wish, then finds its way."""
    after, cut_everywhere = 0, False
    while not cut_everywhere:
        syncing.before = None
        syncing.run(wish(1, 2), max_removed=100, allow_empty=True)
        check_agreement(syncing, 1, 2)
        left = [after]

        def cut(_op, _params, left=left):
            left[0] -= 1
            if left[0] < 0:
                raise Killed

        syncing.before = cut
        try:
            syncing.run(wish(2, 3))
            cut_everywhere = True
        except Killed:
            pass
        syncing.before = None
        numbers = (1, 2) if back else (2, 3)
        syncing.run(wish(*numbers))
        check_agreement(syncing, *numbers)
        assert syncing.run(wish(*numbers))["changed"] is False
        assert syncing.port.note("leaving.pfrack") == ""
        after += 1
    assert after > 8


def test_two_runs_at_the_same_time(rack, syncing):
    syncing.run(wish(1, 2, 3))
    routers = [SyncRouter(rack) for _ in range(2)]
    problems = []

    def work(one):
        try:
            one.run(wish(2, 3, 4), drain_timeout=2)
        except (RouterError, DesiredError) as problem:
            problems.append(problem)

    threads = [threading.Thread(target=work, args=(one,)) for one in routers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one in routers:
        one.end()
    assert problems == []
    check_agreement(syncing, 2, 3, 4)
