# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A process that keeps the line to a router between tasks, each of which is a process of Ansible's own.

It is forked from the first task that needs it, answers on a Unix socket, and ends with the playbook.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import socket
import stat
import struct
import traceback
from collections.abc import Callable
from typing import Any

from .lifetime import end_with

TAKEN = b"+"
OTHER_PLACE = "set ANSIBLE_PERSISTENT_CONTROL_PATH_DIR to a private directory with a short path"
SIZE = struct.Struct("!Q")


class KeeperError(Exception):
    """No answer; `sent` says whether the request may have gone on to the router."""

    def __init__(self, message: str, sent: bool) -> None:
        super().__init__(message)
        self.sent = sent


class Keeper:
    """The way to a keeper from a task; `path` is its socket, `owner` the process that it ends with.

    make_line(options, log) gives the line, whose methods return answers; it is called in the keeper. `idle` seconds
    without a request end it as well.
    """

    def __init__(self, path: str, make_line: Callable[..., Any], owner: int, idle: float) -> None:
        self._path = path
        self._make_line = make_line
        self._owner = owner
        self._idle = idle

    def ask(self, options: dict[str, Any], method: str, *args: Any) -> tuple[dict[str, Any], list[str]]:
        """Calls a method of the line that these options make: its answer, and what there is to tell."""
        with self._connected() as client:
            try:
                _send(client, {"options": options, "method": method, "args": args})
                answer = _receive(client)
            except OSError as exc:
                raise KeeperError(f"the process that keeps the connection failed: {exc}", sent=True) from exc
        if answer is None:
            raise KeeperError("the process that keeps the connection ended", sent=True)
        if "broken" in answer:
            raise KeeperError(f"the process that keeps the connection failed: {answer['broken']}", sent=True)
        return answer["answer"], answer["log"]

    def end(self) -> None:
        """End the keeper, if there is one, and with it the line."""
        client = self._reach()
        if client is not None:
            with client, contextlib.suppress(OSError):
                _send(client, {"method": "close"})
                _receive(client)

    def _connected(self) -> socket.socket:
        client = self._reach()
        if client is not None:
            return client
        with self._alone():
            # Another task may have been faster.
            client = self._reach()
            if client is None:
                self._start()
                client = self._reach()
        if client is None:
            raise KeeperError("the process that keeps the connection ended at once", sent=False)
        return client

    def _reach(self) -> socket.socket | None:
        """A connection that the keeper has taken; None when there is no keeper."""
        client = socket.socket(socket.AF_UNIX)
        try:
            client.connect(self._path)
            if client.recv(1) == TAKEN:
                return client
        except (FileNotFoundError, ConnectionError):
            pass
        except OSError as exc:
            client.close()
            raise KeeperError(f"{self._path}: {exc}; {OTHER_PLACE}", sent=False) from exc
        client.close()
        return None

    @contextlib.contextmanager
    def _alone(self):
        """Holds the directory, in which nobody else may put sockets."""
        directory = os.path.dirname(self._path)
        try:
            os.makedirs(directory, mode=0o700, exist_ok=True)
            place = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as exc:
            raise KeeperError(f"{directory}: {exc.strerror}; {OTHER_PLACE}", sent=False) from exc
        try:
            status = os.fstat(place)
            if status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) & 0o022:
                raise KeeperError(f"{directory}: must belong to you, and others must not write there", sent=False)
            fcntl.flock(place, fcntl.LOCK_EX)
            yield
        finally:
            os.close(place)

    def _start(self) -> None:
        listener = socket.socket(socket.AF_UNIX)
        mask = os.umask(0o177)
        try:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._path)
            listener.bind(self._path)
            listener.listen(16)
        except OSError as exc:
            listener.close()
            raise KeeperError(f"{self._path}: {exc}; {OTHER_PLACE}", sent=False) from exc
        finally:
            os.umask(mask)
        if os.fork() == 0:
            try:
                _detach(listener.fileno())
                end_with(self._owner)
                _Service(self._path, listener, self._make_line, self._idle).run()
            finally:
                # Nothing of the task that we were may run.
                os._exit(0)
        listener.close()


def _detach(keep: int) -> None:
    """Leaves the task's session, files and signal handlers."""
    os.setsid()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM):
        signal.signal(number, signal.SIG_DFL)
    null = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null, number)
    os.closerange(3, keep)
    os.closerange(keep + 1, os.sysconf("SC_OPEN_MAX"))


class _End(BaseException):
    """The playbook is over."""


class _Service:
    """What runs in the keeper: one request after the other."""

    def __init__(self, path: str, listener: socket.socket, make_line: Callable[..., Any], idle: float) -> None:
        self._path = path
        self._listener = listener
        self._make_line = make_line
        self._idle = idle
        self._line: Any = None
        self._options: Any = None
        self._log: list[str] = []

    def run(self) -> None:
        signal.signal(signal.SIGTERM, self._on_end)
        try:
            self._listener.settimeout(self._idle)
            while True:
                client = self._listener.accept()[0]
                with client, contextlib.suppress(OSError):
                    client.settimeout(None)
                    client.sendall(TAKEN)
                    self._serve(client)
        except (_End, TimeoutError):
            pass
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            # Who comes now finds nobody, and starts another one.
            with contextlib.suppress(OSError):
                os.unlink(self._path)
            self._listener.close()
            self._close()

    @staticmethod
    def _on_end(number: int, frame: Any) -> None:
        raise _End

    def _serve(self, client: socket.socket) -> None:
        request = _receive(client)
        if request is None:
            return
        if request["method"] == "close":
            raise _End
        try:
            if self._line is None or request["options"] != self._options:
                self._close()
                self._options = request["options"]
                self._line = self._make_line(self._options, self._log.append)
            answer = {"answer": getattr(self._line, request["method"])(*request["args"])}
        except Exception as exc:
            known = getattr(exc, "answer", None)
            answer = {"answer": known()} if known else {"broken": traceback.format_exc()}
        answer["log"], self._log[:] = self._log[:], []
        _send(client, answer)

    def _close(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            with contextlib.suppress(Exception):
                line.close()


def _send(stream: socket.socket, message: Any) -> None:
    data = json.dumps(message).encode()
    stream.sendall(SIZE.pack(len(data)) + data)


def _receive(stream: socket.socket) -> Any:
    """The next message, None at the end."""
    with stream.makefile("rb") as file:
        head = file.read(SIZE.size)
        size = SIZE.unpack(head)[0] if len(head) == SIZE.size else None
        data = b"" if size is None else file.read(size)
    return json.loads(data) if size is not None and len(data) == size else None
