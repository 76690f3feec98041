# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole of etcd_member_info: it works on the controller."""

from __future__ import annotations

from ansible_collections.pfrack.cluster.plugins.module_utils.etcd.members import alarm_warnings
from ansible_collections.pfrack.cluster.plugins.module_utils.specs.etcd_member_info import SPEC
from ansible_collections.pfrack.cluster.plugins.plugin_utils.controller_action import ControllerAction, etcd_client
from ansible_collections.pfrack.cluster.plugins.plugin_utils.etcd_client import EtcdError, wait_for


class ActionModule(ControllerAction):
    """Asks for the members; no answer at all is an answer, too."""

    SPEC = SPEC

    def act(self, params):
        last = {"members": [], "reason": ""}

        def look():
            try:
                last["members"] = etcd_client(params).members()
            except EtcdError as error:
                last["reason"] = str(error)
                raise
            return set(params["healthy"]) <= {member["name"] for member in _serving(last["members"])}

        done = wait_for(look, params["timeout"])
        result = {"changed": False, "reachable": bool(last["members"]), "members": last["members"]}
        warnings = alarm_warnings(last["members"])
        if warnings:
            result["warnings"] = warnings
        if not result["reachable"]:
            result["reason"] = last["reason"]
        if params["healthy"] and not done:
            up = sorted(member["name"] for member in _serving(last["members"]))
            learners = sorted(member["name"] for member in last["members"] if member["learner"] and member["healthy"])
            result.update(
                failed=True,
                msg="etcd: %s: not up within %d s (up: %s%s)%s; look at `journalctl -u etcd-member` on the node"
                % (
                    ", ".join(sorted(set(params["healthy"]) - set(up))),
                    params["timeout"],
                    ", ".join(up) or "none",
                    "; up without a vote: " + ", ".join(learners) if learners else "",
                    ": " + last["reason"] if last["reason"] else "",
                ),
            )
        return result


def _serving(members):
    """A learner answers, but counts for nothing when another member fails."""
    return [member for member in members if member["healthy"] and not member["learner"]]
