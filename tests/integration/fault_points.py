# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of site.yml on fresh routers, each broken at one point: a request, before it is sent or right after."""

from __future__ import annotations

import shutil
import signal
from dataclasses import dataclass

import small_vendor
from api_line import install_rest
from clients import wait_for
from lab import RackError
from playbook_run import ROOT, Outcome, Site, give_up_port_80
from rack_vendor import Vendor
from router_state import leftovers, offered, remains, shape, whole

# Seconds without a request after which the router goes back; long enough for the run itself on a busy machine.
TIMEOUT = 8
DAEMONS = ("haproxy", "dhcpd", "unbound")
# first: a router that has nothing of ours yet, and nodes that are installed by other means.
# change: a router with nodes that wait for their installation; one goes, one comes, and all get another release.
PROFILES = ("first", "change")
NOT_REACHED = "not reached"
# Refuses every configuration that names the newest node.
REFUSING = """#!/bin/sh
for file in "$@" /var/unbound/host_entries.conf; do
    if [ -f "$file" ] && grep -qw NODE "$file"; then echo "refused by the test" >&2; exit 1; fi
done
exec "$0.real" "$@"
"""


@dataclass(frozen=True)
class Point:
    """profile: one of PROFILES; carrier: ssh, xmlrpc or rest; number: of the request, from 1; when: before or during;
    op: the request's name."""

    profile: str
    fault: str
    carrier: str
    number: int
    when: str
    op: str

    def __str__(self):
        return f"{self.profile}: {self.fault} {self.when} request {self.number} ({self.op}) over {self.carrier}"


def kill_the_playbook(site, _place):
    controller = site.rack.controller
    found = controller.run(["pgrep", "-f", f"ansible-playbook -i {site.directory}"], check=False).stdout.split()
    for pid in found:
        controller.run(["kill", f"-{signal.SIGKILL.value}", pid], check=False)


def cut_the_cable(site, place):
    site.rack.router.cut_cable("em1")
    (place / "go").touch()


def kill_the_agent(site, place):
    # The PHP that serves requests, in a session, behind the web server or in the background of both, and not the watch
    # of a checkpoint.
    agent = "^(/usr/bin/)?php.* -d display_errors=0( /tmp/pfrack-run-.*)?$"
    done = site.rack.router.run(f"pkill -9 -f '{agent}|^php-fpm: pool'", check=False)
    # After a request was sent the agent may be gone already, and behind a web server it lives for a request.
    assert done.returncode == 0 or not (place / "point").read_text().endswith("before ssh"), (
        "there was no agent to kill"
    )
    (place / "go").touch()


def fill_the_disk(site, place):
    for disk in ("/cf", "/tftpboot"):
        site.rack.router.fill_disk(disk)
    (place / "go").touch()


def let_daemons_refuse(site, place, daemons=DAEMONS):
    newest = [*site.nodes()][-1]
    for daemon in daemons:
        path = f"/usr/local/sbin/{daemon}"
        refusing = REFUSING.replace("NODE", newest)
        site.rack.router.run(f"mv {path} {path}.real; cat > {path}; chmod 755 {path}", input=refusing)
    (place / "go").touch()


def heal(router):
    for disk in ("/cf", "/tftpboot"):
        router.free_disk(disk)
    router.plug_cable("em1")
    router.run("for real in /usr/local/sbin/*.real; do [ -e $real ] && mv $real ${real%.real}; done; true")


FAULTS = {
    "kill the playbook": kill_the_playbook,
    "cut the cable": cut_the_cable,
    "kill the agent": kill_the_agent,
    "fill the disk": fill_the_disk,
    "a daemon refuses": let_daemons_refuse,
}


