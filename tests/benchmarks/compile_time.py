#!/usr/bin/env python3
# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What it takes to compile and validate an inventory: seconds, and memory for each node. Needs no rack.

compile_time.py [--nodes 1000,5000]
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
import tracemalloc
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "build" / "collections"))

from ansible_collections.pfrack.cluster.tests.unit.plugins.module_utils.inventory.racks import large

TIMES = 5


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", default="1000,5000")
    for count in map(int, parser.parse_args().nodes.split(",")):
        rack, seconds = large(count), []
        for _time in range(TIMES):
            begin = time.perf_counter()
            rack.compile()
            seconds.append(time.perf_counter() - begin)
        tracemalloc.start()
        rack.compile()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        spread = f"{statistics.median(seconds):.3f} s ({min(seconds):.3f}–{max(seconds):.3f})"
        print(f"{count:>6} nodes: {spread}, {peak / count / 1000:.1f} kB a node")
    return 0


if __name__ == "__main__":
    sys.exit(main())
