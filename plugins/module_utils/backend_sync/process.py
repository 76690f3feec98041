# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The running process: what has to happen to it, and the commands on its way there."""

from __future__ import annotations

import time

from ..router import RouterError
from . import observe
from .config import our_pools, pools_of, servers_of
from .plan import plan, refused
from .running import backends_of

TURNS = 3
# The agent waits no longer in one request.
LONGEST_WAIT = 30
AFTER_CUT = 5


class Process:
    """Brings the process from the section `before` of config.xml to the section `after`.

    noted: servers ("backend/name") that an earlier run, which did not end, was about to take out.
    answering: new servers ("pool/name") that were found to answer.
    touched: whether commands were given.
    """

    def __init__(self, router, options, mark, wish, before, after, view, noted, answering):
        self.router, self.options, self.view = router, options, view
        self.cut, self.touched = {}, False
        old, new = our_pools(before, mark), our_pools(after, mark)
        backends = set(view.lines) | set(view.state or {})
        self.ours, self.pool_of = {}, {}
        for pool in list(old) + [name for name in new if name not in old]:
            for backend in backends_of(pool, backends):
                self.ours[backend] = sorted(set(old.get(pool) or []) | set(new.get(pool) or []))
                self.pool_of[backend] = pool
        statuses = {pool: _statuses(after, pool) for pool in set(self.pool_of.values())}
        self.leaving = {server for server in self._of_ours() if self._status(statuses, server) in (None, "inactive")}
        self.leaving |= {server for server in noted if self._status(statuses, server) is None}
        self.resting = {server for server in self._of_ours() if self._status(statuses, server) == "disabled"}
        self.readmitted = {
            server
            for server in self._of_ours()
            if self._status(statuses, server) in ("", "active", "backup")
            and (server in noted or server.split("/", 1)[1] in wish.undrain)
        }
        self.answering = {
            "%s/%s" % (backend, name)
            for backend, pool in self.pool_of.items()
            for name in self.ours[backend]
            if "%s/%s" % (pool, name) in answering
        }

    def _of_ours(self):
        return {"%s/%s" % (backend, name) for backend, names in self.ours.items() for name in names}

    def _status(self, statuses, server):
        backend, name = server.split("/", 1)
        return statuses.get(self.pool_of.get(backend), {}).get(name)

    def plan(self, view=None):
        """The plan.Plan as things stand."""
        view = view or self.view
        return plan(
            view.state or {}, view.lines, self.ours, self.leaving, self.readmitted, self.answering, view.version
        )

    def going(self):
        """Servers that serve now and shall not: those that leave, and those that go into maintenance."""
        return sorted(
            server
            for server in self.leaving | self.resting
            for present in [self._running(server)]
            if present is not None and not present.maintenance
        )

    def _running(self, server):
        backend, name = server.split("/", 1)
        return (self.view.state or {}).get(backend, {}).get(name)

    def names(self, servers):
        """The servers as "pool/name", for a report."""
        return sorted({self.name(server) for server in servers})

    def name(self, server):
        backend, name = server.split("/", 1)
        return "%s/%s" % (self.pool_of.get(backend, backend), name)

    def drain(self, revision):
        """No new requests for those that go."""
        self._tell(["set server %s state drain" % server for server in self.going()], revision)

    def undo_drain(self):
        """Let those serve again that were about to go, but none that an admin had drained before."""
        served = [server for server in self.going() if self._running(server).ready]
        self.router.haproxy_runtime(["set server %s state ready" % server for server in served])

    def converge(self, revision):
        """Make the process as the file says; returns what HAProxy refused, an empty list when all is well.

        New servers come first and drained ones go last, so that there are always enough.
        """
        objections = []
        for _turn in range(TURNS):
            view = observe.look_at(self.router, revision)
            if view.state is None:
                return ["HAProxy does not answer on its runtime socket"]
            todo = self.plan(view)
            if not todo:
                return []
            if todo.blocked:
                return todo.blocked
            objections = self._tell([command for _name, some in todo.add + todo.change for command in some], revision)
            if not objections:
                objections = self._finish(todo, revision)
        view = observe.look_at(self.router, revision)
        left = self.plan(view).servers
        return (objections or ["HAProxy did not take the change of %s" % ", ".join(left)]) if left else []

    def _finish(self, todo, revision):
        """Wait for the sessions of those that go, then take them out."""
        waiting = todo.remove + todo.maintain
        if not waiting:
            return []
        draining = ["set server %s state drain" % server for server in waiting]
        objections = self._tell(draining, revision)
        sessions = self._wait(waiting, self.options.drain_timeout)
        busy = {server: number for server, number in sessions.items() if number}
        self.cut.update({self.name(server): number for server, number in busy.items() if server in todo.remove})
        objections += self._tell(["set server %s state maint" % server for server in waiting], revision)
        objections += self._tell(
            ["shutdown sessions server %s" % server for server in todo.remove if server in busy], revision
        )
        if todo.remove:
            # Connections are closed by their own threads, a moment later.
            self.router.haproxy_wait(todo.remove, AFTER_CUT, idle=True)
        return objections + self._tell(["del server %s" % server for server in todo.remove], revision)

    def _wait(self, servers, seconds):
        deadline = time.monotonic() + seconds
        while True:
            left = max(deadline - time.monotonic(), 0)
            sessions = self.router.haproxy_wait(servers, min(left, LONGEST_WAIT))
            if not any(sessions.values()) or left <= LONGEST_WAIT:
                return sessions

    def _tell(self, commands, revision):
        """What HAProxy refused."""
        if not commands:
            return []
        answers = self.router.haproxy_runtime(commands, revision)
        self.touched = True
        if len(answers) != len(commands):
            raise RouterError("internal", "the agent answered %d of %d commands" % (len(answers), len(commands)))
        objections = [refused(command, answer) for command, answer in zip(commands, answers)]
        return [words for words in objections if words]


def _statuses(section, pool):
    return {name: entry.get("status") or "" for name, entry in servers_of(pools_of(section).get(pool) or {}).items()}
