# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checkpoints on other releases and DHCP servers, and on two routers in one run: what one cannot take, none gets."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from checkpoint_run import VIP, Run, set_
from clients import wait_for
from fault_points import heal, let_daemons_refuse
from playbook_run import ROOT, Outcome, Site, give_up_port_80
from router_state import leftovers, sections

OTHERS = [("2.7", "isc"), ("2.8", "kea")]
MAPPING = {"mac": "52:54:00:10:00:01", "ipaddr": "10.10.0.21", "hostname": "node1", "descr": "[pfrack]"}


def prepare(router):
    give_up_port_80(router)
    router.run("for name in haproxy tftpd; do /usr/local/sbin/pfSense-upgrade -y -i pfSense-pkg-$name; done")


@pytest.mark.parametrize("rack", OTHERS, ids="-".join, indirect=True)
def test_a_lost_controller_is_undone_on_other_releases(rack, router):
    before = sections(router)
    run = Run(rack)
    run.arm(timeout=8)
    run.commit([set_("virtualip/vip", [VIP])], ["virtual_ip"])
    run.commit([set_("dhcpd/lan/staticmap", [MAPPING])], ["dhcp_server"])
    assert "10.10.0.10/" in router.run("ip -br addr").stdout
    run.line.kill()
    wait_for(lambda: not leftovers(router), "the router goes back", 60)
    assert sections(router) == before


@pytest.mark.parametrize("rack", OTHERS, ids="-".join, indirect=True)
def test_a_failed_run_is_undone_on_other_releases(rack, router, tmp_path):
    prepare(router)
    site = Site(rack, tmp_path)
    before = sections(router)
    let_daemons_refuse(site, tmp_path, daemons=("haproxy",))
    outcome = site.play()
    heal(router)
    assert outcome.returncode != 0 and "refused by the test" in outcome.output
    assert sections(router) == before and not leftovers(router)


def test_two_routers_change_together_or_not_at_all(racks, tmp_path):
    """A controller that reaches both racks: each SSH connection begins in the network of its rack."""
    both = [racks("2.8", "isc"), racks("2.7", "isc")]
    hosts = {}
    for number, rack in enumerate(both, 1):
        rack.reset()
        prepare(rack.router)
        hosts[f"router{number}"] = {
            "ansible_host": "10.10.0.1",
            "ansible_private_key_file": str(rack.key),
            "ansible_pfsense_known_hosts_files": [str(rack.known_hosts)],
            "ansible_pfsense_proxy_command": f"nsenter --target={rack.controller.pid} --net socat - TCP:10.10.0.1:22",
        }
    site = Site(both[0], tmp_path)
    inventory = site.write()
    site.hosts["all"]["children"]["routers"]["hosts"] = hosts
    (inventory / "hosts.yml").write_text(yaml.safe_dump(site.hosts, sort_keys=False))
    before = [sections(rack.router) for rack in both]

    let_daemons_refuse(Site(both[1], tmp_path), tmp_path, daemons=("haproxy",))
    outcome = play(inventory)
    heal(both[1].router)
    assert outcome.returncode != 0 and "refused by the test" in outcome.output, outcome.output
    assert [sections(rack.router) for rack in both] == before, outcome.output
    assert [leftovers(rack.router) for rack in both] == ["", ""]

    play(inventory).ok()
    assert all("10.10.0.10/" in rack.router.run("ip -br addr").stdout for rack in both)
    assert [leftovers(rack.router) for rack in both] == ["", ""]


def play(inventory):
    command = [str(Path(sys.executable).parent / "ansible-playbook"), "-i", str(inventory), str(ROOT / "site.yml")]
    variables = {
        **os.environ,
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "ANSIBLE_NOCOLOR": "1",
        "PFRACK_LAB": "",
    }
    done = subprocess.run(command, env=variables, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    return Outcome(done.returncode, done.stdout + done.stderr)
