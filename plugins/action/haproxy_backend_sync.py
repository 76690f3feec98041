# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's side of haproxy_backend_sync."""

from __future__ import annotations

from ansible_collections.pfrack.cluster.plugins.module_utils.backend_sync.config import Wish
from ansible_collections.pfrack.cluster.plugins.module_utils.backend_sync.sync import Options, synchronise
from ansible_collections.pfrack.cluster.plugins.module_utils.errors import DesiredError
from ansible_collections.pfrack.cluster.plugins.module_utils.specs.haproxy_backend_sync import SPEC
from ansible_collections.pfrack.cluster.plugins.plugin_utils.router_action import RouterAction, text_diff


class ActionModule(RouterAction):
    """Makes the servers of backends, in config.xml and in the running HAProxy, follow the nodes."""

    SPEC = SPEC

    def act(self, router, params):
        _check(params)
        wish = Wish(params["owner"], params["backends"], params["drain"], params["undrain"])
        options = Options(
            drain_timeout=params["drain_timeout"],
            max_removed=params["max_removed_percent"],
            allow_empty=params["allow_empty"],
            probe=params["probe"],
            probe_timeout=params["probe_timeout"],
            grace=params["grace"],
            busy_timeout=params["busy_timeout"],
            check_mode=self._task.check_mode,
        )
        report = synchronise(router, wish, options)
        before, after = report.pop("before"), report.pop("after")
        if self._task.diff:
            report["diff"] = text_diff(before, after, "config.xml")
        report["warnings"] += [
            "%s: does not answer (%s), so it was not added" % server for server in sorted(report["not_added"].items())
        ]
        if report["reasons"]:
            report["msg"] = "HAProxy was reloaded: %s" % "; ".join(report["reasons"])
        return report


def _check(params):
    problems = []
    for name, lowest, highest in (
        ("drain_timeout", 0, 86400),
        ("probe_timeout", 1, 30),
        ("grace", 0, 86400 * 365),
        ("busy_timeout", 0, 86400),
        ("max_removed_percent", 0, 100),
    ):
        if not lowest <= params[name] <= highest:
            problems.append("%s: %s: must lie between %d and %d" % (name, params[name], lowest, highest))
    for name in sorted(set(params["drain"]) & set(params["undrain"])):
        problems.append("drain, undrain: %s: is in both; remove it from one" % name)
    if problems:
        raise DesiredError(problems)
