# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands that bring the running process to what its file says, one server at a time."""

from __future__ import annotations

from dataclasses import dataclass, field

from .running import same_address

# Since this release servers come and go at run time, with health checks, without further ado.
OLDEST_HAPROXY = (2, 6)


@dataclass
class Plan:
    """What the process lacks.

    add, change: [(server, [commands])]; remove: [server]; maintain: [server] that go into maintenance;
    server is "backend/name". blocked: why only a reload helps. by_hand: servers nobody but the process knows.
    """

    add: list = field(default_factory=list)
    change: list = field(default_factory=list)
    maintain: list = field(default_factory=list)
    remove: list = field(default_factory=list)
    blocked: list = field(default_factory=list)
    by_hand: list = field(default_factory=list)

    def __bool__(self):
        return bool(self.add or self.change or self.maintain or self.remove or self.blocked)

    @property
    def servers(self):
        """All servers that something happens to."""
        return [server for server, _commands in self.add + self.change] + self.maintain + self.remove


def plan(state, lines, ours, leaving=(), readmit=(), probed=(), version=""):
    """The Plan for some backends.

    state, lines: see running.read_state and read_lines. ours: {backend: names of our servers}.
    leaving: servers ("backend/name") that an earlier or this run takes out of the process.
    readmit: servers that have to be ready whatever they are now. probed: servers known to answer.
    """
    result = Plan()
    for backend, some in ours.items():
        names = set(some)
        present, wanted = state.get(backend, {}), lines.get(backend, {})
        for name in [name for name in wanted if name in names]:
            server, line = "%s/%s" % (backend, name), wanted[name]
            if name not in present and ";" in line.words:
                result.blocked.append("%s: HAProxy's socket takes no semicolon" % server)
            elif name not in present:
                result.add.append((server, addition(server, line, server in probed)))
            else:
                _compare(result, server, present[name], line, server in readmit, server in probed)
        for name in present:
            server = "%s/%s" % (backend, name)
            if name in wanted:
                continue
            if server in leaving:
                result.remove.append(server)
            else:
                result.by_hand.append(server)
    if (result.add or result.remove) and _too_old(version):
        result.blocked.append("HAProxy %s cannot add or remove servers while it runs" % version)
    return result


def addition(server, line, answers):
    """Commands for a new server. One that is not known to answer stays down until HAProxy's own check finds it up."""
    commands = ["add server %s %s" % (server, line.words)]
    if line.check:
        commands.append("enable health %s" % server)
    if not line.disabled:
        commands += admission(server, line, answers)
    return commands


def admission(server, line, answers):
    """Commands that let requests to a server."""
    if answers or not line.check:
        return ["set server %s state ready" % server]
    # Drained it may be marked as down without ever having been up.
    return ["set server %s %s" % (server, what) for what in ("state drain", "health down", "state ready")]


def _compare(result, server, present, line, readmit, answers):
    commands = []
    if line.id and line.id != present.id and readmit:
        # The rest of a run that was killed: it makes room for the new one.
        result.remove.append(server)
        return
    if line.id and line.id != present.id:
        result.blocked.append("%s has the id %s instead of %s" % (server, present.id, line.id))
        return
    if line.check and not present.has_check:
        result.blocked.append("%s has no health check yet" % server)
        return
    same = same_address(line.address, present.address)
    if same is False and not present.by_name or line.port and line.port != present.port:
        commands.append("set server %s addr %s port %s" % (server, line.address, line.port or present.port))
    if line.weight != present.weight:
        commands.append("set server %s weight %s" % (server, line.weight))
    if line.check and not present.check_runs and not present.maintenance:
        commands.append("enable health %s" % server)
    if line.disabled and not present.maintenance:
        result.maintain.append(server)
    elif readmit and not line.disabled and not present.ready:
        # Only in maintenance was its health not checked.
        commands += admission(server, line, answers or not present.maintenance)
    if commands:
        result.change.append((server, commands))


def _too_old(version):
    parts = version.replace("-", ".").split(".")
    return len(parts) >= 2 and all(part.isdigit() for part in parts[:2]) and tuple(map(int, parts[:2])) < OLDEST_HAPROXY


def refused(command, answer):
    """What HAProxy has against a command, or "". Its way to say yes differs from command to command."""
    answer = (answer or "").strip()
    if command.startswith("add server"):
        agreed = "New server registered" in answer
    elif command.startswith("del server"):
        agreed = "Server deleted" in answer or "No such server" in answer
    elif " addr " in command:
        agreed = answer.startswith(("IP changed", "port changed", "no need to change", "nothing changed")) or not answer
    else:
        agreed = not answer
    return "" if agreed else "%s: %s" % (command, answer or "no answer")
