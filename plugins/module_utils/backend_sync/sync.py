# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run: look, decide, write once, tell the running process, look again.

The order keeps a run harmless that is killed anywhere. Servers that go are noted on the router and drained, then
config.xml is written, then new servers join the process, and at last the drained ones leave it. The next run finishes
what the note names, or lets it serve again.
"""

from __future__ import annotations

import contextlib
import json
import time
from dataclasses import dataclass

from ..errors import DesiredError
from ..ownership import Mark
from ..reconcile import reconcile
from ..router import RouterError
from . import config, observe
from .admission import Admission
from .guards import check_removal
from .process import Process

ATTEMPTS = 4
BUSY_PAUSE = 1.0
DESCRIPTION = "HAProxy servers"
# The write may or may not have happened; the note then tells the next run.
_UNKNOWN = ("conflict", "unknown_outcome", "unreachable", "timeout")


@dataclass
class Options:
    """How careful a run is; times are seconds.

    drain_timeout: how long sessions of a server that leaves may go on. max_removed: percent of our servers of a
    backend that may go at once. grace: how long a server stays that is no longer wanted. busy_timeout: how long to wait
    for another run that holds the router. check_mode: only tell.
    """

    drain_timeout: float = 30
    max_removed: int = 50
    allow_empty: bool = False
    probe: bool = True
    probe_timeout: float = 2
    grace: float = 0
    busy_timeout: float = 0
    check_mode: bool = False


def synchronise(router, wish, options, clock=time.time, sleep=time.sleep):
    """Make config.xml and the running HAProxy agree with a config.Wish; returns a report (a dict).

    changed; route: "none", "runtime" or "reload"; reasons: why it reloaded; added, removed, updated, drained: servers
    as "pool/name"; not_added: {server: what its probe said}; in_grace; missing_backends; sessions_cut: {server:
    sessions that the time limit ended}; warnings; revision; before and after: sections that differ.

    Raises DesiredError when a guard or the inventory says no, and RouterError.
    """
    admission = Admission(router, options, clock)
    done = []
    attempt, patience = 1, options.busy_timeout
    while True:
        run = _Run(router, wish, options, admission, done)
        try:
            return _together(done, run.go())
        except RouterError as error:
            # Somebody was faster: everything is looked at again.
            if error.kind == "conflict" and attempt < ATTEMPTS:
                attempt += 1
            elif error.kind == "busy" and patience > 0:
                # Nothing announces the end of the other run.
                sleep(BUSY_PAUSE)
                patience -= BUSY_PAUSE
            else:
                if error.kind == "conflict":
                    run.let_serve()
                raise


def _together(earlier, report):
    """The report of the last attempt, with what earlier ones did before they were disturbed."""
    for one in reversed(earlier):
        for name in ("added", "removed", "drained", "updated"):
            report[name] = sorted(set(one[name]) | set(report[name]))
        report["changed"] = True
        report["reasons"] = one["reasons"] + report["reasons"]
        report["sessions_cut"] = dict(one["sessions_cut"], **report["sessions_cut"])
        if report["route"] == "none" or one["route"] == "reload":
            report["route"] = one["route"]
        report["after"] = report["after"] or one["after"]
        report["before"] = one["before"] or report["before"]
    return report


class _Run:
    def __init__(self, router, wish, options, admission, done):
        self.router, self.wish, self.options, self.admission, self.done = router, wish, options, admission, done
        self.mark = Mark(wish.owner)
        self.note = "leaving.%s" % wish.owner
        self.written = False

    def go(self):
        snapshot = self.router.read(config.PATHS)
        view = observe.look_at(self.router, snapshot.revision, (self.note, self.admission.note_name(self.wish.owner)))
        before = snapshot.sections.get(config.SECTION)
        if not config.pools_of(before):
            return _nothing(snapshot.revision, config.missing_backends(before, self.wish))
        wish = config.Wish(
            self.wish.owner,
            self.admission.admit(before, self.wish, view),
            self.wish.drain,
            self.wish.undrain,
        )
        desired = config.desire(snapshot.sections, wish, snapshot.info)
        after = desired.sections[config.SECTION]
        change = reconcile(snapshot.sections, desired.sections)
        self.noted = _noted(view.notes.get(self.note))
        self._guard(before, after, view)
        process = Process(
            self.router, self.options, self.mark, wish, before, after, view, self.noted, self.admission.answering
        )
        plan = process.plan()
        self._names_taken(before, after, process, plan)
        self.readmitted = sorted(process.readmitted)
        runs = observe.meant_to_run(after, view)
        reasons = self._why_reload(before, after, change, view, plan) if runs else []
        stale = observe.stale(view, after, self.mark)
        report = {
            "changed": bool(change or reasons or runs and (stale or plan)),
            "route": "none",
            "reasons": [],
            "sessions_cut": {},
            "not_added": dict(self.admission.not_added),
            "in_grace": sorted(self.admission.in_grace),
            "missing_backends": config.missing_backends(before, wish),
            "warnings": list(desired.warnings) + _by_hand(process.names(plan.by_hand)) + self._unknown(after),
            "revision": snapshot.revision,
            "before": change.before,
            "after": change.after,
        }
        report.update(_entries(before, after, self.mark, process, plan))
        if self.options.check_mode:
            return report
        self.admission.remember()
        if not report["changed"]:
            if self.noted:
                self._forget()
            return report
        try:
            if reasons or not runs:
                return self._reload(report, change, snapshot.revision, reasons)
            return self._at_run_time(report, change, snapshot.revision, process, bool(change) or stale)
        except RouterError:
            if self.written or process.touched:
                self.done.append(report)
            raise

    def let_serve(self):
        """The next run may be far away, so servers that were about to go do not wait for it."""
        with contextlib.suppress(RouterError):
            self.noted = _noted(self.router.note(self.note))
            self._give_up(self.router.read(config.PATHS).sections.get(config.SECTION))

    def _guard(self, before, after, view):
        problems = []
        old, new = config.pools_of(before), config.pools_of(after)
        for name, ours in config.our_pools(before, self.mark).items():
            statuses = [
                {server: entry.get("status") or "" for server, entry in config.servers_of(pools[name]).items()}
                for pools in (old, new)
            ]
            problems += check_removal(
                name,
                statuses[0],
                statuses[1],
                ours,
                self._up(view, name),
                self.options.allow_empty,
                self.options.max_removed,
                self.wish.drain,
            )
        if problems:
            self._give_up(before)
            raise DesiredError(problems)

    def _give_up(self, before):
        """What an earlier attempt drained serves again, as far as config.xml still has it."""
        if not self.noted or self.options.check_mode:
            return
        entries = _all_servers(before, self.mark)
        active = []
        for server in self.noted:
            backend, name = server.split("/", 1)
            entry = entries.get("%s/%s" % (backend.rpartition("_")[0], name)) or {"status": "disabled"}
            if (entry.get("status") or "active") in ("active", "backup"):
                active.append("set server %s state ready" % server)
        if active:
            self.router.haproxy_runtime(active)

    def _up(self, view, pool):
        """Names of servers that answer, new ones included; None when nobody knows."""
        serving = observe.up(view, pool)
        new = [name.split("/", 1)[1] for name in self.admission.answering if name.startswith(pool + "/")]
        return None if serving is None else serving + new

    def _unknown(self, after):
        known = {server.split("/", 1)[1] for server in _all_servers(after, self.mark)}
        return [
            "%s: no backend of ours has this server" % name
            for name in list(self.wish.drain) + list(self.wish.undrain)
            if name not in known
        ]

    def _names_taken(self, before, after, process, plan):
        """A server that somebody gave the process by hand, and a new one of ours, may have the same name."""
        by_hand = set(process.names(set(plan.by_hand) - set(self.noted)))
        new = set(_all_servers(after, self.mark)) - set(_all_servers(before, self.mark))
        problems = [
            "%s: the running HAProxy has a server of this name that config.xml does not know; remove it there (set "
            "server … state maint, del server …) or rename the node" % server
            for server in sorted(by_hand & new)
        ]
        if problems:
            raise DesiredError(problems)

    def _why_reload(self, before, after, change, view, plan):
        if view.blind:
            due = ["earlier changes in config.xml were not applied"] if view.unapplied else []
            return ([view.blind] if change else []) + due
        if view.state is None:
            return ["HAProxy does not answer on its runtime socket" if view.pids else "HAProxy did not run"]
        return (config.reload_reasons(before, after, self.mark) if change else []) + plan.blocked

    def _reload(self, report, change, revision, reasons):
        """Old sessions live on in the old process, so nothing has to be drained."""
        revision = self._commit(revision, change.operations, "haproxy")
        report.update(revision=revision, reasons=reasons, route="reload" if reasons else "none")
        if self.noted or self.readmitted:
            self._forget()
        return report

    def _at_run_time(self, report, change, revision, process, write):
        going = process.going()
        if going:
            self.router.note(self.note, json.dumps(sorted(set(going) | set(self.noted))))
            process.drain(revision)
        if write:
            try:
                revision = self._commit(revision, change.operations, "haproxy_file")
            except RouterError as error:
                if error.kind not in _UNKNOWN:
                    process.undo_drain()
                    self.router.note(self.note, "")
                raise
        refused = process.converge(revision)
        if refused:
            self._commit(revision, [], "haproxy")
        report.update(
            revision=revision,
            route="reload" if refused else "runtime",
            reasons=refused,
            sessions_cut=process.cut,
        )
        if going or self.noted:
            self._forget()
        self._read_back(report, process)
        return report

    def _commit(self, revision, operations, service):
        revision = self.router.commit(revision, operations, [service], DESCRIPTION).revision
        self.written = True
        return revision

    def _forget(self):
        """Those that are wanted after all serve again, whatever a reload kept; then the note has done its work."""
        if self.readmitted:
            self.router.haproxy_runtime(["set server %s state ready" % server for server in self.readmitted])
        self.router.note(self.note, "")

    def _read_back(self, report, process):
        """Neither side may lack anything; what others changed meanwhile is looked at again."""
        current = self.router.read(config.PATHS)
        left = process.plan(observe.look_at(self.router, current.revision)).servers
        if current.revision != report["revision"] or left:
            raise RouterError(
                "conflict", "HAProxy does not run what config.xml says about %s" % (", ".join(left) or "its servers")
            )


def _nothing(revision, missing):
    report = {"changed": False, "route": "none", "revision": revision, "missing_backends": missing}
    report.update({name: [] for name in ("reasons", "added", "removed", "drained", "updated", "in_grace", "warnings")})
    report.update({name: {} for name in ("sessions_cut", "not_added", "before", "after")})
    return report


def _by_hand(servers):
    return [
        "%s: only the running HAProxy knows this server; it is left alone, and the next reload drops it" % server
        for server in servers
    ]


def _noted(text):
    try:
        noted = json.loads(text or "[]")
    except ValueError:
        return []
    return [server for server in noted if isinstance(server, str) and "/" in server] if isinstance(noted, list) else []


def _all_servers(section, mark):
    """{pool/name: entry} of our servers."""
    result, pools = {}, config.pools_of(section)
    for pool, names in config.our_pools(section, mark).items():
        entries = config.servers_of(pools[pool])
        result.update(("%s/%s" % (pool, name), entries.get(name)) for name in names)
    return result


def _entries(before, after, mark, process, plan):
    """What happens to which server, in config.xml or in the process."""
    old, new = _all_servers(before, mark), _all_servers(after, mark)
    changed = [name for name in new if name in old and old[name] != new[name]]
    resting = [name for name in changed if (new[name] or {}).get("status") == "disabled" != old[name].get("status")]
    added = {name for name in new if name not in old} | set(process.names(server for server, _some in plan.add))
    removed = {name for name in old if name not in new} | set(process.names(plan.remove))
    drained = set(resting) | set(process.names(plan.maintain))
    updated = set(changed) | set(process.names(server for server, _some in plan.change))
    return {
        "added": sorted(added),
        "removed": sorted(removed - added),
        "drained": sorted(drained),
        "updated": sorted(updated - added - removed - drained),
    }
