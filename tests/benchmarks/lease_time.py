#!/usr/bin/env python3
# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The time from a machine's DHCP lease to the first request that it answers, with watch.yml and with the rulebook.

lease_time.py [--machines 5] [--rulebook PATH/TO/ansible-rulebook]
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "integration"), str(TESTS / "lab")]

import lab
from clients import dhcp_lease, line_server, wait_for, web_server
from playbook_run import ROOT, Site, give_up_port_80

URL = "http://10.10.0.10/"


def follow(process, ready: str) -> None:
    """Wait until the process says `ready`, and keep reading what it says afterwards."""
    heard = threading.Event()
    said = []

    def read() -> None:
        for text in process.stdout:
            said.append(text)
            if ready in text:
                heard.set()

    threading.Thread(target=read, daemon=True).start()
    if not heard.wait(120):
        raise SystemExit("".join(said))


def first_answer(site: Site, number: int) -> float:
    """Seconds until a new machine answers through the virtual IP."""
    name = f"machine{number}"
    node = site.rack.add_node(name, f"52:54:00:77:01:{number:02x}")
    try:
        with web_server(node, 80), line_server(node, 2222):
            dhcp_lease(node)
            began = time.monotonic()
            curl = ["curl", "-sf", "-m", "2", URL]
            wait_for(lambda: site.rack.controller.run(curl, check=False).stdout.startswith(name), name, 60)
            return time.monotonic() - began
    finally:
        site.rack.remove_node(name)


@contextlib.contextmanager
def rulebook(site: Site, program: str):
    """The rulebook, after its first run of sync.yml."""
    variables = site.directory.parent / "vars.yml"
    variables.write_text(
        f"pfsense_host: {lab.ROUTER}\npfsense_private_key_file: {site.rack.key}\n"
        f"pfsense_known_hosts_files: [{site.rack.known_hosts}]\n"
    )
    command = [program, "-r", "pfrack.cluster.follow_leases", "-i", str(site.write()), "--vars", str(variables)]
    path = f"{Path(program).parent}:{os.environ['PATH']}"
    environment = {"ANSIBLE_COLLECTIONS_PATH": str(ROOT / "build/collections"), "PFRACK_LAB": site.rack.name}
    process = site.rack.controller.popen(
        command, cwd=str(ROOT), env={**os.environ, **environment, "PATH": path}, stdout=-1, stderr=-2
    )
    try:
        follow(process, "PLAY RECAP")
        yield
    finally:
        process.terminate()
        process.wait(30)


@contextlib.contextmanager
def watch(site: Site):
    process = site.start("-e", "watch_grace=0", playbook="playbooks/watch.yml")
    try:
        follow(process, "watch: follows")
        yield
    finally:
        process.terminate()
        process.wait(30)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--machines", type=int, default=5)
    parser.add_argument("--rulebook", help="the program ansible-rulebook; it needs Java")
    arguments = parser.parse_args()
    machines = range(1, arguments.machines + 1)
    with lab.Rack(f"benchmark-leases-{os.getpid()}") as rack, tempfile.TemporaryDirectory() as directory:
        give_up_port_80(rack.router)
        site = Site(rack, Path(directory) / "inventory")
        site.settings["cluster_admission"] = "any"
        for group in ("controllers", "workers"):
            site.nodes(group).clear()
        site.play().ok()
        began = time.monotonic()
        site.play(playbook="playbooks/sync.yml").ok()
        unit = time.monotonic() - began
        rows = {}
        with watch(site):
            rows["watch.yml"] = [first_answer(site, number) for number in machines]
        if arguments.rulebook:
            with rulebook(site, arguments.rulebook):
                rows["rulebook"] = [first_answer(site, 100 + number) for number in machines]
    print(f"1.0 is one run of sync.yml by hand that changes nothing ({unit:.2f} s here).")
    for name, samples in rows.items():
        median, worst = statistics.median(samples), max(samples)
        print(f"{name:>10}  median {median / unit:.2f} ({median:.2f} s)  worst {worst / unit:.2f} ({worst:.2f} s)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
