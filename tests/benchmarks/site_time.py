#!/usr/bin/env python3
# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole runs of site.yml on the lab router: what they cost for 10, 100 and 1000 nodes, and beside what.

site_time.py [--nodes 10,100,1000] [--carriers ssh,xmlrpc,rest] [--runs 5] [--install]
             [--delay 50ms --loss 1%] [--peers DIRECTORY]

The delay is that of a round trip.

A run that changes nothing, the first one, one that adds a node, one that removes it; the floor, a play of as many tasks
that only greet the router; and with --peers (a directory with ansible_collections/pfsensible/core) the same nodes made
one item per task by pfsensible.core. Medians, with the least and the greatest in brackets.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "integration"), str(TESTS / "lab")]

import lab
import small_vendor
from api_line import install_rest
from playbook_run import Outcome, Site, give_up_port_80
from rack_vendor import Vendor

TASKS = re.compile(r"^router1\s*: ok=(\d+).*skipped=(\d+)", re.M)
KINDS = ("nothing", "first", "add", "remove", "floor")
# A configuration write, a start of the DHCP server, a start or reload of HAProxy, in the router's log.
EVENTS = {"writes": "Configuration Change", "dhcp": "Server starting service", "haproxy": "haproxy: .* exit code"}
CABLE_NODES = 10
PEER_ITEMS, PEER_POOLS, PEER_LEAST = 3, ["peer_http", "peer_tcp"], 1


class Bench:
    """One rack, and what was measured on it: {(carrier, nodes, kind): [seconds]}."""

    def __init__(self, rack: lab.Rack, directory: Path, runs: int, install: dict):
        self.rack = rack
        # Settings with which the nodes install themselves.
        self.install = install
        self.directory = directory
        self.runs = runs
        self.seconds: dict[tuple, list[float]] = {}
        self.counts: dict[tuple, dict[str, int]] = {}

    def site(self, carrier: str, nodes: int) -> Site:
        """A router in its first state with the packages, and an inventory of that many nodes."""
        self.rack.reset()
        router = self.rack.router
        give_up_port_80(router)
        router.php(
            """require_once('config.inc');
            config_set_path('interfaces/lan/subnet', '16');
            write_config('a network for all nodes');"""
        )
        for package in ("haproxy", "tftpd"):
            router.run(["/usr/local/sbin/pfSense-upgrade", "-y", "-i", f"pfSense-pkg-{package}"])
        if carrier == "rest":
            install_rest(router)
        site = Site(self.rack, self.directory / f"{carrier}-{nodes}")
        site.directory.mkdir()
        site.settings.update({"cluster_install": False, **self.install}, cluster_node_range="10.10.4.1-10.10.250.250")
        site.router_vars = {"lab_carrier": carrier}
        for group in ("controllers", "workers"):
            site.nodes(group).clear()
        for number in range(nodes):
            site.nodes()[f"node{number}"] = {"mac_address": mac(number)}
        return site

    def run(self, key: tuple, site: Site, *arguments: str, playbook: str = "site.yml") -> Outcome:
        site.write()
        log = self.directory / "requests.log"
        log.unlink(missing_ok=True)
        before = self.events()
        begin = time.monotonic()
        outcome = site.play(*arguments, playbook=playbook, timeout=7200).ok()
        self.seconds.setdefault(key, []).append(time.monotonic() - begin)
        after = self.events()
        self.counts[key] = {name: after[name] - before[name] for name in EVENTS}
        return outcome

    def events(self) -> dict[str, int]:
        command = "; ".join(f"grep -c '{words}' /var/log/system.log" for words in EVENTS.values()) + "; true"
        return dict(zip(EVENTS, map(int, self.rack.router.run(command).stdout.split())))

    def requests(self, key: tuple, site: Site) -> None:
        """Counts the requests of one more run. They are logged, so its time does not count."""
        log = self.directory / "requests.log"
        variables = {"ANSIBLE_LOG_PATH": str(log), "ANSIBLE_PERSISTENT_LOG_MESSAGES": "1"}
        os.environ.update(variables)
        try:
            self.run(("log", *key), site)
        finally:
            for name in variables:
                del os.environ[name]
        self.counts[key]["requests"] = log.read_text().count(": request: ")

    def slow(self, carrier: str, delay: float, loss: float) -> None:
        """A run that changes nothing in turn over a good cable and over a long one that loses frames."""
        print(f"{carrier}, {CABLE_NODES} nodes, a long cable …", flush=True)
        site = self.site(carrier, CABLE_NODES)
        site.play().ok()
        for _number in range(self.runs):
            self.run(("cable", carrier, "good"), site)
            self.rack.router.slow_cable("em1", delay / 2, loss)
            self.run(("cable", carrier, "slow"), site)
            self.rack.router.normal_cable("em1")

    def measure(self, carrier: str, nodes: int) -> None:
        """All kinds of runs, the steady ones in turn, so that a slow moment of the machine meets all of them."""
        print(f"{carrier}, {nodes} nodes …", flush=True)
        site = self.site(carrier, nodes)
        found = TASKS.search(self.run((carrier, nodes, "first"), site).output)
        floor = self.directory / "floor.yml"
        floor.write_text(floor_play(sum(map(int, found.groups()))))
        for _number in range(self.runs):
            self.run((carrier, nodes, "nothing"), site)
            self.run((carrier, nodes, "floor"), site, playbook=str(floor))
            site.nodes()["one-more"] = {"mac_address": mac(60_000)}
            self.run((carrier, nodes, "add"), site)
            del site.nodes()["one-more"]
            self.run((carrier, nodes, "remove"), site)
        self.requests((carrier, nodes, "nothing"), site)

    def measure_peers(self, nodes: int, peers: str) -> None:
        """The DHCP mapping and the two servers of each node, one item per task, and again when nothing is to do."""
        print(f"pfsensible.core, {nodes} nodes, {PEER_ITEMS * nodes} items …", flush=True)
        site = self.site("ssh", nodes)
        site.play().ok()
        play = self.directory / "peers.yml"
        play.write_text(peer_play(self.rack, nodes))
        path = f"{peers}:{TESTS.parent / 'build' / 'collections'}"
        os.environ["ANSIBLE_COLLECTIONS_PATH"] = path
        try:
            for kind in ("first", "nothing"):
                self.run(("peers", nodes, kind), site, playbook=str(play))
        finally:
            del os.environ["ANSIBLE_COLLECTIONS_PATH"]

    def middle(self, *key: object) -> float:
        return statistics.median(self.seconds[key])


