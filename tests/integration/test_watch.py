# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""playbooks/watch.yml on the lab router: HAProxy follows leases, health, the inventory and a reboot by itself."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from api_line import trusted
from clients import dhcp_lease, line_server, wait_for, web_server
from fleet import Router, RouterLine, agent_source
from playbook_run import ROOT, Site, give_up_port_80
from watching import watching

VIP = "10.10.0.10"
MAC = "52:54:00:77:00:01"
NAME = "node-525400770001"


@pytest.fixture
def site(rack, router, tmp_path):
    """A router that serves whoever has a lease, after site.yml."""
    give_up_port_80(router)
    site = Site(rack, tmp_path)
    site.settings["cluster_admission"] = "any"
    for group in ("controllers", "workers"):
        site.nodes(group).clear()
    site.play("--tags", "packages,virtual_ip,dhcp,haproxy").ok()
    return site


@pytest.fixture
def watch(site, request):
    """The log of a running watch.yml that has begun; its parameter is the carrier, which is SSH without one."""
    if getattr(request, "param", "ssh") == "xmlrpc":
        login = trusted(site.rack)
        site.router_vars.update(
            ansible_connection="pfrack.cluster.pfsense_xmlrpc",
            ansible_user="admin",
            ansible_password=login["password"],
            ansible_httpapi_ca_path=login["ca_path"],
        )
    with watching(site) as log:
        yield log


@contextlib.contextmanager
def serving(node):
    """The node's lease, while it serves all services of the preset."""
    with web_server(node, 80), line_server(node, 2222):
        yield dhcp_lease(node)["ip"]


def page(site):
    """What a client gets through the virtual IP, or None."""
    result = site.rack.controller.run(["curl", "-sf", "-m", "2", f"http://{VIP}/"], check=False)
    return result.stdout if result.returncode == 0 else None


@pytest.mark.parametrize(
    ("rack", "watch"),
    [(("2.8", "isc"), "ssh"), (("2.8", "kea"), "xmlrpc")],
    ids=["isc-ssh", "kea-xmlrpc"],
    indirect=True,
)
def test_a_machine_that_is_plugged_in_serves_after_seconds(site, watch, node):
    with serving(node("fresh", MAC)) as address:
        # How fast it is, the benchmarks tell; here other tests may keep the machine busy.
        answer = wait_for(lambda: page(site), "an answer of the new node", 30)
        assert answer.startswith("fresh ")
        watch.wait(rf"router1 lease: {MAC} .*has {address} \(active\)")
        watch.wait(rf"router1 sync: \S+/{NAME} serves now")
    watch.wait(rf"haproxy: \S+/{NAME} \({address}\) is now down")


def test_a_machine_that_boots_slowly_is_added_when_it_answers(site, watch, node):
    machine = node("slow", MAC)
    dhcp_lease(machine)
    watch.wait(rf"{NAME} is not added yet")
    assert page(site) is None
    with web_server(machine, 80):
        watch.wait(rf"sync: \S+/{NAME} serves now")
        wait_for(lambda: page(site), "an answer of the node")


def test_the_watch_survives_a_reboot_of_the_router(site, watch, node):
    site.rack.router.stop()
    watch.wait("router: cannot work with it now", 60)
    site.rack.router.start()
    watch.wait("router: is back", 60)
    with serving(node("late", MAC)):
        watch.wait(rf"{NAME} serves now")
        wait_for(lambda: page(site), "an answer of the node")


def test_a_node_that_comes_into_the_inventory_is_followed(site, watch, node):
    machine = node("node7", "52:54:00:77:00:07")
    machine.run("ip addr add 10.10.0.57/24 dev eth0")
    with web_server(machine, 80), line_server(machine, 2222):
        site.nodes()["node7"] = {"mac_address": "52:54:00:77:00:07", "ipv4_address": "10.10.0.57"}
        site.write()
        watch.wait("inventory: was read again")
        watch.wait(r"sync: \S+/node7 serves now")
        wait_for(lambda: page(site), "an answer of the node")
        (site.directory / "hosts.yml").write_text("all: {hosts: [")
        watch.wait("inventory: cannot be read, the old one stays")
    assert watch.process.poll() is None


@pytest.fixture
def colleague(rack, site):
    """The router port of somebody else's run, which does not end by itself."""
    line = RouterLine(rack)
    yield Router(lambda op, params: line.call(op, {**params, "holder": "somebody@elsewhere"}))
    line.end()


def test_another_run_that_holds_the_router_is_waited_for(site, watch, colleague, node):
    colleague.checkpoint(600, agent_source())
    with serving(node("fresh", MAC)):
        watch.wait(r"sync: waits: somebody@elsewhere holds a checkpoint")
        refused = site.play("-e", "backend_sync_busy_timeout=0", playbook="playbooks/sync.yml")
        assert refused.returncode != 0 and "busy" in refused.output and "somebody@elsewhere holds" in refused.output
        assert page(site) is None
        colleague.confirm()
        watch.wait("sync: goes on")
        wait_for(lambda: page(site), "an answer of the node")


def test_an_admins_removal_is_put_right(site, watch, node):
    with serving(node("fresh", MAC)):
        watch.wait(rf"{NAME} serves now")
        wait_for(lambda: page(site), "an answer of the node")
        state = site.rack.router.run("echo 'show servers state' | socat - /tmp/haproxy.socket").stdout
        for backend in re.findall(rf"^\d+ (\S+) \d+ {NAME} ", state, re.M):
            command = f"set server {backend}/{NAME} state maint"
            site.rack.router.run(f"echo '{command}' | socat - /tmp/haproxy.socket")
        wait_for(lambda: page(site) is None, "maintenance")
        watch.wait(rf"haproxy: \S+/{NAME} .* is now maint")


def test_it_ends_when_it_is_told_to_and_says_what_it_did(site):
    outcome = site.play("-e", "watch_duration=2", playbook="playbooks/watch.yml").ok()
    assert "watch: ends" in outcome.output
    assert outcome.changed == 0


def test_check_mode_looks_once(site, node):
    with serving(node("fresh", MAC)):
        before = site.rack.router.run("sha256sum /cf/conf/config.xml").stdout
        assert site.play("--check", playbook="playbooks/watch.yml").ok().changed == 1
        assert site.rack.router.run("sha256sum /cf/conf/config.xml").stdout == before


def test_the_role_installs_a_unit_that_systemd_understands(tmp_path):
    playbook = tmp_path / "play.yml"
    role = {"role": "pfrack.cluster.watch", "vars": {"watch_unit_directory": str(tmp_path), "watch_start": False,
                                                     "watch_extra_arguments": ["-e", "watch_grace=120"]}}  # fmt: skip
    playbook.write_text(yaml.safe_dump([{"hosts": "localhost", "gather_facts": False, "roles": [role]}]))
    command = [Path(sys.executable).parent / "ansible-playbook", "-i", ROOT / "inventory" / "lab", playbook]
    environment = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
    unit = (tmp_path / "pfrack-watch.service").read_text()
    assert f'-i "{ROOT}/inventory/lab" pfrack.cluster.watch "-e" "watch_grace=120"\n' in unit
    verify = ["systemd-analyze", "verify", "--recursive-errors=no"]
    checked = subprocess.run([*verify, tmp_path / "pfrack-watch.service"], capture_output=True, text=True)
    assert checked.returncode == 0 and "pfrack-watch.service" not in checked.stderr, checked.stderr
    broken = tmp_path / "broken.service"
    broken.write_text(unit.replace("Type=exec", "Type=exact"))
    assert "broken.service:" in subprocess.run([*verify, broken], capture_output=True, text=True).stderr
