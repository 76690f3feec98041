# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stops a run of ansible-playbook at a request to the agent, without a change of the code that is tested.

Python loads this when its directory is in PYTHONPATH. In $PFRACK_FAULT_DIR `log` gets one line per request, and `point`
says where to stop: "N before" waits for ever when request N is about to be sent, "N during" goes on after it was sent.
Either way the file `reached` appears.
"""

from __future__ import annotations

import importlib.machinery
import os
import pathlib
import sys
import time


class Stop:
    """Sees each request on its way out: a line of JSON that begins with its id, a document of XML-RPC, or a command."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.count = 0
        self.point = (
            (self.directory / "point").read_text().split() if (self.directory / "point").exists() else ["0", ""]
        )

    def send(self, original, channel, data):
        op = name_of(bytes(data[:400])) if isinstance(data, (bytes, bytearray, memoryview)) else ""
        if not op or op == "hello":
            return original(channel, data)
        self.count += 1
        with open(self.directory / "log", "a") as log:
            log.write(op + "\n")
        stop, when = int(self.point[0]), self.point[1]
        if self.count != stop:
            return original(channel, data)
        if when == "during":
            sent = original(channel, data)
            (self.directory / "reached").touch()
            return sent
        (self.directory / "reached").touch()
        while not (self.directory / "go").exists():
            time.sleep(0.01)
        return original(channel, data)


def name_of(text):
    """The name of a request, "" for anything else; what travels over HTTPS is packed and has no name."""
    if text.startswith(b'{"id": ') and b'"op": "' in text:
        return text.split(b'"op": "', 1)[1].split(b'"', 1)[0].decode()
    return "request" if text.startswith((b"<?xml", b'{"command":')) else ""


class Finder:
    """Patches paramiko and http.client when they are imported."""

    classes = {"paramiko.channel": "Channel", "http.client": "HTTPConnection"}

    def __init__(self, stop):
        self.stop = stop

    def find_spec(self, name, path=None, target=None):
        if name not in self.classes:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        load = spec.loader.exec_module

        def exec_module(module):
            load(module)
            patched = getattr(module, self.classes[name])
            original = patched.send
            patched.send = lambda channel, data: self.stop.send(original, channel, data)

        spec.loader.exec_module = exec_module
        return spec


if os.environ.get("PFRACK_FAULT_DIR"):
    sys.meta_path.insert(0, Finder(Stop(os.environ["PFRACK_FAULT_DIR"])))
