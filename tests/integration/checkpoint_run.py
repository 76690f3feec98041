# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of ansible-playbook as the router sees them: they arm a checkpoint, change something, and end in some way."""

from __future__ import annotations

import hashlib
import sys
from contextlib import contextmanager

from clients import wait_for
from playbook_run import ROOT
from router_line import RouterLine
from router_state import leftovers

sys.path.insert(0, str(ROOT / "plugins" / "plugin_utils"))
from agent_bundle import agent_source

sys.path.insert(0, str(ROOT / "plugins" / "module_utils"))
from router import Router, RouterError

__all__ = ["ONE", "THREE", "TWO", "VIP", "RouterError", "Run", "addresses", "gone_back", "runs", "set_"]

ONE = "deis@one (ansible-playbook, process 1)"
TWO = "deis@two (ansible-playbook, process 2)"
THREE = "deis@three (ansible-playbook, process 3)"
VIP = {"mode": "ipalias", "interface": "lan", "uniqid": "5f00000000001", "descr": "x [pfrack]", "type": "single",
       "subnet_bits": "24", "subnet": "10.10.0.10"}  # fmt: skip


class Run:
    """One run of ansible-playbook, as the router sees it."""

    def __init__(self, rack, holder=ONE):
        self.line = RouterLine(rack)
        self.port = Router(
            lambda op, params: self.line.call(op, dict(params, holder=holder)),
            lambda *arguments: self.line.upload(*arguments),
        )

    def arm(self, timeout=60):
        return self.port.checkpoint(timeout, agent_source())

    def commit(self, operations, services=()):
        return self.port.commit(self.port.read([]).revision, operations, list(services), "a test")

    def section(self, path):
        return self.port.read([path]).sections[path]

    def publish(self, files, remove=(), root="/tftpboot/pfrack"):
        """files: path -> local path."""
        staged = self.port.stage(root, [path.stat().st_size for path in files.values()])
        entries = []
        for name, (path, local) in zip(staged["names"], files.items()):
            self.port.upload(str(local), staged["directory"], name)
            digest = hashlib.sha256(local.read_bytes()).hexdigest()
            entries.append({"name": name, "path": path, "sha256": digest, "mode": "0644"})
        self.port.publish(root, staged["directory"], entries, list(remove))


@contextmanager
def runs(rack):
    """Makes runs, and ends their sessions with it."""
    made = []

    def make(holder=ONE):
        made.append(Run(rack, holder))
        return made[-1]

    yield make
    for one in made:
        one.line.end()


def set_(path, value=""):
    return {"op": "set", "path": [int(p) if p.isdigit() else p for p in path.split("/")], "value": value}


def gone_back(router):
    """Waits until no checkpoint is left."""
    wait_for(lambda: not leftovers(router), "the router has gone back", 40)


def addresses(router):
    return router.run("ip -br addr show em1").stdout
