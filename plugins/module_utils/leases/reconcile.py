# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One reconciliation of a watch: its lines for the log, and what to look out for until the next."""

from __future__ import annotations

from ..backend_sync.admission import probe_target
from ..backend_sync.config import Wish
from ..backend_sync.sync import synchronise
from ..errors import DesiredError
from ..router import RouterError

_DONE = (("added", "serves now"), ("updated", "was updated"), ("drained", "was drained"), ("removed", "was removed"))


class Reconciler:
    """Makes HAProxy follow, by the library of haproxy_backend_sync. What does not change is said only once.

    targets: what has to answer before the next call makes sense. unsettled: whether time alone may change something.
    changed: how many calls changed something.
    """

    def __init__(self, router, options, say):
        self._router = router
        self._options = options
        self._say = say
        self._said = []
        self._waits = False
        self.targets = []
        self.unsettled = False
        self.changed = 0

    def reconcile(self, spec):
        """spec: of compile_inventory(). Raises RouterError; another run that holds the router is waited for."""
        if spec["problems"]:
            self._once(["inventory: %s; nothing is done" % problem for problem in spec["problems"]])
            return
        wish = Wish(spec["owner"], spec["backends"])
        try:
            report = synchronise(self._router, wish, self._options)
        except DesiredError as error:
            self._once(["sync: refused: %s" % problem for problem in error.problems])
            self.targets, self.unsettled = [], True
            return
        except RouterError as error:
            if error.kind != "busy":
                raise
            self._once(["sync: waits: %s" % error.message])
            self.targets, self.unsettled, self._waits = [], True, True
            return
        if self._waits:
            self._say("sync: goes on")
            self._waits = False
        self.changed += bool(report.get("changed"))
        for key, words in _DONE:
            for server in report.get(key) or []:
                self._say("sync: %s %s" % (server, words))
        for reason in report.get("reasons") or []:
            self._say("sync: HAProxy was reloaded: %s" % reason)
        silent = report.get("not_added") or {}
        self._once(
            ["sync: %s is not added yet: %s" % (server, silent[server]) for server in sorted(silent)]
            + ["sync: %s is missing and stays for now" % server for server in report.get("in_grace") or []]
            + ["sync: there is no backend %s; run site.yml" % name for name in report.get("missing_backends") or []]
            + ["sync: %s" % warning for warning in report.get("warnings") or []]
        )
        self.targets = self._awaited(spec["backends"], silent)
        self.unsettled = bool(report.get("in_grace"))

    def _awaited(self, backends, silent):
        targets = []
        for backend in backends:
            for server in backend.get("servers") or []:
                if "%s/%s" % (backend["name"], server["name"]) in silent:
                    target = probe_target(backend, {}, server)
                    if target and target not in targets:
                        targets.append(target)
        return targets

    def _once(self, lines):
        for line in lines:
            if line not in self._said:
                self._say(" ".join(line.split()))
        self._said = lines
