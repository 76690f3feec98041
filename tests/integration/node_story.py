# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Blank QEMU machines that become a cluster, and what one asks them. Each start of an emulated machine takes long, so
test_nodes.py and test_cluster_nodes.py share them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import container_image
import flannel
import lab
import light_nodes
import yaml
from blank_machines import Progress, installed, page, ssh
from clients import wait_for
from node_image import image as node_image
from playbook_run import Outcome, Site, give_up_port_80

FIRMWARE = {"node1": "bios", "node2": "uefi", "node3": "bios"}
# A machine that nobody announces.
STRANGER = "stranger"
VIP = "http://10.10.0.10/"
# Seconds for one step of emulated machines, on a host that has much else to do.
PATIENCE = 1500
# An emulated processor may be busy for longer than members usually wait for each other.
PATIENT_ETCD = """
systemd:
  units:
    - name: etcd-member.service
      dropins:
        - name: 30-emulated.conf
          contents: |
            [Service]
            Environment=ETCD_HEARTBEAT_INTERVAL=500 ETCD_ELECTION_TIMEOUT=5000
"""
PLATFORM = {
    "services": [
        {
            "name": "web",
            "port": 80,
            "mode": "http",
            "check": {"type": "HTTP", "method": "GET", "path": "/health-check"},
        },
        # None of these machines has it; many a service runs on some nodes only.
        {"name": "git", "port": 2222, "mode": "tcp", "check": {"type": "Basic"}},
    ],
    "node_snippets": {"controllers": [yaml.safe_load(PATIENT_ETCD)]},
}


class Story:
    """A rack with a release server and a converged router, its inventory, and QEMU machines."""

    def __init__(self, rack: lab.Rack, directory: Path):
        self.rack = rack
        self.site = Site(rack, directory)
        self.computers: dict[str, lab.Computer] = {}
        # What a run in check mode said before there was anything, and diagnose.yml before and during the installation.
        self.predicted = ""
        node_image.ensure_image()
        self.told: list[str] = []
        self.site.settings.update(tftp_server_files="", boot_menu_timeout=2)
        reach = {"ansible_user": "core", "ansible_ssh_private_key_file": str(rack.key), "ansible_timeout": 120}
        self.cluster = self.site.hosts["all"]["children"]["cluster"]
        self.cluster["vars"] = {**light_nodes.SSH, **reach}
        del self.cluster["vars"]["ansible_become"]
        self.cluster["children"] = {
            "controllers": {"hosts": {}},
            "workers": {"hosts": {}},
        }
        self.site.settings.update(cluster_platform="rack", cluster_platforms={"rack": PLATFORM})
        # On these nodes etcd runs without a container.
        self.site.settings.update(
            cluster_etcd=True,
            # Where flanneld cannot be built, the test that needs it fails, and the others do not.
            cluster_overlay="flannel" if flannel.path().is_dir() else "none",
            etcd_inner_path="/etc/ssl/etcd",
            verify_timeout=PATIENCE,
            # flanneld looks after its rules all the time, and with iptables that takes an emulated processor seconds.
            flannel_options={"EnableNFTables": True},
            **dict.fromkeys(("etcd_timeout", "flannel_timeout", "nodes_timeout"), PATIENCE),
        )

    def announce(self, name: str, group: str) -> None:
        """Its line in the inventory."""
        self.site.nodes(group)[name] = {"mac_address": mac(name), "ipv4_address": address(name)}

    def plug_in(self, name: str, firmware: str = "bios", boot: str = "disk-first") -> Progress:
        """A blank machine, switched on."""
        self.computers[name] = self.rack.add_computer(name, mac(name), firmware, boot=boot)
        self.computers[name].start()
        return Progress(self.computers[name])

    def begin(self) -> None:
        """Ends when all machines of FIRMWARE are installed and up."""
        give_up_port_80(self.rack.router)
        self.rack.add_release_server()
        for name in FIRMWARE:
            self.announce(name, "controllers")
        self.predicted = self.site.play("--check", "--diff").ok().output
        assert not (self.site.directory / ".pfrack").exists()
        self.site.play().ok()
        self.told.append(self.diagnose("node1"))
        progress = [self.plug_in(name, firmware, "network-first") for name, firmware in FIRMWARE.items()]
        self.computers["node1"].wait_console("pfrack-install: installing to", PATIENCE)
        self.told.append(self.diagnose("node1"))
        installed(progress, PATIENCE)

    def play(self, playbook: str, *arguments: str) -> Outcome:
        """Runs a playbook that waits for emulated machines."""
        return self.site.play(*arguments, playbook=f"playbooks/{playbook}.yml", timeout=2 * PATIENCE)

    def chat(self) -> list[str]:
        """The pairs of nodes whose containers talked, as verify.yml tells them: `node1 -> node2`."""
        archive = container_image.write_archive(self.site.directory / ".pfrack" / "busybox.tar")
        image = ["-e", f"verify_image={container_image.NAME}", "-e", f"verify_image_archive={archive}"]
        return re.findall(r"(\w+ -> \w+): talked", self.play("verify", *image).ok().output)

    def run(self, name: str, command: str) -> str:
        """What a command prints on a node; waits until the node answers."""
        wait_for(lambda: ssh(self.rack, address(name), "true", check=False).returncode == 0, f"SSH of {name}", 600)
        return ssh(self.rack, address(name), command).stdout

    def answer(self, name: str, command: str) -> str:
        """What a command prints on a node, '' when it fails or the node does not answer."""
        done = ssh(self.rack, address(name), command, check=False)
        return done.stdout if done.returncode == 0 else ""

    def identity(self, name: str) -> str:
        """A reinstallation makes another one."""
        return self.run(name, "cat /etc/machine-id /etc/ssh/ssh_host_ed25519_key.pub")

    def boot_id(self, name: str) -> str:
        """A restart makes another one."""
        return self.run(name, "cat /proc/sys/kernel/random/boot_id")

    def diagnose(self, name: str) -> str:
        """The report of diagnose.yml for one machine, on one line."""
        return " ".join(self.play("diagnose", "-l", name).ok().output.split())

    def serve(self, names: set[str], seconds: float = 600) -> None:
        """Waits until requests to the virtual IP reach each of them."""
        seen: set[str] = set()

        def all_seen() -> bool:
            seen.add(page(self.rack.controller, VIP))
            return names <= seen

        wait_for(all_seen, f"{', '.join(sorted(names))} behind the virtual IP", seconds)


def mac(name: str) -> str:
    if name == STRANGER:
        return "52:54:00:77:00:01"
    return f"52:54:00:10:00:0{name[-1]}"


def address(name: str) -> str:
    return f"10.10.0.2{name[-1]}"


@contextmanager
def begun(name: str, directory: Path) -> Iterator[Story]:
    """A story in a rack of its own, which ends with it."""
    with lab.Rack(name) as rack:
        story = Story(rack, directory)
        story.begin()
        yield story
