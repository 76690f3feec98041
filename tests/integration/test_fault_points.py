# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Breaks site.yml at its requests. Afterwards the router has the old state or the new one, and the next run converges.

`make faults` tries every request with every fault over SSH and XML-RPC, on several racks at once; otherwise a few
points, chosen where most can go wrong. A long sweep may be made in slices: each says where the next one goes on.
"""

from __future__ import annotations

import itertools
import os
import queue
import random
import threading
import time
from contextlib import ExitStack

import lab
from fault_points import FAULTS, Breaker, Point

ALL = os.environ.get("PFRACK_FAULT_POINTS") == "all"
CARRIERS = os.environ.get("PFRACK_FAULT_CARRIERS", "ssh xmlrpc" if ALL else "ssh").split()
RACKS = int(os.environ.get("PFRACK_FAULT_RACKS", "3" if ALL else "2"))
LIMIT = float(os.environ.get("PFRACK_FAULT_SECONDS", "inf"))
SKIP = int(os.environ.get("PFRACK_FAULT_SKIP", "0"))
ONLY = [name for name in os.environ.get("PFRACK_FAULT_ONLY", "").split(",") if name]
# (fault, which of the requests of that name, when)
FEW = [
    ("kill the playbook", "confirm", -1, "during"),
    ("kill the playbook", "commit", -1, "before"),
    ("cut the cable", "commit", 0, "during"),
    ("kill the agent", "commit", 1, "during"),
    ("fill the disk", "commit", 1, "before"),
    ("a daemon refuses", "commit", -1, "before"),
]


def chosen(carrier, requests):
    if not ALL:
        for fault, op, which, when in FEW:
            number = [number for number, name in enumerate(requests, 1) if name == op][which]
            yield Point(fault, carrier, number, when, op)
        return
    for fault, (number, op), when in itertools.product(FAULTS, enumerate(requests, 1), ("before", "during")):
        if (fault, when) != ("a daemon refuses", "during"):
            yield Point(fault, carrier, number, when, op)


def name_of(point):
    """As ONLY takes it. Runs may differ by a request or two, so what the request was does not belong to it."""
    return f"{point.fault} {point.when} {point.number} {point.carrier}"


def work(breaker, points, states, results, deadline, say):
    """Break runs until there are no more points, or no more time."""
    while time.monotonic() < deadline:
        try:
            number, point = points.get_nowait()
        except queue.Empty:
            return
        try:
            # A router in its first state needs no second proof that a run converges from there, but now and then.
            problem = breaker.hit(point, states[point.carrier], again=number % 4 == 0)
        except Exception as error:  # noqa: BLE001 - one point that cannot be tried must not hide the others
            problem = f"{type(error).__name__}: {error}"
        results.append(f"{point}: {problem}" if problem else "")
        say(f"{'BROKEN' if problem else 'ok':8}{point} {problem[:3000]}")


def test_points(rack, tmp_path, capsys):
    def say(text):
        with capsys.disabled():
            print(text, flush=True)

    states, every = {}, []
    first = Breaker(rack, tmp_path / "0")
    for carrier in CARRIERS:
        requests, *states[carrier] = first.calibrate(carrier)
        every += chosen(carrier, requests)
    if ALL:
        # A run that is ended early has still seen a bit of everything, and the next one goes on in the same order.
        every.sort(key=lambda point: random.Random(name_of(point)).random())
    if ONLY:
        every = [point for point in every if name_of(point) in ONLY]
    total, every = len(every), every[SKIP:]
    points, results = queue.Queue(), []
    for number, point in enumerate(every):
        points.put((number, point))
    deadline = time.monotonic() + LIMIT
    with ExitStack() as stack:
        breakers = [first]
        for number in range(1, RACKS):
            other = stack.enter_context(lab.Rack(f"test-faults-{number}-{os.getpid()}"))
            breakers.append(Breaker(other, tmp_path / str(number)))
        threads = [
            threading.Thread(target=work, args=(breaker, points, states, results, deadline, say))
            for breaker in breakers
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    broken = [result for result in results if result]
    said = f"; go on with SKIP={SKIP + len(results)}" if len(results) < len(every) else ""
    say(f"\nfault points: {len(results)} of {total} tried, {len(results) - len(broken)} survived{said}")
    assert results and not broken, "\n".join(broken)
