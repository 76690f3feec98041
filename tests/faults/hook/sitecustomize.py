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

MODULE = "paramiko.channel"


class Stop:
    """Sees each request, which is a line of JSON that begins with its id, on its way into an SSH channel."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.count = 0
        self.point = (
            (self.directory / "point").read_text().split() if (self.directory / "point").exists() else ["0", ""]
        )

    def send(self, original, channel, data):
        text = bytes(data[:400])
        if not text.startswith(b'{"id": ') or b'"op": "hello"' in text[:60]:
            return original(channel, data)
        self.count += 1
        with open(self.directory / "log", "a") as log:
            log.write(text.split(b'"op": "', 1)[1].split(b'"', 1)[0].decode() + "\n")
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


class Finder:
    """Patches paramiko when it is imported."""

    def find_spec(self, name, path=None, target=None):
        if name != MODULE:
            return None
        sys.meta_path.remove(self)
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        load = spec.loader.exec_module

        def exec_module(module):
            load(module)
            stop = Stop(os.environ["PFRACK_FAULT_DIR"])
            original = module.Channel.send
            module.Channel.send = lambda channel, data: stop.send(original, channel, data)

        spec.loader.exec_module = exec_module
        return spec


if os.environ.get("PFRACK_FAULT_DIR"):
    sys.meta_path.insert(0, Finder())
