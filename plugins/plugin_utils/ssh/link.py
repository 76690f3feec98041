# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The line to one router over a whole play: opens when needed, opens again once, never repeats a write."""

from __future__ import annotations

import base64
import contextlib
import os
import re
from collections.abc import Callable
from typing import Any

from .errors import LineCut, SshError
from .session import AgentSession
from .settings import Settings
from .stream import Stream, StreamError
from .transport import Opened, open_transport

REPEATABLE = frozenset(
    {"hello", "info", "read", "tree", "job", "stage", "bye", "leases", "probe", "haproxy_state", "haproxy_wait", "wait"}
    | {"checkpoint", "checkpoint_status", "revisions", "incoming", "mentions"}
)
PROBED = frozenset({"commit", "publish", "package_start", "confirm", "rollback"})
PROBE_TIMEOUT = 20.0
# A router that lost its power while it was waited for says nothing; the request tells how long silence is all right.
WAIT_PATIENCE = 15.0
PIECE = 384 * 1024
PLACE = re.compile(r"/(.*/)?\.pfrack-stage-(incoming/[0-9a-f]{64}|\d+-[0-9a-f]+/\d{6})")


class Link:
    """`call` and `upload` for one router; failures of the line come back as answers."""

    def __init__(self, settings: Settings, source: str, log: Callable[[str], None] = lambda text: None) -> None:
        self._settings = settings
        self._source = source
        self._log = log
        self._opened: Opened | None = None
        self._session: AgentSession | None = None
        # An upload of which more is to come, and whether the router takes none of the kind.
        self._stream: Stream | None = None
        self._no_stream = False

    def transport(self) -> Any:
        if self._opened is None or not self._opened.alive():
            self.drop()
            self._opened = open_transport(self._settings)
            self._log(f"SSH connection to {self._settings.target} is up")
        return self._opened.transport

    def session(self) -> AgentSession:
        transport = self.transport()
        if self._session is None or not self._session.alive():
            self._end_session(polite=False)
            timeout = max(self._settings.connect_timeout, 30)
            session = AgentSession(transport, self._source, self._settings.target, timeout)
            if not session.info.get("ok"):
                session.close()
                error = session.info.get("error") or {}
                raise SshError(error.get("kind", "internal"), error.get("message", ""), error.get("detail", ""))
            self._session = session
            self._log(f"agent is up: {session.info['result']}")
        return self._session

    def call(self, op: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
        """The agent's answer, or one of the carrier's kinds."""
        try:
            answer = self._call(op, params or {})
        except SshError as exc:
            return exc.answer()
        if op == "job" and answer.get("ok") and not answer["result"].get("running"):
            # Packages bring new PHP libraries; a process that has loaded the old ones must not use them.
            self._end_session(polite=True)
        return answer

    def _call(self, op: str, params: dict[str, Any]) -> dict[str, Any]:
        for attempt in (1, 2):
            sent = False
            try:
                session = self.session()
                if op in PROBED:
                    # A line that was cut while nobody looked shows now, when nothing has been sent yet.
                    session.call("hello", {}, PROBE_TIMEOUT)
                sent = True
                return session.call(op, params, self._timeout(op, params))
            except LineCut as exc:
                sent = sent and exc.sent
                reason = str(exc)
                self.drop()
            except SshError as exc:
                if exc.kind == "timeout":
                    self.drop()
                if exc.kind != "timeout" or not sent:
                    raise
                if op in REPEATABLE:
                    raise
                raise self._unknown(op, exc.message) from exc
            if sent and op not in REPEATABLE:
                raise self._unknown(op, reason)
            if attempt == 2:
                break
            self._log(f"the line to {self._settings.target} was cut ({reason}), connecting again")
        raise SshError("unreachable", f"the line to {self._settings.target} was cut twice: {reason}")

    def _timeout(self, op: str, params: dict[str, Any]) -> float:
        if op == "wait":
            return min(self._settings.command_timeout, params.get("timeout", 0) + WAIT_PATIENCE)
        return self._settings.command_timeout

    def _unknown(self, op: str, reason: str) -> SshError:
        return SshError(
            "unknown_outcome",
            f"the line to {self._settings.target} was cut during '{op}' ({reason}): the router may or may not have "
            "carried it out. It was not repeated. Run the play again: it looks at the router first and does only what "
            "is missing",
        )

    def upload(
        self, local_path: str, directory: str, name: str, offset: int = 0, length: int | None = None
    ) -> dict[str, Any]:
        """Put a local file, or these bytes of it, where the agent wants it.

        When more is to come, what was sent may still be under way.
        """
        try:
            if not PLACE.fullmatch(f"{directory}/{name}"):
                raise SshError("unsafe_path", f"{directory}/{name} is no place for a file")
            with open(local_path, "rb") as file:
                size = os.stat(local_path).st_size
                end = size if length is None else min(offset + length, size)
                self._send(file, f"{directory}/{name}", offset, end, end == size)
            return {"id": None, "ok": True, "result": {"size": end}}
        except SshError as exc:
            return exc.answer()
        except ValueError as exc:
            return SshError("missing", f"{local_path} {exc}").answer()
        except OSError as exc:
            return SshError("missing", f"{local_path} cannot be read: {exc.strerror}").answer()

    def _send(self, file: Any, path: str, offset: int, end: int, last: bool) -> None:
        """Bytes of a file through a channel of their own, or through the agent when they are few, or it must be."""
        stream, self._stream = self._stream, None
        if stream is not None and (stream.path, stream.at) != (path, offset):
            stream.close()
            stream = None
        goes_on = stream is not None
        # What fits into one request is there after one round trip.
        if not goes_on and (self._no_stream or end - offset <= PIECE):
            self._put_pieces(file, path, offset, end)
            return
        try:
            if stream is None:
                limits = (self._settings.connect_timeout, self._settings.command_timeout)
                stream = Stream(self.transport(), path, offset, *limits)
            stream.send(file, end)
            self._hash(path)
            if last:
                stream.finish()
            else:
                self._stream = stream
        except StreamError as exc:
            self._log(f"{path} was not taken as a stream ({exc})")
            if goes_on or self._opened is None or not self._opened.alive():
                # How much of it has arrived only the agent knows.
                raise SshError("unreachable", f"the line to {self._settings.target} was cut: {exc}") from exc
            self._no_stream = True
            self._put_pieces(file, path, offset, end)

    def _hash(self, path: str) -> None:
        """Let the agent hash what has arrived of a big file, while more of it is on its way."""
        directory, name = path.rsplit("/", 1)
        if directory.endswith("incoming") and self._session is not None and self._session.alive():
            # Without it the agent does it later.
            with contextlib.suppress(LineCut):
                self._session.post("hash", {"directory": directory, "name": name}, self._settings.command_timeout)

    def _put_pieces(self, file: Any, path: str, offset: int, end: int) -> None:
        directory, name = path.rsplit("/", 1)
        file.seek(offset)
        while True:
            piece = file.read(min(PIECE, end - offset))
            if not piece and offset < end:
                raise ValueError(f"became shorter than {end} bytes while it was read")
            data = base64.b64encode(piece).decode()
            answer = self._call("put", {"directory": directory, "name": name, "offset": offset, "data": data})
            if not answer.get("ok"):
                error = answer["error"]
                raise SshError(error["kind"], error["message"], error.get("detail") or "")
            offset += len(piece)
            if offset >= end:
                return

    def run(self, command: str, data: str = "") -> dict[str, Any]:
        """A shell command on the same connection, for Ansible's raw: {code, stdout, stderr}; texts are base64."""
        import paramiko

        try:
            channel = self.transport().open_session(timeout=self._settings.connect_timeout)
            channel.settimeout(self._settings.command_timeout)
            channel.exec_command(command)
            if data:
                channel.sendall(base64.b64decode(data))
            channel.shutdown_write()
            errors = channel.makefile_stderr("rb")
            output = channel.makefile("rb").read()
            texts = {"stdout": output, "stderr": errors.read()}
            result = {name: base64.b64encode(text).decode() for name, text in texts.items()}
            return {"id": None, "ok": True, "result": dict(result, code=channel.recv_exit_status())}
        except SshError as exc:
            return exc.answer()
        except (paramiko.SSHException, OSError, EOFError) as exc:
            message = f"the line to {self._settings.target} was cut: {exc}"
            return SshError("unknown_outcome", message).answer()

    def _end_session(self, polite: bool) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.close(polite=polite)

    def drop(self) -> None:
        """Forget the connection without a word."""
        self._stream = None
        self._end_session(polite=False)
        opened, self._opened = self._opened, None
        if opened is not None:
            opened.close()

    def close(self) -> None:
        self._end_session(polite=True)
        self.drop()
