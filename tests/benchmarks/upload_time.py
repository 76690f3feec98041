#!/usr/bin/env python3
# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Uploads to the lab router beside OpenSSH's own sftp: throughput, and the memory that ours takes.

upload_time.py [--size 500] [--delays 0ms,50ms] [--runs 3]    megabytes; the delay is that of a round trip
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import sys
import tempfile
import time
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "integration"), str(TESTS / "lab")]

import lab
from router_line import RouterLine

MEGABYTE = 1024 * 1024


def ours(line: RouterLine, path: str, size: int) -> float:
    """Megabytes a second."""
    staged = line.good("stage", {"root": "/tftpboot", "sizes": [size * MEGABYTE]})
    begin = time.monotonic()
    answer = line.upload(path, staged["directory"], staged["names"][0])
    seconds = time.monotonic() - begin
    if not answer["ok"]:
        raise SystemExit(answer["error"]["message"])
    line.good("unstage", {"directory": staged["directory"]})
    return size / seconds


def theirs(rack: lab.Rack, path: str, size: int) -> float:
    """The same by sftp, whose login and end are measured apart and taken off."""
    command = ["sftp", "-q", "-b", "-", *rack.ssh_command()[1:]]
    times = []
    for batch in ("pwd\n", f"put {path} /tftpboot/file\n"):
        begin = time.monotonic()
        rack.controller.run(command, input=batch)
        times.append(time.monotonic() - begin)
    rack.router.run("rm /tftpboot/file")
    return size / (times[1] - times[0])


def memory(line: RouterLine) -> int:
    """The most that the line's process has taken so far, in megabytes."""
    pid = line._process.pid
    while children := Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        pid = children[0]
    return int(re.search(r"VmHWM:\s*(\d+)", Path(f"/proc/{pid}/status").read_text())[1]) // 1024


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=500)
    parser.add_argument("--delays", default="0ms,50ms")
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    with lab.Rack(f"benchmark-{os.getpid()}") as rack, tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "file")
        with open(path, "wb") as file:
            for _number in range(arguments.size):
                file.write(os.urandom(MEGABYTE))
        for delay in arguments.delays.split(","):
            seconds = float(delay.removesuffix("ms")) / 1000
            if seconds:
                rack.router.slow_cable("em1", seconds / 2)
            line = RouterLine(rack)
            line.good("hello")
            before = memory(line)
            rates: dict[str, list[float]] = {"ours": [], "sftp": []}
            for _number in range(arguments.runs):
                rates["ours"].append(ours(line, path, arguments.size))
                rates["sftp"].append(theirs(rack, path, arguments.size))
            after = memory(line)
            line.end()
            for name, values in rates.items():
                print(f"{delay:>6} {name}: {statistics.median(values):.0f} MB/s ({min(values):.0f}–{max(values):.0f})")
            ratios = [mine / other for mine, other in zip(*rates.values())]
            print(f"{delay:>6} ours / sftp: {statistics.median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})")
            print(f"{delay:>6} memory: {before} MB before, {after} MB after", flush=True)
            rack.router.normal_cable("em1")
    return 0


if __name__ == "__main__":
    sys.exit(main())