def mac(number: int) -> str:
    return f"52:54:00:20:{number // 256:02x}:{number % 256:02x}"


def floor_play(tasks: int) -> str:
    greetings = [{"name": f"Greeting {number}", "ask_router": {}} for number in range(tasks)]
    return json.dumps([{"hosts": "routers", "gather_facts": False, "tasks": greetings}])


def peer_play(rack: lab.Rack, nodes: int) -> str:
    """The peer's modules are Python that runs on the router; addresses outside of what ours have made."""
    items = [
        {"name": f"peer{n}", "mac": mac(30_000 + n), "ip": f"10.10.{251 + n // 250}.{1 + n % 250}"}
        for n in range(nodes)
    ]
    server = {"mode": "active", "name": "{{ item.name }}", "address": "{{ item.ip }}"}
    tasks = [
        {"name": "Pools", "pfsensible.core.pfsense_haproxy_backend": {"name": "{{ item }}", "check_type": "none"},
         "loop": PEER_POOLS},
        {"name": "Mappings", "loop": items, "pfsensible.core.pfsense_dhcp_static": {
            "name": "{{ item.name }}", "netif": "lan", "macaddr": "{{ item.mac }}", "ipaddr": "{{ item.ip }}",
            "hostname": "{{ item.name }}"}},
        {"name": "HTTP", "loop": items,
         "pfsensible.core.pfsense_haproxy_backend_server": {**server, "backend": "peer_http", "port": 80}},
        {"name": "TCP", "loop": items,
         "pfsensible.core.pfsense_haproxy_backend_server": {**server, "backend": "peer_tcp", "port": 22}},
    ]  # fmt: skip
    variables = {
        "ansible_connection": "ssh",
        "ansible_user": "root",
        "ansible_python_interpreter": "/usr/bin/python3",
        "ansible_ssh_common_args": f"-o UserKnownHostsFile={rack.known_hosts} -o IdentitiesOnly=yes",
    }
    return json.dumps([{"hosts": "routers", "gather_facts": False, "vars": variables, "tasks": tasks}])


def show(values: list[float]) -> str:
    return f"{statistics.median(values):7.2f} ({min(values):.1f}–{max(values):.1f})"


