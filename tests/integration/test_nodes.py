# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Blank QEMU machines of the rack, from power-on until they serve, with nothing but site.yml.

The tests tell one story with one pair of machines, in the order of this file: each start of an emulated machine takes
long.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field

import lab
import pytest
from blank_machines import Progress, installed, page, ssh
from clients import wait_for
from node_image import image as node_image
from playbook_run import Site, give_up_port_80

FIRMWARE = {"node1": "bios", "node2": "uefi"}
ADDRESSES = {"node1": "10.10.0.21", "node2": "10.10.0.22"}
STRANGER, STRANGER_MAC = "stranger", "52:54:00:77:00:01"
VIP = "http://10.10.0.10/"
IMAGE = f"/tftpboot/pfrack/os/flatcar/stable/{node_image.BOARD}/{node_image.VERSION}/{node_image.DISK}"
# Seconds for one step of emulated machines, on a host that has much else to do.
PATIENCE = 1200


@dataclass
class Story:
    """What the tests of this file share."""

    site: Site
    computers: dict[str, lab.Computer] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    predicted: str = ""

    @property
    def rack(self) -> lab.Rack:
        return self.site.rack

    def run(self, name: str, command: str) -> str:
        """What a command prints on a node; waits until the node answers."""
        wait_for(lambda: ssh(self.rack, ADDRESSES[name], "true", check=False).returncode == 0, f"SSH of {name}", 300)
        return ssh(self.rack, ADDRESSES[name], command).stdout

    def identity(self, name: str) -> str:
        """A reinstallation makes another one."""
        return self.run(name, "cat /etc/machine-id /etc/ssh/ssh_host_ed25519_key.pub")

    def diagnose(self, name: str) -> str:
        """The report of diagnose.yml for one machine, on one line."""
        output = self.site.play("-l", name, playbook="playbooks/diagnose.yml").ok().output
        return " ".join(output.split())

    def serve(self, names: set[str], seconds: float = 300) -> None:
        """Waits until requests to the virtual IP reach each of them."""
        seen: set[str] = set()

        def all_seen() -> bool:
            seen.add(page(self.rack.controller, VIP))
            return names <= seen

        wait_for(all_seen, f"{', '.join(sorted(names))} behind the virtual IP", seconds)


