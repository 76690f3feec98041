#!/usr/bin/env python3
# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What clients lose while nodes come and go one by one, with the runtime socket and with reloads.

hitless.py [--nodes 200] [--reloads 40]
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "integration"), str(TESTS / "lab")]

import debian_root
import fleet
import lab
from ansible_collections.pfrack.cluster.plugins.module_utils.backend_sync import config
from ansible_collections.pfrack.cluster.plugins.module_utils.reconcile import reconcile
from load import load
from wrk import wrk

KINDS = {
    "wrk kept": "HTTP, kept connections",
    "wrk new": "HTTP, new connections",
    "tcp": "TCP, new connections",
    "session": "TCP, messages in sessions",
}


def at_run_time(syncing: fleet.SyncRouter, wish: fleet.Wish) -> None:
    report = syncing.run(wish, probe_timeout=30)
    if report["route"] != "runtime":
        raise SystemExit(f"no change at run time: {report}")


def by_reload(syncing: fleet.SyncRouter, wish: fleet.Wish) -> None:
    """The same change as pfSense's page makes it."""
    snapshot = syncing.port.read(config.PATHS)
    change = reconcile(snapshot.sections, config.desire(snapshot.sections, wish, snapshot.info).sections)
    syncing.port.commit(snapshot.revision, change.operations, ["haproxy"], "a benchmark")


def measure(rack: lab.Rack, change, nodes: int) -> tuple[float, dict]:
    """(seconds per change, what the clients saw) while nodes 3… come one by one and go again."""
    rack.reset()
    syncing = fleet.SyncRouter(rack)
    syncing.install()
    syncing.run(fleet.wish(1, 2))
    present = [1, 2]
    # wrk speaks HTTP only.
    with wrk(rack.controller) as seen, load(rack.controller, ("tcp", "session")) as clients:
        begin = time.monotonic()
        for number in range(3, nodes + 3):
            present.append(number)
            change(syncing, fleet.wish(*present))
        for number in range(3, nodes + 3):
            present.remove(number)
            change(syncing, fleet.wish(*present))
        seconds = (time.monotonic() - begin) / (2 * nodes)
    syncing.end()
    return seconds, {**seen, **clients.result}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=200)
    parser.add_argument("--reloads", type=int, default=40, help="nodes of the comparison")
    arguments = parser.parse_args()
    debian_root.install_packages([] if shutil.which("wrk") else ["wrk"])
    with lab.Rack(f"benchmark-{os.getpid()}") as rack:
        machine = rack.add_node("fleet")
        fleet.Fleet(machine).serve(max(arguments.nodes, arguments.reloads) + 2)
        results = {}
        ways = (("runtime socket", at_run_time, arguments.nodes), ("reloads", by_reload, arguments.reloads))
        for name, change, nodes in ways:
            print(f"{name}: {nodes} nodes come and go, {2 * nodes} changes …", flush=True)
            results[name] = measure(rack, change, nodes)
    print(f"\n{'lost of answered requests':28}" + "".join(f"{name:>22}" for name in results))
    lost = dict.fromkeys(results, 0)
    for kind, title in KINDS.items():
        row = f"{title:28}"
        for name, (_seconds, seen) in results.items():
            entry = seen.get(kind, {"lost": 0, "answered": 0, "errors": {}})
            lost[name] += entry["lost"]
            row += f"{entry['lost']:>10} of {entry['answered']:>8}"
        print(row)
    for name, (_seconds, seen) in results.items():
        errors = {kind: entry["errors"] for kind, entry in seen.items() if entry["lost"]}
        print(f"errors, {name}: {errors or 'none'}")
    runtime, reloads = (results[name][0] for name in results)
    print(f"time of a reload run / time of a runtime run: {reloads / runtime:.2f}")
    return 1 if lost["runtime socket"] else 0


if __name__ == "__main__":
    sys.exit(main())
