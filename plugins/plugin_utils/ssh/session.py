# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One PHP agent on the router at the other end of an SSH channel: requests as lines, answers as marked frames."""

from __future__ import annotations

import contextlib
import json
import secrets
import threading
import time
import zlib
from typing import Any

from .errors import LineCut, SshError

# The agent talks on descriptors 3 and 4; what pfSense functions and daemons print or read meets 0, 1 and 2.
# The script comes through the channel, so nothing shows in the process list. /bin/sh because a login shell may be csh.
BOOTSTRAP = (
    "exec /bin/sh -c 'exec 3<&0 4>&1 </dev/null >&2; "
    'echo "<?php eval(gzinflate(stream_get_contents('
    '\\$pfrack_in=fopen(\\"php://fd/3\\",\\"r\\"),(int)fgets(\\$pfrack_in))));" '
    "| /usr/local/bin/php -d display_errors=0'"
)
START = 'pfrack_serve($pfrack_in, fopen("php://fd/4", "w"));\n'
MENU = b"Enter an option:"
KEEP = 4000
# Seconds. A daemon that an agent started may hold its line open; that the agent has ended is said apart from that.
GLANCE = 1.0


class AgentSession:
    """Start it, call it, close it. Not for several threads."""

    def __init__(self, transport: Any, source: str, target: str, start_timeout: float) -> None:
        self._target = target
        self._marker = secrets.token_hex(16)
        self._frame = f"\n{self._marker} ".encode()
        self._buffer = bytearray()
        self._noise = bytearray()
        self._errors = bytearray()
        self._number = 0
        self._channel: Any = None
        try:
            self._open(transport, start_timeout)
            self._start(source, start_timeout)
        except BaseException:
            self.close(polite=False)
            raise

    def _open(self, transport: Any, timeout: float) -> None:
        import paramiko

        try:
            self._channel = channel = transport.open_session(timeout=timeout)
            channel.settimeout(timeout)
            channel.exec_command(BOOTSTRAP)
        except (paramiko.SSHException, OSError, EOFError) as exc:
            if self._channel is not None and self._channel.exit_status_ready():
                raise self._start_error() from exc
            raise SshError("privilege", f"{self._target} may log in, but runs no commands: {exc}") from exc
        threading.Thread(target=self._drain, args=(channel,), daemon=True).start()

    def _drain(self, channel: Any) -> None:
        """Keep the error channel empty, else a talkative daemon would block the agent."""
        with contextlib.suppress(Exception):
            while True:
                try:
                    data = channel.recv_stderr(4096)
                except TimeoutError:
                    continue
                if not data:
                    return
                self._errors += data
                del self._errors[:-KEEP]

    def _start(self, source: str, timeout: float) -> None:
        # A quarter of the size: on a long line each doubling of what is under way takes a round trip.
        packer = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
        script = packer.compress((source + START).encode()) + packer.flush()
        settings = json.dumps({"marker": self._marker}).encode()
        try:
            self._send(b"%d\n%s%s\n" % (len(script), script, settings), timeout)
            self.info = self.call("hello", {}, timeout)
        except LineCut as exc:
            raise self._start_error() from exc
        except SshError as exc:
            if exc.kind != "timeout":
                raise
            raise self._start_error() from exc

    def _start_error(self) -> SshError:
        """Why no agent came up, from what the login said and how it ended."""
        # The error channel is read by another thread; the exit status comes after everything else.
        status = self._channel.recv_exit_status() if self._wait_exit() else None
        words = bytes(self._noise + self._buffer + self._errors).decode(errors="replace").strip()[-KEEP:]
        if MENU.decode() in words:
            return SshError("privilege", self._menu(), words)
        if status is None:
            return SshError("timeout", f"the agent did not start on {self._target} in time", words)
        if status in (126, 127):
            message = f"{self._target} has no /usr/local/bin/php that can be run: is this a pfSense router?"
            return SshError("unsupported", message, words)
        message = f"{self._target} may log in, but has no shell (exit status {status}). Connect as admin or root"
        return SshError("privilege", message, words)

    def _menu(self) -> str:
        return f"{self._target} gets the console menu and no shell, so nothing can be run. Connect as admin or root"

    def _wait_exit(self) -> bool:
        return self._channel.status_event.wait(2.0)

    def alive(self) -> bool:
        return not (self._channel.closed or self._channel.eof_received or self._channel.exit_status_ready())

    def post(self, op: str, params: dict[str, Any], timeout: float) -> None:
        """A request whose answer nobody waits for; the next call() passes over it. Raises LineCut."""
        self._number += 1
        request = {"id": self._number, "op": op, "params": params or {}}
        self._send(json.dumps(request).encode() + b"\n", timeout)

    def call(self, op: str, params: dict[str, Any], timeout: float) -> dict[str, Any]:
        """The agent's answer. Raises LineCut or SshError(timeout)."""
        self.post(op, params, timeout)
        deadline = time.monotonic() + timeout
        while True:
            answer = self._answer(deadline, timeout)
            if answer.get("id") in (self._number, None):
                return answer

    def _send(self, data: bytes, timeout: float) -> None:
        sent = 0
        self._channel.settimeout(timeout)
        view = memoryview(data)
        try:
            while sent < len(data):
                step = self._channel.send(view[sent : sent + 65536])
                if step == 0:
                    raise EOFError("the channel is closed")
                sent += step
        except (OSError, EOFError) as exc:
            # A request is a line: without its end the agent does not look at it.
            raise LineCut(str(exc) or "the line was cut", sent=sent >= len(data)) from exc

    def _answer(self, deadline: float, timeout: float) -> dict[str, Any]:
        while True:
            text = self._take()
            if text is not None:
                try:
                    answer = json.loads(text)
                except (ValueError, RecursionError) as exc:
                    raise LineCut(f"the agent's answer was damaged: {exc}", sent=True) from exc
                if not isinstance(answer, dict):
                    raise LineCut("the agent's answer was damaged", sent=True)
                return answer
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                raise SshError("timeout", f"{self._target} did not answer within {timeout:g} s")
            self._channel.settimeout(min(remaining, GLANCE))
            try:
                data = self._channel.recv(65536)
            except TimeoutError:
                if self._channel.exit_status_ready():
                    raise LineCut("the agent ended", sent=True) from None
                continue
            except (OSError, EOFError) as exc:
                raise LineCut(str(exc), sent=True) from exc
            if not data:
                raise LineCut("the agent ended", sent=True)
            self._buffer += data
            if MENU in self._buffer and self._frame not in self._buffer:
                raise SshError("privilege", self._menu())

    def _take(self) -> bytes | None:
        """A whole frame, if one is there; what stands before it is noise."""
        start = self._buffer.find(self._frame)
        if start < 0:
            return None
        head = start + len(self._frame)
        end = self._buffer.find(b"\n", head)
        if end < 0:
            return None
        try:
            size = int(self._buffer[head:end])
        except ValueError as exc:
            raise LineCut("the agent's answer was damaged", sent=True) from exc
        if len(self._buffer) < end + 1 + size:
            return None
        self._noise += self._buffer[:start]
        del self._noise[:-KEEP]
        text = bytes(self._buffer[end + 1 : end + 1 + size])
        del self._buffer[: end + 1 + size]
        return text

    def close(self, polite: bool = True) -> None:
        """End the agent; it removes what it left on the router. Without an answer the end of its input tells it."""
        if self._channel is None:
            return
        if polite and self.alive():
            with contextlib.suppress(Exception):
                self.call("bye", {}, 3.0)
        with contextlib.suppress(Exception):
            self._channel.close()
