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
# The pure code needs nothing of Ansible, and no collection around it.
sys.path.insert(0, str(ROOT / "plugins"))

from module_utils.inventory.compile import compile_cluster

TIMES = 5
ROUTER = {
    "interfaces": {"lan": {"descr": "LAN", "device": "em1", "address": "10.10.0.1", "prefix": 16, "enabled": True}},
    "scopes": {"lan": {"enabled": True, "range": {"from": "10.10.0.100", "to": "10.10.0.199"}}},
    "dns": {"forwarder": {"enabled": False, "port": 53}, "resolver": {"enabled": True, "port": 53}},
    "webgui": {"protocol": "https", "port": 8443, "redirect": False},
}
SETTINGS = {
    "cluster_domain": "cluster.lab.example",
    "cluster_node_range": "10.10.4.1-10.10.250.250",
    "cluster_virtual_ips": [{"address": "10.10.0.10"}],
    "node_config_ssh_authorized_keys": ["ssh-ed25519 AAAA me"],
}


def inventory(count: int) -> list[dict]:
    macs = [f"52:54:00:20:{number // 256:02x}:{number % 256:02x}" for number in range(count)]
    return [
        {"name": f"node{number}", "groups": ["cluster", "workers"], "mac_address": mac}
        for number, mac in enumerate(macs)
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", default="1000,5000")
    for count in map(int, parser.parse_args().nodes.split(",")):
        nodes, seconds = inventory(count), []
        for _time in range(TIMES):
            begin = time.perf_counter()
            compile_cluster(nodes, SETTINGS, ROUTER)
            seconds.append(time.perf_counter() - begin)
        tracemalloc.start()
        compile_cluster(nodes, SETTINGS, ROUTER)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        spread = f"{statistics.median(seconds):.3f} s ({min(seconds):.3f}–{max(seconds):.3f})"
        print(f"{count:>6} nodes: {spread}, {peak / count / 1000:.1f} kB a node")
    return 0


if __name__ == "__main__":
    sys.exit(main())