def report(bench: Bench, carriers: list[str], counts: list[int]) -> None:
    for carrier in filter(None, carriers):
        print(f"\n{carrier}: seconds" + "".join(f"{kind:>22}" for kind in KINDS) + f"{'nothing/floor':>18}")
        for nodes in counts:
            row = "".join(f"{show(bench.seconds[carrier, nodes, kind]):>22}" for kind in KINDS)
            ratio = bench.middle(carrier, nodes, "nothing") / bench.middle(carrier, nodes, "floor")
            print(f"{nodes:>6} nodes  {row}{ratio:>18.2f}")
        ratio = bench.middle(carrier, counts[-1], "nothing") / bench.middle(carrier, counts[0], "nothing")
        print(f"nothing to do, {counts[-1]} nodes / {counts[0]} nodes: {ratio:.2f}")
        for nodes in counts:
            for kind in KINDS[:4]:
                print(f"{nodes:>6} nodes, {kind}: {bench.counts[carrier, nodes, kind]}")


def report_peers(bench: Bench, carrier: str, counts: list[int], measured: int) -> None:
    """Their time grows with the items, so what they need for more nodes follows from what one item takes."""
    more = PEER_ITEMS * (measured - PEER_LEAST)
    # The start of ansible-playbook is in both and not in their difference.
    unit = {
        kind: (bench.middle("peers", measured, kind) - bench.middle("peers", PEER_LEAST, kind)) / more
        for kind in ("first", "nothing")
    }
    print(f"\npfsensible.core: {unit['first']:.2f} s per item that changes, {unit['nothing']:.2f} s per unchanged one")
    for nodes in counts:
        peers = {kind: PEER_ITEMS * nodes * seconds for kind, seconds in unit.items()}
        peers["add"] = peers["nothing"] + PEER_ITEMS * unit["first"]
        words = ", ".join(
            f"{kind} {seconds / bench.middle(carrier, nodes, kind):.0f}" for kind, seconds in peers.items()
        )
        print(f"{nodes:>6} nodes: times faster than item per task: {words}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", default="10,100,1000")
    parser.add_argument("--carriers", default="ssh,xmlrpc")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--install", action="store_true", help="nodes that install themselves, from a small release")
    parser.add_argument("--delay", default="", help="measure a long cable as well")
    parser.add_argument("--loss", default="0%")
    parser.add_argument("--peers", default="", metavar="DIRECTORY")
    parser.add_argument("--peer-nodes", type=int, default=10)
    arguments = parser.parse_args()
    counts, carriers = [int(text) for text in arguments.nodes.split(",")], arguments.carriers.split(",")
    cables = [carrier for carrier in carriers if carrier] or ["ssh"]
    os.environ["ANSIBLE_ACTION_PLUGINS"] = str(Path(__file__).parent / "action_plugins")
    with ExitStack() as stack:
        rack = stack.enter_context(lab.Rack(f"benchmark-{os.getpid()}"))
        directory = stack.enter_context(tempfile.TemporaryDirectory())
        install = {}
        if arguments.install:
            vendor = Vendor(rack, Path(directory), small_vendor.Signer(Path(directory) / "signer"))
            stack.callback(vendor.stop)
            vendor.release("1.2.3")
            install = {**vendor.settings(Path(directory)), "cluster_install": True, "tftp_server_files": ""}
        bench = Bench(rack, Path(directory), arguments.runs, install)
        for carrier in filter(None, carriers):
            for nodes in counts:
                bench.measure(carrier, nodes)
        if arguments.delay:
            loss = float(arguments.loss.removesuffix("%")) / 100
            for carrier in cables:
                bench.slow(carrier, float(arguments.delay.removesuffix("ms")) / 1000, loss)
        if arguments.peers:
            for nodes in (PEER_LEAST, arguments.peer_nodes):
                bench.measure_peers(nodes, arguments.peers)
    report(bench, carriers, counts)
    if arguments.delay:
        print()
        for carrier in cables:
            good, slow = (show(bench.seconds["cable", carrier, kind]) for kind in ("good", "slow"))
            long = f"with {arguments.delay} and {arguments.loss} {slow} s"
            print(f"{carrier}, {CABLE_NODES} nodes, nothing to do: {good} s; {long}")
    if arguments.peers:
        report_peers(bench, carriers[0], counts, arguments.peer_nodes)
    return 0


if __name__ == "__main__":
    sys.exit(main())
