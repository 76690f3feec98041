# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""For a login that may not run commands: HAProxy's servers and DHCP leases over the REST API's own addresses.

Positions are looked up by name just before each write, one server is written at a time, and everything is read back.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from typing import Any

from .errors import AnswerLost, HttpsError, RequestFailed
from .native_pools import Step, checked, is_done, pools, steps, undo
from .rest_api import RestApi, privilege
from .settings import Settings

SECTION = "installedpackages/haproxy"
POOLS = ["installedpackages", "haproxy", "ha_pools", "item"]
BACKENDS, SERVER, APPLY, LEASES = (
    "/services/haproxy/backends",
    "/services/haproxy/backend/server",
    "/services/haproxy/apply",
    "/status/dhcp_server/leases",
)
COMMANDS = privilege("POST", "/diagnostics/command_prompt")
# The web server itself gives up after 180 s.
APPLY_TIMEOUT = 200.0
# Seconds to look for what arrives or happens in the background, and how often.
PATIENCE, PAUSE = 30.0, 0.5
BLIND = "the login may not run commands on the router, so HAProxy reloads gracefully and nobody asks new servers first"


class Native:
    """The few requests to the agent that the package can answer by itself, with the same answers."""

    def __init__(self, api: RestApi, settings: Settings, log: Callable[[str], None] = lambda text: None) -> None:
        self._api, self._settings, self._log = api, settings, log
        self._revision = ""
        self._patience = min(PATIENCE, settings.command_timeout)

    def answer(self, op: str, params: dict[str, Any]) -> dict[str, Any]:
        """Raises HttpsError; of kind privilege when only commands could do it."""
        ways = {"read": self._read, "haproxy_state": self._state, "commit": self._commit, "leases": self._leases}
        if op not in ways or op == "read" and params.get("paths") != [SECTION]:
            what = f"'{op}'" + (f" of {', '.join(params['paths'])}" if op == "read" else "")
            raise self._lacking(f"{what} takes commands", "grace takes them as well" if op == "note" else "")
        try:
            return {"id": None, "ok": True, "result": ways[op](params)}
        except AnswerLost as exc:
            raise HttpsError("unreachable", f"{self._settings.target} did not answer '{op}': {exc}") from exc

    def _lacking(self, what: str, more: str = "") -> HttpsError:
        return HttpsError(
            "privilege",
            f"{self._api.who} may not run commands on {self._settings.target}, and {what}: give its user the privilege "
            f"{COMMANDS}, which is as good as root. Without it only haproxy_backend_sync works"
            + (f"; {more}" if more else ""),
        )

    def _look(self, path: str) -> Any:
        try:
            return self._api.ask("GET", path)
        except AnswerLost as exc:
            self._log(f"{path}: {exc}; asking again")
            return self._api.ask("GET", path)

    def _pools(self) -> list[dict[str, Any]]:
        shown = pools(checked(self._look(BACKENDS)))
        self._revision = hashlib.sha256(json.dumps(shown, sort_keys=True).encode()).hexdigest()
        return shown

    def _read(self, params: dict[str, Any]) -> dict[str, Any]:
        shown = self._pools()
        # Whether HAProxy is switched on is not for us to know; where it is not, applying is harmless.
        section = {"enable": "", "configversion": "", "ha_pools": {"item": shown} if shown else ""}
        return {"revision": self._revision, "sections": {SECTION: section}, "info": {"packages": {"haproxy": ""}}}

    def _state(self, params: dict[str, Any]) -> dict[str, Any]:
        state = {"revision": self._revision, "pids": [], "version": "", "state": None, "lines": {}, "notes": {}}
        return dict(state, blind=BLIND, unapplied=not self._applied())

    def _applied(self) -> bool:
        state = self._look(APPLY)
        return isinstance(state, dict) and state.get("applied") is True

    def _leases(self, params: dict[str, Any]) -> dict[str, Any]:
        shown = self._look(LEASES)
        if not isinstance(shown, list) or not all(isinstance(lease, dict) for lease in shown):
            raise HttpsError(
                "unsupported", f"the REST API answered something that is no list of leases: {shown!r:.200}"
            )
        return {"leases": [_lease(lease) for lease in shown], "now": int(time.time()), "backend": ""}

    def _commit(self, params: dict[str, Any]) -> dict[str, Any]:
        before = self._pools()
        if self._revision != params["revision"]:
            raise HttpsError("conflict", "somebody changed HAProxy's backends since they were read")
        after = self._after(before, params["operations"])
        try:
            todo = steps(before, after)
        except HttpsError as exc:
            raise self._lacking(exc.message) from exc
        try:
            return self._write(todo, before)
        except (AnswerLost, HttpsError) as exc:
            if isinstance(exc, HttpsError) and exc.kind not in ("unreachable", "timeout"):
                raise
            raise HttpsError(
                "unknown_outcome",
                f"{self._settings.target} stopped answering in the middle of the changes of {_names(todo)}: {exc}. "
                "Nothing was repeated. Run the play again when it answers: it looks at the router first",
            ) from exc

    def _write(self, todo: list[Step], before: list[dict[str, Any]]) -> dict[str, Any]:
        for step in todo:
            self._do(step)
        if not self._apply():
            self._put_back(todo, before)
        shown = self._pools()
        missing = [step for step in todo if not is_done(step, shown)]
        if missing:
            raise HttpsError(
                "apply_failed",
                f"{self._settings.target} took the changes of {_names(missing)}, and does not have them: may this "
                "user write the configuration at all, or did somebody change it at the same time?",
            )
        return {"revision": self._revision, "applied": ["haproxy"], "output": ""}

    def _after(self, before: list[dict[str, Any]], operations: list[dict[str, Any]]) -> list[dict[str, Any]]:
        result = before
        for operation in operations:
            if operation["op"] != "arrange" or operation["path"] != POOLS:
                raise self._lacking(f"{'/'.join(map(str, operation['path']))} changes")
            result = [before[item["keep"]] if "keep" in item else item["value"] for item in operation["items"]]
        return result

    def _do(self, step: Step) -> None:
        position = self._position(step)
        if position is None:
            return
        self._log(f"{step.method} of the server {step.pool}/{step.server} as {position}")
        try:
            written = self._api.ask(step.method, SERVER, {**step.fields, **position})
        except RequestFailed as exc:
            if not is_done(step, self._pools()):
                raise HttpsError("internal", f"{exc}. The server {step.pool}/{step.server} is as it was") from exc
            return
        except AnswerLost as exc:
            self._find_out(step, exc)
            return
        hit = written.get("name") if isinstance(written, dict) else None
        if hit != step.server:
            raise HttpsError(
                "internal",
                f"{step.method} of the server {step.pool}/{step.server} hit {hit or 'nothing'} instead: somebody "
                f"changed the backend in the same moment. Look at its servers on {self._settings.target}",
            )

    def _position(self, step: Step) -> dict[str, Any] | None:
        """Where the server is just now; None when there is nothing left to do."""
        shown = checked(self._look(BACKENDS))
        if is_done(step, pools(shown)):
            return None
        for parent, backend in enumerate(shown):
            names = [server.get("name") for server in backend.get("servers") or []]
            if backend.get("name") == step.pool and (step.method == "POST") == (step.server not in names):
                return {"parent_id": parent, **({"id": names.index(step.server)} if step.server in names else {})}
        raise HttpsError("conflict", f"somebody changed the backend {step.pool} at the same time")

    def _find_out(self, step: Step, lost: AnswerLost) -> None:
        """What became of a write without an answer. It is not made again: the next run looks first."""
        self._log(f"the answer got lost ({lost}), looking what became of it")
        problem = ""

        def arrived() -> bool:
            nonlocal problem
            problem = "it has not arrived, but may yet"
            try:
                return is_done(step, self._pools())
            except AnswerLost as exc:
                problem = str(exc)
            except HttpsError as exc:
                problem = exc.message
            return False

        if not self._wait_for(arrived):
            raise HttpsError(
                "unknown_outcome",
                f"the answer to the {step.method} of the server {step.pool}/{step.server} got lost ({lost}), and "
                f"so far {problem}. It was not repeated. Run the play again: it looks at the router first",
            ) from lost

    def _wait_for(self, condition: Callable[[], bool]) -> bool:
        """Whether it comes true in time. Nothing announces the end of what the router does in the background."""
        deadline = time.monotonic() + self._patience
        while not condition():
            if time.monotonic() + PAUSE > deadline:
                return False
            time.sleep(PAUSE)  # the API can only be asked again
        return True

    def _apply(self) -> bool:
        """Whether HAProxy took the configuration; the package never says why not."""
        try:
            self._api.ask("POST", APPLY, {"async": False}, APPLY_TIMEOUT)
        except AnswerLost as exc:
            self._log(f"the answer to the apply got lost ({exc}), looking what became of it")
        # An answer does not say that it is over: the package may apply in the background, behind others.
        return self._wait_for(self._applied)

    def _put_back(self, done: list[Step], before: list[dict[str, Any]]) -> None:
        """Nobody shall find a configuration with which HAProxy does not start. Raises HttpsError."""
        for step in reversed(done):
            back = undo(step, before)
            if back is not None:
                self._do(back)
        gone = [step for step in done if step.method == "DELETE"]
        raise HttpsError(
            "apply_failed",
            f"HAProxy on {self._settings.target} did not take the new servers, or the apply never ran; they were put "
            "back"
            + (f", but {_names(gone)} stay out of config.xml" if gone else "")
            + (". " if self._apply() else ", which was not applied either. ")
            + "The API does not say what HAProxy has against it: see Services > HAProxy on the router",
        )


def _names(servers: list[Step]) -> str:
    return ", ".join(f"{step.pool}/{step.server}" for step in servers)


def _lease(shown: dict[str, Any]) -> dict[str, Any]:
    """As the agent shows it. Times are left out: their zone is not known here."""
    texts = {name: value for name, value in shown.items() if isinstance(value, str)}
    state = texts.get("active_status")
    known = state if state in ("active", "expired", "reserved", "static") else "expired"
    return {
        "address": texts.get("ip", ""),
        "mac": texts.get("mac", "").lower(),
        "client_id": "",
        "hostname": texts.get("hostname", ""),
        "descr": texts.get("descr", ""),
        "interface": texts.get("if", ""),
        "type": "static" if known == "static" else "dynamic",
        "state": known,
        "online": texts.get("online_status") == "active/online",
        "starts": None,
        "ends": None,
    }
