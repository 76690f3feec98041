# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Breaks site.yml at its requests. Afterwards the router has the old state or the new one, and the next run converges.

`make faults` tries every request with every fault over SSH and XML-RPC, on several racks at once, of a first run and of
one that changes what is there; otherwise a few points, chosen where most can go wrong. A long sweep may be made in
slices: each says where the next one goes on.
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
from fault_points import FAULTS, NOT_REACHED, PROFILES, Breaker, Point

ALL = os.environ.get("PFRACK_FAULT_POINTS") == "all"
CARRIERS = os.environ.get("PFRACK_FAULT_CARRIERS", "ssh xmlrpc" if ALL else "ssh").split()
CHOSEN_PROFILES = os.environ.get("PFRACK_FAULT_PROFILES", "").split() or PROFILES
RACKS = int(os.environ.get("PFRACK_FAULT_RACKS", "3" if ALL else "2"))
LIMIT = float(os.environ.get("PFRACK_FAULT_SECONDS", "inf"))
SKIP = int(os.environ.get("PFRACK_FAULT_SKIP", "0"))
ONLY = [name for name in os.environ.get("PFRACK_FAULT_ONLY", "").split(",") if name]
# (profile, fault, which of the requests of that name, when)
FEW = [
    ("first", "kill the playbook", "confirm", -1, "during"),
    ("first", "kill the playbook", "commit", -1, "before"),
    ("first", "cut the cable", "commit", 0, "during"),
    ("first", "kill the agent", "commit", 1, "during"),
    ("first", "fill the disk", "commit", 1, "before"),
    ("first", "a daemon refuses", "commit", -1, "before"),
    ("change", "kill the playbook", "haproxy_wait", 0, "during"),
]


def chosen(profile, carrier, requests):
    if not ALL:
        for _profile, fault, op, which, when in [point for point in FEW if point[0] == profile]:
            number = [number for number, name in enumerate(requests, 1) if name == op][which]
            yield Point(profile, fault, carrier, number, when, op)
        return
    for fault, (number, op), when in itertools.product(FAULTS, enumerate(requests, 1), ("before", "during")):
        if (fault, when) != ("a daemon refuses", "during"):
            yield Point(profile, fault, carrier, number, when, op)


def name_of(point):
    """As ONLY takes it. Runs may differ by a request or two, so what the request was does not belong to it."""
    return f"{point.fault} {point.when} {point.number} {point.carrier} {point.profile}"


def work(breaker, points, new, results, deadline, say):
    """Break runs until there are no more points, or no more time."""
    while time.monotonic() < deadline:
        try:
            number, point = points.get_nowait()
        except queue.Empty:
            return
        try:
            # A router in its first state needs no second proof that a run converges from there, but now and then.
            problem = breaker.hit(point, new[point.profile, point.carrier], again=number % 4 == 0)
        except Exception as error:  # noqa: BLE001 - one point that cannot be tried must not hide the others
            problem = f"{type(error).__name__}: {error}"
        results.append((point, problem))
        say(f"{'ok' if problem in ('', NOT_REACHED) else 'BROKEN':8}{point} {problem[:3000]}")


def test_points(rack, tmp_path, capsys):
    def say(text):
        with capsys.disabled():
            print(text, flush=True)

    new, every, breakers = {}, [], [Breaker(rack, tmp_path / "0")]
    with ExitStack() as stack:
        stack.callback(breakers[0].end)
        for profile, carrier in itertools.product(CHOSEN_PROFILES, CARRIERS):
            requests, new[profile, carrier] = breakers[0].calibrate(profile, carrier)
            say(f"{profile}, {carrier}: {len(requests)} requests: {' '.join(requests)}")
            every += chosen(profile, carrier, requests)
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
        for number in range(1, RACKS):
            other = stack.enter_context(lab.Rack(f"test-faults-{number}-{os.getpid()}"))
            breakers.append(Breaker(other, tmp_path / str(number), like=breakers[0]))
            stack.callback(breakers[-1].end)
        threads = [
            threading.Thread(target=work, args=(breaker, points, new, results, deadline, say)) for breaker in breakers
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    said = f"; go on with SKIP={SKIP + len(results)}" if len(results) < len(every) else ""
    say(f"\n{summary(results, total)}{said}")
    broken = [f"{point}: {problem}" for point, problem in results if problem not in ("", NOT_REACHED)]
    unreached = [point for point, problem in results if problem == NOT_REACHED]
    assert len(results) > len(unreached) and not broken, "\n".join(broken)
    # Over SSH each run makes the same requests, and the few points are there.
    assert ALL or not unreached


def summary(results, total):
    """What became of (point, problem) of all the points."""
    unreached = [str(point) for point, problem in results if problem == NOT_REACHED]
    tried = len(results) - len(unreached)
    survived = sum(not problem for _point, problem in results)
    counts = f"fault points: {tried} of {total} tried, {survived} survived"
    return "\n".join([f"not reached: {len(unreached)}", *unreached, counts])


def test_a_point_that_no_run_came_to_is_told_and_not_counted():
    points = [Point("first", "fill the disk", "xmlrpc", number, "before", "request") for number in (1, 2, 30)]
    said = summary(list(zip(points, ["", "the next run fails", NOT_REACHED])), 207)
    assert said.splitlines() == [
        "not reached: 1",
        "first: fill the disk before request 30 (request) over xmlrpc",
        "fault points: 2 of 207 tried, 1 survived",
    ]
