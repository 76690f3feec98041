# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent behind requests that know nothing of each other: each change is made once, and its outcome is found out."""

from __future__ import annotations

import base64
import json
import os
import re
import secrets
import time
import zlib
from collections.abc import Callable
from typing import Any

from .client import HttpsClient, Response
from .errors import AnswerLost, HttpsError, RequestFailed
from .origin import ended, origin
from .settings import WEB_SERVER_PATIENCE, Settings

# Short, and may be made twice. Everything else is claimed by an id and runs apart from the web server, which gives up.
REPEATABLE = frozenset(
    {"hello", "info", "read", "job", "stage", "put", "unstage", "bye", "outcome", "haproxy_state", "leases"}
)
# Long, but nothing is lost with its answer.
LOOKS = frozenset({"tree", "haproxy_wait", "probe"})
# Seconds that one request waits for work in the background. A waiting request holds a process of the web server.
WAIT = 20.0
# Seconds that we go on asking a router that does not answer: for a look, and for what became of a change.
LOOK_PATIENCE, OUTCOME_PATIENCE = 15.0, 60.0
PAUSE_FIRST, PAUSE_LONGEST = 0.2, 3.0
RUN_AGAIN = "Run the play again: it looks at the router first and does only what is missing"
GATEWAY_PROBLEMS = (500, 502, 503, 504)


