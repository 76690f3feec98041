# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Going back while servers leave HAProxy: what config.xml has active serves again, and nothing else does."""

from __future__ import annotations

import pytest
from checkpoint_run import ONE, Run, gone_back
from fleet import FRONT, SSH, WEB, SyncRouter, address, check_agreement, running, wish


class Killed(Exception):
    pass


class HeldLine:
    """The line of a run that holds a checkpoint."""

    def __init__(self, line):
        self.line = line

    def call(self, op, params):
        return self.line.call(op, dict(params, holder=ONE))

    def end(self):
        self.line.end()


@pytest.fixture
def held(rack, syncing):
    """Runs of the sync inside a checkpoint."""
    run = Run(rack)
    held = SyncRouter(rack, HeldLine(run.line))
    held.arm = run.arm
    held.kill = run.line.kill
    yield held
    held.end()


@pytest.fixture
def session(rack, syncing):
    """Four nodes, and an open session of a client with node1."""
    syncing.run(wish(1, only="lines"))
    process = rack.controller.popen(["socat", "-", f"TCP:{FRONT}:{SSH}"], stdin=-1, stdout=-1)
    assert process.stdout.readline().strip() == address(1)
    syncing.run(wish(1, 2, 3, 4))
    yield process
    process.kill()
    process.wait()


def answering(rack):
    """The nodes that answer requests, in eight of them."""
    command = f"for i in 1 2 3 4 5 6 7 8; do curl -s -m 5 http://{FRONT}:{WEB}/; echo; done"
    return set(rack.controller.run(command).stdout.split())


def out(syncing):
    """Servers that take no requests."""
    return sorted(name for name, values in running(syncing).items() if values[4])


@pytest.mark.parametrize("moment", ["commit", "haproxy_wait"], ids=["before-the-commit", "after-the-commit"])
def test_a_run_that_is_killed_while_a_server_leaves(rack, router, syncing, held, session, moment):
    # By drain.yml, and by an admin in the process only.
    syncing.run(wish(1, 2, 3, 4, drain=["node4"]))
    syncing.runtime("set server web_ipvANY/node3 state drain")
    stay_out = ["lines_ipvANY/node4", "web_ipvANY/node3", "web_ipvANY/node4"]
    assert out(syncing) == stay_out
    held.arm(timeout=5)

    def kill(op, _params):
        if op == moment:
            held.kill()
            raise Killed

    held.before = kill
    with pytest.raises(Killed):
        held.run(wish(2, 3, 4))
    assert out(syncing) == sorted([*stay_out, "lines_ipvANY/node1", "web_ipvANY/node1"])
    gone_back(router)
    assert out(syncing) == stay_out
    assert answering(rack) == {address(1), address(2)}
    assert syncing.port.note("leaving.pfrack") == ""
    assert syncing.run(wish(1, 2, 3, 4))["changed"] is False


def test_a_server_that_was_taken_out_for_maintenance(rack, syncing, held):
    syncing.run(wish(1, 2))
    held.arm()
    held.run(wish(1, 2, drain=["node2"]))
    assert out(syncing) == ["lines_ipvANY/node2", "web_ipvANY/node2"]
    held.port.rollback()
    assert out(syncing) == []
    assert answering(rack) == {address(1), address(2)}
    check_agreement(syncing, 1, 2)
