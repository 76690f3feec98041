# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's side of pfsense_checkpoint."""

from __future__ import annotations

from ansible_collections.pfrack.cluster.plugins.module_utils.errors import DesiredError
from ansible_collections.pfrack.cluster.plugins.module_utils.router import RouterError
from ansible_collections.pfrack.cluster.plugins.module_utils.specs.pfsense_checkpoint import SPEC
from ansible_collections.pfrack.cluster.plugins.plugin_utils.agent_bundle import agent_source
from ansible_collections.pfrack.cluster.plugins.plugin_utils.router_action import RouterAction, text_diff

CUT = ("unreachable", "timeout", "unknown_outcome")


class ActionModule(RouterAction):
    """Arms, confirms or rolls back."""

    SPEC = SPEC

    def act(self, router, params):
        if not 5 <= params["timeout"] <= 86400:
            raise DesiredError("timeout: %d: must be 5 to 86400 seconds" % params["timeout"])
        if params["state"] == "rolled_back":
            return self._revision(router, params) if params["revision"] else self._roll_back(router, params)
        if self._task.check_mode:
            return {"changed": False}
        if params["state"] == "armed":
            return {"changed": False, "checkpoint": router.checkpoint(params["timeout"], agent_source())}
        done = _confirm(router)
        return {"changed": False, "changes": done.get("changes", 0), **_pair(done.get("pair"))}

    def _roll_back(self, router, params):
        if self._task.check_mode and not params["force"]:
            return _outcome({"rolled_back": False})
        try:
            checkpoint = None
            if params["force"]:
                held = router.checkpoint_status().get("checkpoint")
                if held is None or self._task.check_mode:
                    return dict(_outcome({"rolled_back": False}), changed=held is not None, checkpoint=held)
                checkpoint = held["id"]
            result = router.rollback(checkpoint=checkpoint, why=params["reason"])
        except RouterError as error:
            if error.kind not in CUT:
                raise
            words = (
                "the router cannot be told to go back to the checkpoint. It does so by itself after hearing nothing "
                "of this run for as long as the checkpoint's timeout says: %s" % error.message
            )
            raise RouterError(error.kind, words, error.function, error.detail) from error
        # The timer may have been faster.
        before = result.get("before")
        return _outcome(dict(before, rolled_back=True) if before else result)

    def _revision(self, router, params):
        plan = router.rollback(revision=params["revision"], test=True)
        outcome = _outcome(plan)
        if self._task.diff:
            sections = {"sections": plan.get("restored") or []}
            outcome["diff"] = text_diff({}, sections, "revision %s" % params["revision"])
        if not plan["rolled_back"] or self._task.check_mode:
            return outcome
        return dict(outcome, **_outcome(router.rollback(revision=params["revision"])))


def _confirm(router):
    try:
        return router.confirm()
    except RouterError as error:
        if error.kind not in CUT:
            raise
        status = router.checkpoint_status()
        if status.get("checkpoint") is None and status.get("rolled_back") is None:
            # Only the answer was lost, and with it what became of the other router of a pair.
            peer = (router.info().get("high_availability") or {}).get("peer")
            return {"pair": {"peer": peer}} if peer else {}
        if status.get("checkpoint") is None:
            raise
        return router.confirm()


def _pair(told):
    """What became of pfSense's synchronisation with the other router of a pair."""
    if not told:
        return {}
    outcome = {"pair": {"peer": told["peer"], "synchronised": told.get("synchronised")}}
    if told.get("synchronised") is None:
        outcome["warnings"] = [
            "the router's answer was lost: whether it brought the configuration to the other router of the pair, %s, "
            "is unknown; run site.yml again" % told["peer"]
        ]
    elif not told["synchronised"]:
        words = " ".join((told.get("words") or "").split()) or "it gave no reason"
        outcome["warnings"] = [
            "pfSense could not bring the configuration to the other router of the pair, %s: %s; run site.yml again "
            "when that one is well" % (told["peer"], words)
        ]
    return outcome


def _outcome(result):
    restored, kept = result.get("restored") or [], result.get("kept") or []
    failed, others = result.get("failed") or {}, result.get("not_applied") or []
    warnings = []
    if kept:
        warnings.append("left alone, because somebody else changed it since: %s" % ", ".join(kept))
    if others:
        warnings.append("written, but takes effect when saved in the GUI or after a reboot: %s" % ", ".join(others))
    outcome = {
        "changed": bool(result.get("rolled_back") and (restored or result.get("files") or result.get("applied"))),
        "rolled_back": bool(result.get("rolled_back")),
        "restored": restored,
        "kept": kept,
        "applied": result.get("applied") or [],
        "not_applied": others,
        "files": result.get("files") or 0,
        "warnings": warnings,
    }
    if failed:
        words = "; ".join("%s: %s" % item for item in failed.items())
        outcome.update(failed=True, msg="the configuration is back, but not all services came up with it: %s" % words)
    return outcome