class Breaker:
    """Breaks runs on one rack, one after the other. `directory` is its own; end() when there are no more.

    like: another one, whose states are compared with those of this one.
    """

    def __init__(self, rack, directory, like=None):
        self.like = like
        self.rack = rack
        self.directory = directory
        self.number = 0
        self.vendor = None
        self.install = {}

    def end(self):
        if self.vendor:
            self.vendor.stop()

    def fresh(self, profile, carrier):
        """An inventory whose next site.yml is the one to be broken, and the router that it will find."""
        self.rack.reset()
        router = self.rack.router
        give_up_port_80(router)
        if carrier == "rest":
            install_rest(router)
        router.run("for name in haproxy tftpd; do /usr/local/sbin/pfSense-upgrade -y -i pfSense-pkg-$name; done")
        self.number += 1
        self.place = self.directory / str(self.number)
        (self.place / "inventory").mkdir(parents=True)
        site = Site(self.rack, self.place / "inventory")
        site.router_vars = {"ansible_pfsense_keepalive_interval": 1, "ansible_connect_timeout": 10}
        if profile == "change":
            site.settings |= self.releases() | {"cluster_install": True, "tftp_server_files": ""}
            site.settings["boot_artifacts_version"] = "1.2.3"
            # Every rack has a key of its own, and all of them are compared.
            site.settings["node_config_ssh_authorized_keys"] = ["ssh-ed25519 AAAA somebody"]
            site.play("-e", f"lab_carrier={carrier}").ok()
            site.settings |= {"boot_artifacts_version": "1.2.4", "boot_artifacts_port": 8081}
            del site.nodes()["node3"]
            site.nodes()["node4"] = {"mac_address": "52:54:00:10:00:04"}
        return site

    def releases(self):
        """Settings for two releases of a vendor, which is set up once."""
        if not self.vendor:
            self.directory.mkdir(parents=True, exist_ok=True)
            like = self.like.vendor if self.like else None
            signer = like.signer if like else small_vendor.Signer(self.directory / "signer")
            self.vendor = Vendor(self.rack, self.directory, signer)
            if like:
                shutil.copytree(like.directory, self.vendor.directory, dirs_exist_ok=True)
            else:
                self.vendor.release("1.2.3")
                self.vendor.release("1.2.4")
            self.install = self.vendor.settings(self.directory)
        return self.install

    def start(self, site, carrier, point=""):
        if point:
            (self.place / "point").write_text(point)
        hook = {"PYTHONPATH": str(ROOT / "tests" / "faults" / "hook"), "PFRACK_FAULT_DIR": str(self.place)}
        return site.start("-e", f"lab_carrier={carrier}", environment=hook)

    def calibrate(self, profile, carrier):
        """(names of the requests of a run that nobody disturbs, the state after it)."""
        site = self.fresh(profile, carrier)
        process = self.start(site, carrier)
        output, _rest = process.communicate(timeout=300)
        Outcome(process.returncode, output).ok()
        return (self.place / "log").read_text().split(), whole(self.rack.router)

    def hit(self, point, new, again=True):
        """Break one run; returns what is wrong afterwards, or '', or NOT_REACHED. new: the state that a run brings.
        again: let a second run converge even when the router is as it was, which is what each run starts from."""
        site = self.fresh(point.profile, point.carrier)
        site.settings["checkpoint_timeout"] = TIMEOUT
        router = self.rack.router
        old = whole(router)
        process = self.start(site, point.carrier, f"{point.number} {point.when} {point.carrier}")
        reached = self.place / "reached"
        try:
            wait_for(lambda: reached.exists() or process.poll() is not None, "the point", 180)
            if not reached.exists():
                # Over XML-RPC the number of questions after long work differs from run to run.
                output = process.stdout.read()
                return NOT_REACHED if process.returncode == 0 else f"the run ended before the point:\n{output}"
            FAULTS[point.fault](site, self.place)
            output, _rest = process.communicate(timeout=240)
            if point.fault == "cut the cable":
                router.plug_cable("em1")
            # Going back must work before somebody makes room.
            wait_for(lambda: not leftovers(router), "the end of the checkpoint", 90)
        except (AssertionError, RackError) as problem:
            return f"{problem}; left: {leftovers(router)}"
        finally:
            process.kill()
            process.wait()
            heal(router)

        state = ""

        def known():
            nonlocal state
            state = offered(whole(router))
            return state == offered(old) or shape(state) == shape(offered(new))

        try:
            wait_for(known, "HAProxy has ended its last process", 15)
        except AssertionError:
            mixture = self.directory / f"mixture-{self.number}.txt"
            mixture.write_text("\n=====\n".join([old, state, new, output]))
            return f"neither the old nor the new state, see {mixture}"
        if again or state != offered(old):
            site.settings.pop("checkpoint_timeout")
            outcome = site.play("-e", f"lab_carrier={point.carrier}")
            if outcome.returncode != 0:
                return f"the next run fails:\n{outcome.output}"
            try:
                wait_for(lambda: shape(whole(router)) == shape(new), "the next run converges", 15)
                wait_for(lambda: not remains(router), "the end of the next run", 15)
            except AssertionError as problem:
                (self.directory / f"next-{self.number}.txt").write_text(f"{new}\n=====\n{whole(router)}")
                return f"{problem}; left: {remains(router)}"
        shutil.rmtree(self.place, ignore_errors=True)
        return ""
