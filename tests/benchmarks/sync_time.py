#!/usr/bin/env python3
# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a sync costs that changes nothing, adds one node, or takes one away, for different numbers of servers.

sync_time.py [--servers 10,100,1000]
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "integration"), str(TESTS / "lab")]

import fleet
import lab

TIMES = 5


def timed(syncing: fleet.SyncRouter, numbers: range, changed: bool, **options) -> float:
    begin = time.monotonic()
    report = syncing.run(fleet.wish(*numbers, only="web"), **options)
    seconds = time.monotonic() - begin
    if report["changed"] != changed or report["route"] == "reload":
        raise SystemExit(f"not what was to be measured: {report}")
    return seconds


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--servers", default="10,100,1000")
    counts = [int(text) for text in parser.parse_args().servers.split(",")]
    rows = {}
    with lab.Rack(f"benchmark-{os.getpid()}") as rack:
        fleet.Fleet(rack.add_node("fleet")).serve(max(counts) + 2)
        syncing = fleet.SyncRouter(rack)
        syncing.install()
        for count in counts:
            all_of_them, one_more = range(1, count + 1), range(1, count + 2)
            syncing.run(fleet.wish(*all_of_them, only="web"))
            samples = []
            for _ in range(TIMES):
                nothing = timed(syncing, all_of_them, False)
                samples.append((nothing, timed(syncing, one_more, True), timed(syncing, all_of_them, True)))
            rows[count] = [statistics.median(column) for column in zip(*samples)]
        syncing.end()
    unit = rows[counts[0]][0]
    print(f"Medians of {TIMES}; 1.0 is a sync of {counts[0]} servers that changes nothing ({unit:.3f} s here).")
    print(f"{'servers':>8}{'nothing':>12}{'one more':>12}{'one less':>12}")
    for count, row in rows.items():
        print(f"{count:>8}" + "".join(f"{seconds / unit:>12.1f}" for seconds in row))
    return 0


if __name__ == "__main__":
    sys.exit(main())
