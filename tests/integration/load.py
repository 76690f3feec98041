# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients of the fleet's services that count what they lose."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator

from fleet import FRONT, SSH, WEB

KINDS = ("kept", "new", "tcp", "session")
# Kinds of clients until the input ends: HTTP on kept and on new connections, TCP, and TCP sessions that stay open.
LOAD = """
import collections, http.client, json, socket, sys, threading
host, web, lines, pause, patience = sys.argv[1], *map(int, sys.argv[2:4]), *map(float, sys.argv[4:6])
stop, lock, result = threading.Event(), threading.Lock(), {}
def count(kind, error=None, who=None):
    with lock:
        entry = result.setdefault(kind, {"answered": 0, "lost": 0, "errors": {}, "servers": {}})
        entry["lost" if error else "answered"] += 1
        if error:
            entry["errors"][error] = entry["errors"].get(error, 0) + 1
        else:
            entry["servers"][who] = entry["servers"].get(who, 0) + 1
def ask(connection, kind):
    try:
        connection.request("GET", "/")
        answer = connection.getresponse()
        body = answer.read().decode()
        if answer.status == 200:
            count(kind, who=body)
            return not answer.will_close
        count(kind, "status %d" % answer.status)
    except (OSError, http.client.HTTPException) as error:
        count(kind, type(error).__name__)
    return False
def kept():
    connection = http.client.HTTPConnection(host, web, timeout=patience)
    while not stop.wait(pause):
        if not ask(connection, "kept"):
            connection.close()
def new():
    while not stop.wait(pause):
        connection = http.client.HTTPConnection(host, web, timeout=patience)
        ask(connection, "new")
        connection.close()
def tcp():
    while not stop.wait(pause):
        try:
            with socket.create_connection((host, lines), patience) as line:
                who = line.makefile().readline().strip()
                count("tcp", None if who else "no line", who)
        except OSError as error:
            count("tcp", type(error).__name__)
def session():
    while not stop.wait(pause):
        try:
            with socket.create_connection((host, lines), patience) as line:
                file = line.makefile("rw")
                who = file.readline().strip()
                for number in range(50):
                    file.write("%d\\n" % number)
                    file.flush()
                    good = file.readline() == "%d\\n" % number
                    count("session", None if good and who else "cut", who)
                    if not good or stop.wait(0.005):
                        break
        except OSError as error:
            count("session", type(error).__name__)
works = {"kept": [kept, kept], "new": [new], "tcp": [tcp], "session": [session]}
workers = [threading.Thread(target=work) for kind in sys.argv[6:] for work in works[kind]]
for worker in workers:
    worker.start()
print("started", flush=True)
sys.stdin.read()
stop.set()
for worker in workers:
    worker.join()
print(json.dumps(result))
"""


class Load:
    """Clients at work; `result` says for each kind what was answered and lost."""

    def __init__(self, machine, kinds, host, pause, web, patience):
        numbers = [str(number) for number in (web, SSH, pause, patience)]
        self._process = machine.popen(
            [sys.executable, "-c", LOAD, host, *numbers, *kinds], stdin=-1, stdout=-1, text=True
        )
        self._process.stdout.readline()
        self._patience = patience
        self.result: dict = {}

    def stop(self) -> None:
        output, _errors = self._process.communicate("", timeout=60 + self._patience)
        self.result = json.loads(output)

    @property
    def lost(self) -> dict:
        return {kind: entry["errors"] for kind, entry in self.result.items() if entry["lost"]}

    def answered_by(self, kind: str) -> set:
        return set(self.result[kind]["servers"])


@contextlib.contextmanager
def load(
    machine, kinds: tuple[str, ...] = KINDS, host: str = FRONT, pause: float = 0, web: int = WEB, patience: float = 10
) -> Iterator[Load]:
    """pause: seconds between two requests of a client. patience: seconds after which an answer counts as lost."""
    clients = Load(machine, kinds, host, pause, web, patience)
    try:
        yield clients
    finally:
        clients.stop()
