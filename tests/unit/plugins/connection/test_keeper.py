# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The process that keeps a line between tasks: one for all of them, gone with its owner, honest about what was sent."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time

import pytest
from ansible_collections.pfrack.cluster.plugins.plugin_utils.keeper import Keeper, KeeperError


class Line:
    """Notes in a file what becomes of it."""

    def __init__(self, options, log):
        self.options = options
        self.log = log
        self._note("open")

    def _note(self, text):
        with open(self.options["notes"], "a") as file:
            file.write(text + "\n")

    def call(self, op, params):
        self.log(f"asked for {op}")
        if op == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if op == "break":
            raise ValueError("no such thing")
        return {"ok": True, "result": {"pid": os.getpid(), **params}}

    def close(self):
        self._note("close")


@pytest.fixture
def owner():
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process
    process.kill()
    process.wait()


@pytest.fixture
def keeper(tmp_path, owner):
    (tmp_path / "pc").mkdir(mode=0o700)
    made = Keeper(str(tmp_path / "pc" / "line"), Line, owner.pid, 60)
    yield made
    made.end()


@pytest.fixture
def options(tmp_path):
    return {"notes": str(tmp_path / "notes"), "host": "router1"}


def wait_for(true, seconds=30):
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def notes(options):
    with open(options["notes"]) as file:
        return file.read().split()


def test_all_tasks_share_one_line_outside_of_them(keeper, options):
    first, told = keeper.ask(options, "call", "read", {"text": "ä" * 100_000})
    second, _told = keeper.ask(options, "call", "read", {})
    assert first["result"]["pid"] == second["result"]["pid"] != os.getpid()
    assert first["result"]["text"] == "ä" * 100_000
    assert told == ["asked for read"]
    assert notes(options) == ["open"]


def test_tasks_that_start_at_once_start_one_keeper(keeper, options):
    fork = multiprocessing.get_context("fork")
    ready, pids = fork.Barrier(4), fork.SimpleQueue()

    def task():
        ready.wait(60)
        pids.put(keeper.ask(options, "call", "read", {})[0]["result"]["pid"])

    tasks = [fork.Process(target=task) for _number in range(4)]
    for one in tasks:
        one.start()
    assert len({pids.get() for _one in tasks}) == 1
    for one in tasks:
        one.join()
    assert notes(options) == ["open"]


def test_other_options_make_another_line(keeper, options):
    keeper.ask(options, "call", "read", {})
    keeper.ask({**options, "password": "another"}, "call", "read", {})
    assert notes(options) == ["open", "close", "open"]


def test_it_ends_with_its_owner_and_closes_the_line(keeper, options, owner, tmp_path):
    keeper.ask(options, "call", "read", {})
    owner.kill()
    owner.wait()
    wait_for(lambda: notes(options) == ["open", "close"])
    assert list((tmp_path / "pc").iterdir()) == []


def test_it_ends_when_nobody_asks(tmp_path, owner, options):
    keeper = Keeper(str(tmp_path / "line"), Line, owner.pid, 0.05)
    tmp_path.chmod(0o700)
    keeper.ask(options, "call", "read", {})
    wait_for(lambda: notes(options) == ["open", "close"])
    assert keeper.ask(options, "call", "read", {})[0]["ok"], "the next task starts another one"


def test_a_killed_keeper_is_an_error_that_says_so_and_the_next_task_gets_another(keeper, options):
    with pytest.raises(KeeperError) as failure:
        keeper.ask(options, "call", "die", {})
    assert failure.value.sent
    assert keeper.ask(options, "call", "read", {})[0]["ok"]


def test_a_mistake_in_the_line_is_told_and_does_not_end_it(keeper, options):
    with pytest.raises(KeeperError, match="no such thing"):
        keeper.ask(options, "call", "break", {})
    assert keeper.ask(options, "call", "read", {})[0]["ok"]
    assert notes(options) == ["open"]


def test_it_holds_nothing_of_the_task(keeper, options, tmp_path):
    with open(tmp_path / "held", "w") as held:
        answer, _told = keeper.ask(options, "call", "read", {})
        pid = answer["result"]["pid"]
        links = [os.readlink(f"/proc/{pid}/fd/{number}") for number in os.listdir(f"/proc/{pid}/fd")]
        assert held.name not in links
    assert os.readlink(f"/proc/{pid}/fd/1") == "/dev/null"
    assert os.getsid(pid) == pid


def test_only_the_user_reaches_it(keeper, options, tmp_path):
    keeper.ask(options, "call", "read", {})
    assert (tmp_path / "pc" / "line").stat().st_mode & 0o077 == 0
    keeper.end()
    (tmp_path / "pc").chmod(0o777)
    with pytest.raises(KeeperError, match="others must not write there") as failure:
        keeper.ask(options, "call", "read", {})
    assert not failure.value.sent


def test_a_path_that_is_too_long_is_explained(tmp_path, owner, options):
    (tmp_path / ("x" * 120)).mkdir(mode=0o700)
    keeper = Keeper(str(tmp_path / ("x" * 120) / "line"), Line, owner.pid, 60)
    with pytest.raises(KeeperError, match="ANSIBLE_PERSISTENT_CONTROL_PATH_DIR"):
        keeper.ask(options, "call", "read", {})
