# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's side of haproxy_backend_watch."""

from __future__ import annotations

import time

from ansible.utils.display import Display
from ansible_collections.pfrack.cluster.plugins.filter.cluster_spec import compile_inventory
from ansible_collections.pfrack.cluster.plugins.module_utils.backend_sync.sync import Options
from ansible_collections.pfrack.cluster.plugins.module_utils.errors import DesiredError
from ansible_collections.pfrack.cluster.plugins.module_utils.leases.changes import line
from ansible_collections.pfrack.cluster.plugins.module_utils.leases.reconcile import Reconciler
from ansible_collections.pfrack.cluster.plugins.module_utils.leases.watch import Watch
from ansible_collections.pfrack.cluster.plugins.module_utils.router import RouterError
from ansible_collections.pfrack.cluster.plugins.module_utils.specs.haproxy_backend_watch import SPEC
from ansible_collections.pfrack.cluster.plugins.plugin_utils.followed_inventory import FollowedInventory
from ansible_collections.pfrack.cluster.plugins.plugin_utils.router_action import RouterAction

# Short, so that a router without power and a changed inventory are noticed soon.
LONGEST_WAIT = 5
# How often a look is taken while only time has to pass.
UNSETTLED_WAIT = 2
SOON = 0.25


class ActionModule(RouterAction):
    """Waits on the router and reconciles, until it is ended."""

    SPEC = SPEC

    def run(self, tmp=None, task_vars=None):
        self._task_vars = task_vars or {}
        return super().run(tmp, task_vars)

    def act(self, router, params):
        _check(params)
        options = Options(
            drain_timeout=params["drain_timeout"],
            max_removed=params["max_removed_percent"],
            allow_empty=params["allow_empty"],
            probe=params["probe"],
            probe_timeout=params["probe_timeout"],
            grace=params["grace"],
            check_mode=self._task.check_mode,
        )
        self._router = router
        self._standby = False
        self._followed = FollowedInventory(self._task_vars, self._loader, self._say)
        self._reconciler = Reconciler(router, options, self._say)
        self._watch = Watch(router, self._say)
        if self._task.check_mode:
            self._reconcile()
            return {"changed": self._reconciler.changed > 0, "reconciled": 1}
        return self._loop(params)

    def _loop(self, params):
        end = time.monotonic() + params["duration"] if params["duration"] else None
        next_time = 0.0
        reconciled = 0
        while end is None or time.monotonic() < end:
            times = [time.monotonic() + LONGEST_WAIT, next_time] + ([end] if end else [])
            step = self._watch.step(max(0.0, min(times) - time.monotonic()), self._reconciler.targets)
            for change in step.changes:
                self._say(line(change))
            if self._followed.refresh():
                self._say("inventory: was read again")
                next_time = time.monotonic()
            if step.away or self._followed.unsettled:
                next_time = time.monotonic() + SOON
            elif step.woken or time.monotonic() >= next_time:
                try:
                    self._reconcile()
                    reconciled += 1
                    if reconciled == 1:
                        self._say("watch: follows from now on")
                    next_time = time.monotonic() + (UNSETTLED_WAIT if self._reconciler.unsettled else params["resync"])
                except RouterError as error:
                    self._watch.away(error)
                    next_time = time.monotonic()
        self._say("watch: ends")
        return {"changed": self._reconciler.changed > 0, "reconciled": reconciled}

    def _reconcile(self):
        facts = self._router.info()
        facts["leases"] = self._router.leases()["leases"]
        spec = compile_inventory(self._followed.inventory, facts)
        if not spec["problems"] and self._stands_by(spec, facts):
            return
        self._reconciler.reconcile(spec)

    def _stands_by(self, spec, facts):
        """Whether the other router of a pair serves now; the watch of that one acts, and pfSense tells this one."""
        status = {vip["address"]: vip.get("status") for vip in facts.get("virtual_ips") or []}
        home = spec["router_address"]
        # With CARP switched off, or an interface down, a router does not have the address either.
        standby = spec["ha_role"] != "single" and status.get(home) != "MASTER"
        if standby != self._standby:
            self._say("watch: stands by until this router has %s" % home if standby else "watch: serves")
        self._standby = standby
        return standby

    def _say(self, text):
        Display().display("%s %s %s" % (time.strftime("%Y-%m-%d %H:%M:%S"), self._host(self._task_vars), text))


def _check(params):
    problems = []
    for name, lowest, highest in (
        ("duration", 0, 86400 * 365),
        ("resync", 5, 86400),
        ("drain_timeout", 0, 86400),
        ("probe_timeout", 1, 30),
        ("grace", 0, 86400 * 365),
        ("max_removed_percent", 0, 100),
    ):
        if not lowest <= params[name] <= highest:
            problems.append("%s: %s: must lie between %d and %d" % (name, params[name], lowest, highest))
    if problems:
        raise DesiredError(problems)