@pytest.fixture(scope="module")
def story(rack: lab.Rack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """The default rack with a release server, a converged router, and two machines that installed themselves."""
    rack.reset()
    give_up_port_80(rack.router)
    rack.add_release_server()
    site = Site(rack, tmp_path_factory.mktemp("inventory"))
    site.settings.update(tftp_server_files="", boot_menu_timeout=2)
    site.hosts["all"]["children"]["cluster"]["children"] = {
        "controllers": {"hosts": {"node1": {"mac_address": "52:54:00:10:00:01", "ipv4_address": ADDRESSES["node1"]}}},
        "workers": {"hosts": {"node2": {"mac_address": "52:54:00:10:00:02", "ipv4_address": ADDRESSES["node2"]}}},
    }
    story = Story(site)
    try:
        story.predicted = site.play("--check", "--diff").ok().output
        assert not (site.directory / ".pfrack").exists()
        site.play().ok()
        story.told.append(story.diagnose("node1"))
        for name, firmware in FIRMWARE.items():
            mac = site.nodes("controllers" if name == "node1" else "workers")[name]["mac_address"]
            story.computers[name] = rack.add_computer(name, mac, firmware, boot="network-first")
            story.computers[name].start()
        story.computers["node1"].wait_console("pfrack-install: installing to", PATIENCE)
        story.told.append(story.diagnose("node1"))
        installed([Progress(computer) for computer in story.computers.values()], PATIENCE)
        yield story
    finally:
        for name in {*story.computers, lab.release_server.NAME} & set(rack.status()["machines"]):
            rack.remove_node(name)
        shutil.rmtree(rack.directory / lab.release_server.NAME)


@pytest.mark.parametrize("name", FIRMWARE)
def test_a_blank_machine_becomes_a_node(story: Story, name: str) -> None:
    assert story.run(name, "uname -n") == f"{name}\n"
    assert story.run(name, "test -d /sys/firmware/efi && echo uefi || echo bios") == f"{FIRMWARE[name]}\n"
    # The whole disk is in use, Ignition does not run again, and its configuration is for root only.
    assert int(story.run(name, "df --output=size -m / | tail -n 1")) > 1500
    assert story.run(name, "sudo test -e /boot/flatcar/first_boot || echo gone") == "gone\n"
    assert story.run(name, "cat /oem/config.ign 2> /dev/null || echo denied") == "denied\n"
    # Nothing of the installation is left on the router.
    assert "installs itself" in story.rack.router.run("cat /tftpboot/pfrack/boot/52-54-00-10-00-01.ipxe").stdout
    assert story.rack.router.run("find /tftpboot/pfrack/install -type f").stdout == ""


def test_the_nodes_serve_behind_the_virtual_ip_and_a_second_run_changes_nothing(story: Story) -> None:
    story.serve({"node1", "node2"})
    assert story.site.play().ok().changed == 0


def test_check_mode_on_a_controller_that_has_nothing_yet_told_what_is_fetched(story: Story) -> None:
    assert f"+flatcar/stable/{node_image.BOARD}/{node_image.VERSION}/{node_image.DISK}" in story.predicted
    assert "+pxelinux.cfg/01-52-54-00-10-00-01: |" in story.predicted


def test_diagnose_told_where_the_machine_was(story: Story) -> None:
    before, during = story.told
    assert "node1: the router has not heard of it" in before
    assert re.search("node1: (the installer started|the installer chose a disk|it fetched the image)", during)
    assert "node1: it answers; nothing is missing" in story.diagnose("node1")


def test_with_the_controller_away_machines_that_boot_from_the_network_are_not_reinstalled(story: Story) -> None:
    """Both have the network first in their boot order, and are reset."""
    before = {name: story.identity(name) for name in FIRMWARE}
    said = {name: computer.console.stat().st_size for name, computer in story.computers.items()}
    story.rack.controller.cut_cable()
    try:
        for computer in story.computers.values():
            computer.reset()
        for name, computer in story.computers.items():
            computer.wait_console(f"{name} login:", PATIENCE, after=said[name])
    finally:
        story.rack.controller.plug_cable()
    for name, computer in story.computers.items():
        console = computer.console.read_bytes()[said[name] :]
        assert b"Open Source Network Boot Firmware" in console, "it went over the network"
        assert b"node: live system" not in console and b"Ignition starts" not in console
        assert story.identity(name) == before[name]
    story.serve({"node1", "node2"})


def test_reprovision_installs_one_node_again_and_a_damaged_image_is_refused(story: Story) -> None:
    """And a machine that nobody announced comes along at the same time."""
    before = {name: story.identity(name) for name in FIRMWARE}
    start_of_node2 = story.run("node2", "cat /proc/sys/kernel/random/boot_id")
    story.site.settings["cluster_admission"] = "any"
    story.site.play().ok()
    story.computers[STRANGER] = story.rack.add_computer(STRANGER, STRANGER_MAC, "bios", boot="disk-first")
    story.site.play("-l", "node1", playbook="playbooks/reprovision.yml").ok()
    router = story.rack.router
    intact = router.run(["sha256sum", IMAGE]).stdout
    router.run(f"printf damaged | dd of={IMAGE} bs=1 seek=500000 conv=notrunc 2> /dev/null")

    node = story.computers["node1"]
    said = node.console.stat().st_size
    node.reset()
    node.wait_console("could not be installed", PATIENCE, after=said)
    assert "node1: the installer gave up: failed-image; the image was refused" in story.diagnose("node1")

    # The next run repairs the image, and the installer tries again by itself.
    story.site.play().ok()
    assert router.run(["sha256sum", IMAGE]).stdout == intact
    story.computers[STRANGER].start()
    installed([Progress(node, said)], PATIENCE)
    assert story.identity("node1") != before["node1"]
    assert story.identity("node2") == before["node2"]
    assert story.run("node2", "cat /proc/sys/kernel/random/boot_id") == start_of_node2
    story.serve({"node1", "node2"})


def test_a_machine_that_nobody_announced_installs_itself_and_serves(story: Story) -> None:
    computer = story.computers[STRANGER]
    installed([Progress(computer)], PATIENCE)
    lease = story.rack.router.run("grep -B12 -i '52:54:00:77:00:01' /var/dhcpd/var/db/dhcpd.leases").stdout
    address = [line.split()[1] for line in lease.splitlines() if line.startswith("lease ")][-1]
    wait_for(lambda: page(story.rack.controller, f"http://{address}/"), "it serves", 300)
    story.site.play(playbook="playbooks/sync.yml").ok()
    own = page(story.rack.controller, f"http://{address}/")
    assert own not in FIRMWARE
    story.serve({"node1", "node2", own})
