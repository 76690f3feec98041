# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Breaks site.yml at its requests. Afterwards the router has the old state or the new one, and the next run converges.

`make faults` tries every request; otherwise a few, chosen where most can go wrong.
"""

from __future__ import annotations

import itertools
import os
import random
import shutil
import signal
import time

from clients import wait_for
from playbook_run import ROOT, Outcome, Site, give_up_port_80
from router_state import leftovers, sections

ALL = os.environ.get("PFRACK_FAULT_POINTS") == "all"
FEW = [("kill the playbook", "confirm", "during"), ("cut the cable", "commit", "during")]
TIMEOUT = 8


def kill_the_playbook(site, _directory):
    controller = site.rack.controller
    found = controller.run(["pgrep", "-f", f"ansible-playbook -i {site.directory}"], check=False).stdout.split()
    for pid in found:
        controller.run(["kill", f"-{signal.SIGKILL.value}", pid], check=False)


def cut_the_cable(site, directory):
    site.rack.router.cut_cable("em1")
    (directory / "go").touch()


def kill_the_agent(site, directory):
    router = site.rack.router
    # The session's agent is the PHP that is no script of the watch.
    router.run("pkill -9 -f '^(/usr/local/bin/)?php.* -d display_errors=0$'; true")
    (directory / "go").touch()


def fill_the_disk(site, directory):
    site.rack.router.fill_disk("/cf")
    (directory / "go").touch()


FAULTS = {
    "kill the playbook": kill_the_playbook,
    "cut the cable": cut_the_cable,
    "kill the agent": kill_the_agent,
    "fill the disk": fill_the_disk,
}


class Faults:
    """Runs of site.yml on fresh routers, each broken at one point."""

    def __init__(self, rack, directory):
        self.rack = rack
        self.directory = directory
        self.number = 0

    def fresh(self):
        self.rack.reset()
        router = self.rack.router
        give_up_port_80(router)
        for package in ("haproxy", "tftpd"):
            router.run(["/usr/local/sbin/pfSense-upgrade", "-y", "-i", f"pfSense-pkg-{package}"])
        self.number += 1
        self.place = self.directory / str(self.number)
        (self.place / "inventory").mkdir(parents=True)
        site = Site(self.rack, self.place / "inventory")
        site.settings["checkpoint_timeout"] = TIMEOUT
        site.router_vars = {"ansible_pfsense_keepalive_interval": 1, "ansible_connect_timeout": 10}
        return site

    def start(self, site, point=""):
        if point:
            (self.place / "point").write_text(point)
        variables = {"PYTHONPATH": str(ROOT / "tests" / "faults" / "hook"), "PFRACK_FAULT_DIR": str(self.place)}
        before = {name: os.environ.get(name) for name in variables}
        os.environ.update(variables)
        try:
            return site.start()
        finally:
            for name, value in before.items():
                os.environ.pop(name) if value is None else os.environ.__setitem__(name, value)

    def calibrate(self):
        """The requests of a run that nobody disturbs, and the states before and after it."""
        site = self.fresh()
        old = sections(self.rack.router)
        process = self.start(site)
        output, _rest = process.communicate(timeout=300)
        Outcome(process.returncode, output).ok()
        return (self.place / "log").read_text().split(), old, sections(self.rack.router)

    def hit(self, fault, number, when, states):
        """One point; returns what is wrong afterwards, or ''."""
        site = self.fresh()
        router = self.rack.router
        process = self.start(site, f"{number} {when}")
        try:
            wait_for(lambda: (self.place / "reached").exists() or process.poll() is not None, "the point", 180)
            if process.poll() is not None and not (self.place / "reached").exists():
                return "the run ended before the point:\n" + process.stdout.read()
            FAULTS[fault](site, self.place)
            output, _rest = process.communicate(timeout=240)
            if fault == "cut the cable":
                router.plug_cable("em1")
            # Going back must work before somebody makes room.
            wait_for(lambda: not leftovers(router), f"nothing is left; now: {leftovers(router)}", 60)
        except AssertionError as problem:
            return str(problem)
        finally:
            process.kill()
            router.free_disk("/cf")
            router.plug_cable("em1")
        state = sections(router)
        if state not in states:
            mixture = self.directory / f"mixture-{self.number}.txt"
            mixture.write_text(f"{states[0]}\n=====\n{state}\n=====\n{output}")
            return f"neither the old nor the new state, see {mixture}"
        again = site.play()
        if again.returncode != 0:
            return f"the next run fails:\n{again.output}"
        if sections(router) != states[1]:
            return "the next run does not converge"
        return ""


def chosen(requests):
    if ALL:
        points = list(itertools.product(FAULTS, range(1, len(requests) + 1), ("before", "during")))
        # A run that is ended early has still seen a bit of everything.
        random.Random(len(points)).shuffle(points)
        return points
    places = {op: number for number, op in enumerate(requests, 1)}
    return [(fault, places[op], when) for fault, op, when in FEW]


def test_points(rack, tmp_path, capsys):
    faults = Faults(rack, tmp_path)
    requests, *states = faults.calibrate()
    tried, broken = 0, []
    limit = float(os.environ.get("PFRACK_FAULT_SECONDS", "inf"))
    began = time.monotonic()
    for fault, number, when in chosen(requests):
        if time.monotonic() - began > limit:
            break
        point = f"{fault} {when} request {number} ({requests[number - 1]})"
        problem = faults.hit(fault, number, when, states)
        tried += 1
        if problem:
            broken.append(f"{point}: {problem}")
        with capsys.disabled():
            print(f"{'BROKEN' if problem else 'ok':8}{point} {problem[:2000]}", flush=True)
        shutil.rmtree(faults.place, ignore_errors=True)
    with capsys.disabled():
        print(f"\nfault points: {tried} tried, {tried - len(broken)} survived", flush=True)
    assert tried and not broken, "\n".join(broken)