class HttpsLine:
    """`call` and `upload` for one router. A subclass sends one packed request and finds the answer."""

    PIECE = 3 * 1024 * 1024

    def __init__(self, settings: Settings, source: str, log: Callable[[str], None] = lambda text: None) -> None:
        self.settings = settings
        self.client = HttpsClient(settings)
        self._source = source
        self._log = log
        self._run = ""
        self._refusal: HttpsError | None = None

    def send(self, packed: str, data: str, request_id: str, timeout: float) -> dict[str, Any]:
        """One exchange with the agent; raises AnswerLost or HttpsError."""
        raise NotImplementedError

    def begin(self) -> None:
        """Called before the first request of a run."""

    def abandon(self) -> None:
        """Called when a run began and nothing answers on the router."""

    def call(self, op: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
        """The agent's answer, or one of the carrier's kinds."""
        try:
            if op == "bye":
                self.close()
                return {"id": None, "ok": True, "result": {"bye": True}}
            return self._call(op, params or {})
        except HttpsError as exc:
            return exc.answer()

    def _call(self, op: str, params: dict[str, Any]) -> dict[str, Any]:
        for attempt in (1, 2):
            hello = self._start_run()
            if op == "hello" and hello is not None:
                return hello
            if op in REPEATABLE:
                return self._repeat(op, params)
            answer = self._background(op, params)
            gone = not answer.get("ok") and answer["error"].get("kind") == "run_gone"
            if not gone or attempt == 2:
                return answer
            # Nothing was done: the router has forgotten the run, so it gets a new one.
            self._run = ""
        raise AssertionError("unreachable")

    def _start_run(self) -> dict[str, Any] | None:
        """Say hello to the router unless that was done; returns its answer, or None."""
        if self._refusal is not None:
            raise self._refusal
        if self._run:
            return None
        try:
            self._run = secrets.token_hex(16)
            self.begin()
            hello = self._repeat("hello", {"origin": origin()}, patience=0)
        except AnswerLost as exc:
            self._forget()
            raise self._no_answer("hello", exc) from exc
        except HttpsError as exc:
            self._forget(quiet=exc.kind in ("auth", "privilege", "certificate", "unreachable", "timeout"))
            if exc.kind in ("auth", "privilege"):
                # Asking again would only make the router's login protection lock us out.
                self._refusal = exc
            raise
        if not hello.get("ok"):
            self._forget()
            error = hello.get("error") or {}
            raise HttpsError(error.get("kind", "internal"), error.get("message", ""), error.get("detail", ""))
        others = hello["result"].pop("runs", {})
        self._log(f"agent is up: {hello['result']}")
        for run in [run for run, process in others.items() if ended(process)]:
            self._end(run)
        return hello

    def _forget(self, quiet: bool = False) -> None:
        if not quiet:
            self.abandon()
        self._run = ""

    def _exchange(
        self, op: str, params: dict[str, Any], request_id: str = "", wait: float = 0, run: str = ""
    ) -> dict[str, Any]:
        params = dict(params)
        data = params.pop("data", "") if op == "put" else ""
        request_id = request_id or secrets.token_hex(16)
        request = {"run": run or self._run, "id": request_id, "op": op, "params": params, "wait": wait}
        request["background"] = op not in REPEATABLE
        timeout = wait + 60 if wait else WEB_SERVER_PATIENCE + 20
        return self.send(pack(request), data, request_id, min(timeout, self.settings.command_timeout))

    def _repeat(
        self, op: str, params: dict[str, Any], patience: float = LOOK_PATIENCE, wait: float = 0
    ) -> dict[str, Any]:
        """A request that may be made again, until it is answered or our patience (seconds) ends."""
        deadline = time.monotonic() + min(patience, self.settings.command_timeout)
        pause = PAUSE_FIRST
        while True:
            try:
                return self._exchange(op, params, wait=wait)
            except AnswerLost as exc:
                problem = self._no_answer(op, exc)
            except HttpsError as exc:
                if exc.kind not in ("unreachable", "timeout"):
                    raise
                problem = exc
            if time.monotonic() + pause >= deadline:
                raise problem
            self._log(f"{problem.message}; asking again")
            # Nothing announces that the web server is back.
            time.sleep(pause)
            pause = min(pause * 2, PAUSE_LONGEST)

    def _no_answer(self, op: str, exc: AnswerLost) -> HttpsError:
        kind = "internal" if isinstance(exc, RequestFailed) else "unreachable"
        return HttpsError(kind, f"{self.settings.target} did not answer '{op}': {exc}")

    def _background(self, op: str, params: dict[str, Any]) -> dict[str, Any]:
        """Work that is claimed on the router by an id: it is done once or never, and we learn which."""
        deadline = time.monotonic() + self.settings.command_timeout
        reason = "the request got lost"
        reason = ""
        for _attempt in (1, 2):
            request_id = secrets.token_hex(16)
            state: dict[str, Any] | None = None
            try:
                answer = self._exchange(op, params, request_id, WAIT)
                if not answer.get("ok"):
                    return answer
                state = answer["result"]
            except AnswerLost as exc:
                self._log(f"the answer to '{op}' got lost ({exc}), asking what became of it")
                reason = str(exc)
            while state is None or state["state"] == "running":
                state = self._outcome(op, request_id, deadline)
            if state["state"] == "done":
                return state["answer"]
            if state["state"] != "never":
                raise self._unclear(op, params, state)
            self._log(f"'{op}' never reached the router")
        raise HttpsError(
            "unreachable", f"'{op}' did not reach {self.settings.target} twice: {reason}. Nothing was done"
        )

    def _outcome(self, op: str, request_id: str, deadline: float) -> dict[str, Any]:
        left = deadline - time.monotonic()
        if left <= 0:
            raise HttpsError(
                "timeout",
                f"'{op}' is still at work on {self.settings.target} after {self.settings.command_timeout:.0f} s; it "
                "goes on by itself. Run the play again later, with a larger ansible_command_timeout",
            )
        try:
            wait = min(WAIT, max(left, 1))
            answer = self._repeat("outcome", {"request": request_id}, min(OUTCOME_PATIENCE, left), wait)
        except HttpsError as exc:
            if op in LOOKS or exc.kind not in ("unreachable", "timeout", "internal"):
                raise
            raise HttpsError(
                "unknown_outcome",
                f"the line to {self.settings.target} was cut during '{op}', and the router cannot be asked what became "
                f"of it: {exc.message}. It was not repeated. {RUN_AGAIN}",
            ) from exc
        if not answer.get("ok"):
            error = answer["error"]
            raise HttpsError("unknown_outcome", f"the router cannot say what became of '{op}': {error['message']}")
        return answer["result"]

    def _unclear(self, op: str, params: dict[str, Any], state: dict[str, Any]) -> HttpsError:
        """The work began, and no trace of its end is left: killed, or the router was started again."""
        why = "its process was killed" if state["state"] == "died" else "the router was started again"
        if op == "commit" and state.get("revision") == params.get("revision"):
            return HttpsError("internal", f"'{op}' did not end on {self.settings.target}: {why}. Nothing was written")
        said = f', whose last change is "{state["last_change"]}"' if state.get("last_change") else ""
        return HttpsError(
            "unknown_outcome",
            f"'{op}' did not end on {self.settings.target}: {why}. It may be half done: look at the configuration{said}"
            f". It was not repeated. {RUN_AGAIN}",
        )

    def upload(
        self, local_path: str, directory: str, name: str, offset: int = 0, length: int | None = None
    ) -> dict[str, Any]:
        """Put a local file, or these bytes of it, where the agent wants it."""
        try:
            check_place(directory, name)
            size = os.stat(local_path).st_size
            end = size if length is None else min(offset + length, size)
            return self.bring(local_path, directory, name, offset, end)
        except HttpsError as exc:
            return exc.answer()
        except OSError as exc:
            return HttpsError("missing", f"{local_path} cannot be read: {exc.strerror}").answer()

    def bring(self, local_path: str, directory: str, name: str, offset: int, end: int) -> dict[str, Any]:
        """The bytes from `offset` to `end`, in pieces."""
        with open(local_path, "rb") as file:
            file.seek(offset)
            while True:
                piece = file.read(min(self.PIECE, end - offset))
                if not piece and offset < end:
                    raise HttpsError("missing", f"{local_path} became shorter than {end} bytes while it was read")
                data = base64.b64encode(piece).decode()
                answer = self._call("put", {"directory": directory, "name": name, "offset": offset, "data": data})
                offset += len(piece)
                if not answer.get("ok") or offset >= end:
                    return answer

    def close(self) -> None:
        """End the run: the router removes what is left of it."""
        if self._run and self._refusal is None:
            self._end(self._run)
        self._run = ""
        self.client.close()

    def _end(self, run: str) -> None:
        """Let the router remove what is left of a run: ours, or one that died here."""
        try:
            self._exchange("bye", {}, run=run)
        except (AnswerLost, HttpsError) as exc:
            self._log(f"the router did not answer the end of the run: {exc}")


def pack(request: dict[str, Any]) -> str:
    """As `pfrack_once` takes it."""
    engine = zlib.compressobj(9, zlib.DEFLATED, -15)
    text = json.dumps(request, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    return base64.b64encode(engine.compress(text) + engine.flush()).decode()


def deflate(text: str) -> str:
    """For PHP's gzinflate."""
    engine = zlib.compressobj(9, zlib.DEFLATED, -15)
    return base64.b64encode(engine.compress(text.encode()) + engine.flush()).decode()


def find_answer(text: str, request_id: str) -> dict[str, Any] | None:
    """The agent's answer in whatever stands around it, or None. Raises AnswerLost when it is damaged."""
    found = re.search(rf"pfrack:(?:{request_id}|none):([A-Za-z0-9+/=]+):", text)
    if not found:
        return None
    try:
        answer = json.loads(zlib.decompress(base64.b64decode(found.group(1)), -15))
    except (ValueError, RecursionError, zlib.error) as exc:
        raise AnswerLost(f"the agent's answer was damaged: {exc}", sent=True) from exc
    if not isinstance(answer, dict):
        raise AnswerLost("the agent's answer was damaged", sent=True)
    return answer


def check_place(directory: str, name: str) -> None:
    """Raises HttpsError for what the agent would refuse."""
    if not re.fullmatch(r"/(.*/)?\.pfrack-stage-(incoming/[0-9a-f]{64}|\d+-[0-9a-f]+/\d{6})", f"{directory}/{name}"):
        raise HttpsError("unsafe_path", f"{directory}/{name} is no place for a file")


def php_died(response: Response) -> bool:
    """Whether PHP ended with an error in the middle of the request, which it says in the place of an answer."""
    return response.status == 200 and bool(re.search("(Fatal|Parse) error", response.excerpt()))


def web_server_problem(settings: Settings, response: Response) -> AnswerLost | HttpsError:
    """What an answer of the web server itself means, and not of what runs behind it."""
    if response.status == 504:
        return AnswerLost("the web server gave up waiting (504)", sent=True)
    if response.status in GATEWAY_PROBLEMS:
        return AnswerLost(f"the web server says {response.status}: {response.excerpt()}", sent=True)
    if response.status in (301, 302, 307, 308):
        place = response.headers.get("location", "?")
        return HttpsError("unreachable", f"{settings.target} sends us to {place}: are protocol and port right?")
    if response.status == 413:
        return HttpsError("internal", f"{settings.target} does not take a request of this size (413)")
    return HttpsError("unsupported", f"{settings.target} says {response.status}: {response.excerpt()}")
