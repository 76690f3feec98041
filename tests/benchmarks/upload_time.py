#!/usr/bin/env python3
# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A large file through pfsense_files, verified and in its place, beside OpenSSH's own sftp; and the memory that takes.

upload_time.py [--size 500] [--delays 0ms,50ms] [--runs 3] [--carriers ssh,xmlrpc,rest]

Megabytes; the delay is that of a round trip. Ours is the time of the whole task, with the hashes of both sides, over
the connection of an earlier task; of sftp's the time of one that only logs in is taken off. Medians, with the least and
the greatest in brackets.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import sys
import tempfile
import threading
import time
from datetime import datetime
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "integration"), str(TESTS / "lab")]

import lab
from api_line import install_rest
from playbook_run import Outcome, Site

MEGABYTE = 1024 * 1024
TASKS = [
    {"name": "login", "pfrack.cluster.pfsense_info": {}},
    {"name": "bring", "pfrack.cluster.pfsense_files": {"src": "{{ tree }}", "dest": "/tftpboot/bench"}},
]


class Memory(threading.Thread):
    """The most that each kind of process takes while the block runs, in megabytes: {"ansible": …, "php": …}."""

    KINDS = {"ansible": re.compile(r"ansible-playbook -i"), "php": re.compile(r"^\S*php.* -d |^php-fpm: pool")}

    def __init__(self):
        super().__init__(daemon=True)
        self.peaks = dict.fromkeys(self.KINDS, 0)
        self._over = threading.Event()

    def __enter__(self) -> Memory:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join()

    def run(self) -> None:
        while not self._over.wait(0.1):
            for process in Path("/proc").glob("[0-9]*"):
                self._look(process)

    def _look(self, process: Path) -> None:
        try:
            line = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            for kind, words in self.KINDS.items():
                if words.search(line):
                    # What a process has for itself; what it shares with its parent counts once, there.
                    taken = re.search(r"VmHWM:\s*(\d+)", (process / "status").read_text())
                    self.peaks[kind] = max(self.peaks[kind], int(taken[1]) // 1024 if taken else 0)
        except OSError:
            return


class Bench:
    """One rack and a large file."""

    def __init__(self, rack: lab.Rack, directory: Path, size: int):
        self.rack = rack
        self.size = size
        self.site = Site(rack, directory / "inventory")
        self.playbook = directory / "upload.yml"
        self.playbook.write_text(json.dumps([{"hosts": "routers", "gather_facts": False, "tasks": TASKS}]))
        self.log = directory / "log"
        self.file = directory / "tree" / "image"
        self.file.parent.mkdir()
        with self.file.open("wb") as file:
            for _number in range(size):
                file.write(os.urandom(MEGABYTE))

    def ours(self, carrier: str) -> float:
        """Megabytes a second."""
        with self.file.open("r+b") as file:
            # Another file, so that nothing of it is there.
            file.write(os.urandom(16))
        self.rack.router.run("rm -rf /tftpboot/bench /tftpboot/file")
        self.log.unlink(missing_ok=True)
        self.site.router_vars = {"lab_carrier": carrier}
        variables = {"ANSIBLE_LOG_PATH": str(self.log)}
        process = self.site.start("-e", f"tree={self.file.parent}", playbook=str(self.playbook), environment=variables)
        output = process.communicate()[0]
        Outcome(process.returncode, output).ok()
        times = [self._when(words) for words in (r"TASK \[bring\]", r"changed: \[router1\]")]
        return self.size / (times[1] - times[0]).total_seconds()

    def _when(self, words: str) -> datetime:
        found = re.search(rf"^(\S+ \S+) .*{words}", self.log.read_text(), re.M)
        return datetime.strptime(found[1], "%Y-%m-%d %H:%M:%S,%f")

    def theirs(self) -> float:
        command = ["sftp", "-q", "-b", "-", *self.rack.ssh_command()[1:]]
        times = []
        self.rack.router.run("rm -rf /tftpboot/bench /tftpboot/file")
        for batch in ("pwd\n", f"put {self.file} /tftpboot/file\n"):
            begin = time.monotonic()
            self.rack.controller.run(command, input=batch)
            times.append(time.monotonic() - begin)
        return self.size / (times[1] - times[0])


def show(values: list[float], form: str) -> str:
    return f"{statistics.median(values):{form}} ({min(values):{form}}–{max(values):{form}})"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=500)
    parser.add_argument("--delays", default="0ms,50ms")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--carriers", default="ssh")
    arguments = parser.parse_args()
    carriers = arguments.carriers.split(",")
    with lab.Rack(f"benchmark-{os.getpid()}") as rack, tempfile.TemporaryDirectory() as directory:
        bench = Bench(rack, Path(directory), arguments.size)
        if "rest" in carriers:
            install_rest(rack.router)
        for delay in arguments.delays.split(","):
            seconds = float(delay.removesuffix("ms")) / 1000
            if seconds:
                rack.router.slow_cable("em1", seconds / 2)
            rates: dict[str, list[float]] = {name: [] for name in [*carriers, "sftp"]}
            peaks = {}
            for _number in range(arguments.runs):
                for carrier in carriers:
                    with Memory() as memory:
                        rates[carrier].append(bench.ours(carrier))
                    peaks[carrier] = memory.peaks
                rates["sftp"].append(bench.theirs())
            rack.router.normal_cable("em1")
            print(f"{delay:>6} {'sftp':>7}: {show(rates['sftp'], '.0f')} MB/s")
            for name in carriers:
                ratios = [mine / other for mine, other in zip(rates[name], rates["sftp"])]
                taken = ", ".join(f"{kind} {megabytes} MB" for kind, megabytes in peaks[name].items())
                print(f"{delay:>6} {name:>7}: {show(rates[name], '.0f')} MB/s, {show(ratios, '.2f')} of sftp; {taken}")
            sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
