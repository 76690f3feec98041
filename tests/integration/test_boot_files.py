# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Boot menus on the router, with the eyes of a machine: what it may fetch, and what it takes back when it is done."""

from __future__ import annotations

import json
import re

import pytest
import yaml
from clients import dhcp_lease
from playbook_run import Site

URL = "http://10.10.0.1:8080"
MAC = "52:54:00:10:00:01"
MENU = "pxelinux.cfg/01-52-54-00-10-00-01"
RELEASE = {"version": "1.0.0", "base": f"{URL}/os", "kernel": f"{URL}/os/1.0.0/k", "initrd": f"{URL}/os/1.0.0/i"}
ROLES = ["cluster", "router_packages", "dhcp_server", "tftp_server"]


@pytest.fixture
def site(rack, tmp_path):
    rack.reset()
    site = Site(rack, tmp_path / "inventory")
    site.settings.update(
        cluster_platform="none",
        tftp_server_files="",
        boot_menu_url=URL,
        boot_menu_releases={"x86-64": RELEASE},
        node_config_ssh_authorized_keys=["ssh-ed25519 AAAA me"],
        node_config_validator="ignition-validate",
    )
    return site


@pytest.fixture
def machine(site):
    """A machine with the MAC address of node1."""
    node = site.rack.add_node("node1", MAC)
    yield node
    site.rack.remove_node("node1")


def play(site, *arguments, roles=("cluster", "node_config", "boot_menu")):
    tasks = [{"ansible.builtin.import_role": {"name": f"pfrack.cluster.{role}"}} for role in roles]
    if "tftp_server" in roles:
        tasks.append({"pfrack.cluster.pfsense_static_web": {"address": "10.10.0.1"}})
    playbook = site.directory.parent / "boot.yml"
    playbook.write_text(yaml.safe_dump([{"hosts": "routers", "gather_facts": False, "tasks": tasks}]))
    return site.play(*arguments, playbook=str(playbook))


def tftp(node, path):
    """The file, or None."""
    done = node.run(["curl", "-s", "-m", "30", f"tftp://10.10.0.1/{path}"], check=False)
    return done.stdout if done.returncode == 0 else None


def http(node, path, *options):
    return node.run(
        ["curl", "-s", "-m", "30", "-o", "/dev/null", "-w", "%{http_code}", *options, f"{URL}/{path}"], check=False
    ).stdout


def installation(node):
    """The id of the installation that the machine's menu names."""
    return re.search(r"^INCLUDE pfrack/install/([0-9a-f]{32})/token$", tftp(node, MENU), re.M).group(1)


def test_a_machine_installs_itself_once(site, machine):
    play(site, roles=ROLES).ok()
    assert play(site).ok().changed == 2
    assert dhcp_lease(machine)["ip"] == "10.10.0.20"

    one = installation(machine)
    assert tftp(machine, f"pfrack/install/{one}/token") == "DEFAULT install\n"
    script = tftp(machine, "pfrack/boot/52-54-00-10-00-01.ipxe")
    assert f"{URL}/install/{one}/live" in script and RELEASE["kernel"] in script
    live = json.loads(machine.run(["curl", "-s", f"{URL}/install/{one}/live"]).stdout)
    assert live["systemd"]["units"][0]["name"] == "pfrack-install.service"
    assert http(machine, f"install/{one}/config") == "200"
    assert play(site).ok().changed == 0

    # Only this, whole, by who knows its name.
    assert http(machine, "install/", "-X", "DELETE") == "403"
    assert http(machine, "boot/default.ipxe", "-X", "DELETE") == "403"
    assert http(machine, f"install/{one}/token", "-X", "PUT", "-d", "x") == "403"
    assert http(machine, f"install/{one}/", "-X", "DELETE") == "204"
    assert tftp(machine, f"pfrack/install/{one}/token") is None
    assert http(machine, f"install/{one}/config") == "404"

    # No run brings it back, whatever changes in the inventory.
    assert play(site).ok().changed == 0
    site.settings["node_config_units"] = [{"name": "x.service", "enabled": True}]
    site.settings["boot_menu_console"] = ["ttyS0"]
    play(site).ok()
    assert installation(machine) == one and tftp(machine, f"pfrack/install/{one}/token") is None
    assert "console=ttyS0" in tftp(machine, "pfrack/boot/52-54-00-10-00-01.ipxe")


def test_only_reprovision_brings_an_installation_back(site, machine):
    play(site, roles=ROLES).ok()
    play(site).ok()
    dhcp_lease(machine)
    one = installation(machine)
    others = site.rack.router.run("ls /tftpboot/pfrack/install").stdout.split()
    http(machine, f"install/{one}/", "-X", "DELETE")
    # As playbooks/reprovision.yml has it for -l node1.
    play(site, "-e", '{"boot_menu_reprovision": ["node1"]}').ok()
    two = installation(machine)
    assert two != one and tftp(machine, f"pfrack/install/{two}/token")
    now = site.rack.router.run("ls /tftpboot/pfrack/install").stdout.split()
    assert set(now) - set(others) == {two} and set(others) - set(now) == {one}
    assert play(site).ok().changed == 0 and installation(machine) == two


def test_check_mode_tells_and_files_of_an_admin_stay(site, machine):
    play(site, roles=ROLES).ok()
    site.rack.router.run("mkdir /tftpboot/pxelinux.cfg && echo mine > /tftpboot/pxelinux.cfg/default")
    refused = play(site)
    assert refused.returncode != 0 and "did not make" in refused.output
    assert site.rack.router.run("cat /tftpboot/pxelinux.cfg/default").stdout == "mine\n"
    site.rack.router.run("rm /tftpboot/pxelinux.cfg/default")
    assert play(site, "--check", "--diff").ok().changed == 1
    assert site.rack.router.run("ls /tftpboot/pxelinux.cfg").stdout == ""
    play(site).ok()
    dhcp_lease(machine)
    assert "ONTIMEOUT disk" in tftp(machine, "pxelinux.cfg/default")


def test_diagnose_says_where_a_machine_stands(site, machine):
    play(site, roles=ROLES).ok()
    play(site).ok()
    assert "node1: the router has not heard of it" in flat(diagnose(site))
    dhcp_lease(machine)
    assert "node1: it asked for an address" in flat(diagnose(site))
    one = installation(machine)
    http(machine, f"install/{one}/live")
    assert "node1: the live system fetched its configuration" in flat(diagnose(site))
    http(machine, f"install/{one}/at/refused-foreign-data?mac={MAC}")
    told = flat(diagnose(site))
    assert "install_wipe" in told and "node2" not in told


def diagnose(site):
    return site.play("-l", "node1", playbook="playbooks/diagnose.yml").ok().output


def flat(text):
    return re.sub(r"\s+", " ", text)


def test_reprovision_refuses_what_would_not_be_what_site_yml_does(site):
    assert "cluster_install: false: the nodes' operating system" in flat(
        site.play("-l", "node1", playbook="playbooks/reprovision.yml").output
    )
    site.router_vars["boot_menu_timeout"] = 5
    refused = site.play("-l", "node1", playbook="playbooks/reprovision.yml")
    assert refused.returncode != 0
    assert "router1: boot_menu_timeout: set for the router only; move them to" in flat(refused.output)
