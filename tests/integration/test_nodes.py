# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Blank QEMU machines of the rack, from power-on until they serve, with nothing but site.yml.

The tests tell one story with the same machines, in the order of this file.
"""

from __future__ import annotations

import re

import pytest
from node_image import image as node_image
from node_story import FIRMWARE, PATIENCE, Story

# One of each firmware.
PAIR = ("node1", "node2")


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
    story.serve(set(FIRMWARE))
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
    before = {name: story.identity(name) for name in PAIR}
    computers = {name: story.computers[name] for name in PAIR}
    said = {name: computer.console.stat().st_size for name, computer in computers.items()}
    story.rack.controller.cut_cable()
    try:
        for computer in computers.values():
            computer.reset()
        for name, computer in computers.items():
            computer.wait_console(f"{name} login:", PATIENCE, after=said[name])
    finally:
        story.rack.controller.plug_cable()
    for name, computer in computers.items():
        console = computer.console.read_bytes()[said[name] :]
        assert b"Open Source Network Boot Firmware" in console, "it went over the network"
        assert b"node: live system" not in console and b"Ignition starts" not in console
        assert story.identity(name) == before[name]
    story.serve(set(FIRMWARE))
