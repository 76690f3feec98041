# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Blank QEMU machines of the rack install the node OS by PXE, with boot menus written by hand."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import lab
import pytest
from clients import wait_for
from node_image import image as node_image

MACHINES = {
    "bios1": {"mac": "52:54:00:00:10:01", "firmware": "bios", "address": "10.10.0.21"},
    "uefi1": {"mac": "52:54:00:00:10:02", "firmware": "uefi", "address": "10.10.0.22"},
}
RELEASES = f"http://{lab.release_server.ADDRESS}"
VERSION = f"{RELEASES}/{node_image.BOARD}/{node_image.VERSION}"
# Two machines on two emulated processors, with everything else that a test machine does.
PATIENCE = 600

ROUTER = """
require_once('config.inc'); require_once('functions.inc'); require_once('pkg-utils.inc');
$wanted = json_decode(base64_decode('%s'), true);
foreach ($wanted as $path => $value) { config_set_path($path, $value); }
write_config('network boot');
require_once('tftpd.inc'); sync_package_tftpd();
function_exists('dhcp_apply_changes') ? dhcp_apply_changes() : services_dhcpd_configure();
"""

INSTALL = """#!/bin/sh
# What install-config.ign runs in the live system.
exec > /dev/console 2>&1
flatcar-install -d /dev/disk/by-id/virtio-$1 -b {base} -V current -i /opt/node.ign || {{ echo INSTALL FAILED; exit 1; }}
echo INSTALLED
systemctl reboot
"""

PXELINUX = """DEFAULT install
LABEL install
  KERNEL {version}/{kernel}
  INITRD {version}/{live}
  APPEND flatcar.first_boot=1 ignition.config.url={releases}/nodes/install-{name}.ign console=ttyS0
  SYSAPPEND 2
"""

IPXE = """#!ipxe
dhcp
set config {releases}/nodes/install-{name}.ign
kernel {version}/{kernel} initrd=live flatcar.first_boot=1 ignition.config.url=${{config}} console=ttyS0
initrd --name live {version}/{live}
boot
"""


def data_url(text: str) -> str:
    return "data:;base64," + base64.b64encode(text.encode()).decode()


def ignition(files: dict[str, tuple[int, str]], **more: object) -> str:
    """A configuration with these files: path -> (mode, content)."""
    entries = [
        {"path": path, "mode": mode, "overwrite": True, "contents": {"source": data_url(text)}}
        for path, (mode, text) in files.items()
    ]
    return json.dumps({"ignition": {"version": "3.3.0"}, "storage": {"files": entries}, **more})


def node_ignition(name: str, key: str) -> str:
    return ignition(
        {"/etc/hostname": (0o644, f"{name}\n")},
        passwd={"users": [{"name": "core", "sshAuthorizedKeys": [key]}]},
    )


def install_ignition(name: str, node: str, base: str) -> str:
    unit = (
        "[Unit]\nWants=network-online.target\nAfter=network-online.target\n"
        f"[Service]\nType=oneshot\nExecStart=/opt/install {name}\n[Install]\nWantedBy=multi-user.target\n"
    )
    return ignition(
        {"/opt/install": (0o755, INSTALL.format(base=base)), "/opt/node.ign": (0o600, node)},
        systemd={"units": [{"name": "install.service", "enabled": True, "contents": unit}]},
    )


def prepare_router(rack: lab.Rack) -> None:
    """DHCP with fixed addresses and boot files, TFTP with boot loaders."""
    rack.router.run(["pfSense-upgrade", "-y", "-i", "pfSense-pkg-tftpd"])
    mappings = [
        {"mac": machine["mac"], "ipaddr": machine["address"], "hostname": name} for name, machine in MACHINES.items()
    ]
    wanted = {
        "dhcpd/lan/enable": "",
        "dhcpd/lan/netboot": "",
        "dhcpd/lan/nextserver": lab.ROUTER,
        "dhcpd/lan/filename": "lpxelinux.0",
        "dhcpd/lan/filename64": "snponly.efi",
        "dhcpd/lan/staticmap": mappings,
        "installedpackages/tftpd/config": [{"enable": "on", "tftpd_ip": lab.ROUTER}],
    }
    rack.router.php(ROUTER % base64.b64encode(json.dumps(wanted).encode()).decode())
    for loader in (node_image.ensure_image() / "loaders").iterdir():
        rack.router.run(["sh", "-c", f"base64 -d > /tftpboot/{loader.name}"],
                        input=base64.b64encode(loader.read_bytes()).decode())  # fmt: skip


def publish(rack: lab.Rack, name: str, base: str = f"{RELEASES}/{node_image.BOARD}") -> None:
    """The menu and the configurations of one machine."""
    key = (rack.directory / "id_ed25519.pub").read_text().strip()
    directory = rack.directory / "releases/files/nodes"
    directory.mkdir(exist_ok=True)
    (directory / f"install-{name}.ign").write_text(install_ignition(name, node_ignition(name, key), base))
    machine = MACHINES[name]
    values = {"version": VERSION, "kernel": node_image.KERNEL, "live": node_image.LIVE, "releases": RELEASES}
    if machine["firmware"] == "bios":
        path, menu = f"pxelinux.cfg/01-{machine['mac'].replace(':', '-')}", PXELINUX.format(**values, name=name)
    else:
        path, menu = "autoexec.ipxe", IPXE.format(**values, name=name)
    rack.router.run(["sh", "-c", f"mkdir -p /tftpboot/pxelinux.cfg && cat > /tftpboot/{path}"], input=menu)


def ssh(rack: lab.Rack, name: str, command: str, check: bool = True) -> subprocess.CompletedProcess:
    address = MACHINES[name]["address"]
    return rack.controller.run(
        ["ssh", "-i", str(rack.key), "-o", f"UserKnownHostsFile={rack.directory}/nodes_known_hosts", "-o",
         "StrictHostKeyChecking=accept-new", "-o", "BatchMode=yes", "-o", "ConnectTimeout=20", f"core@{address}",
         command], check=check,
    )  # fmt: skip


def answers(rack: lab.Rack, name: str) -> bool:
    return ssh(rack, name, "true", check=False).returncode == 0


@pytest.fixture(scope="module")
def site(rack: lab.Rack) -> Iterator[lab.Rack]:
    """The default rack with a release server, and a router that hands out boot files."""
    rack.reset()
    rack.add_release_server()
    prepare_router(rack)
    yield rack
    rack.remove_node(lab.release_server.NAME)
    shutil.rmtree(rack.directory / lab.release_server.NAME)


@pytest.fixture(scope="module")
def nodes(site: lab.Rack) -> Iterator[dict[str, lab.Computer]]:
    """Both machines, after they installed themselves at the same time."""
    computers = {}
    for name, machine in MACHINES.items():
        publish(site, name)
        computers[name] = site.add_computer(name, machine["mac"], machine["firmware"], boot="disk-first")
    try:
        for computer in computers.values():
            computer.start()
        for name, computer in computers.items():
            installed = computer.wait_console("INSTALLED", PATIENCE)
            started = computer.wait_console("Ignition is done", PATIENCE, after=installed)
            computer.wait_console(f"{name} login:", PATIENCE, after=started)
        yield computers
    finally:
        for name in computers:
            site.remove_node(name)


@pytest.mark.parametrize("name", MACHINES)
def test_a_blank_machine_installs_itself(site: lab.Rack, nodes: dict[str, lab.Computer], name: str) -> None:
    wait_for(lambda: answers(site, name), f"{name} answers on SSH", PATIENCE)
    assert ssh(site, name, "hostname").stdout == f"{name}\n"
    firmware = "uefi" if ssh(site, name, "test -d /sys/firmware/efi", check=False).returncode == 0 else "bios"
    assert firmware == MACHINES[name]["firmware"]
    assert "ID=flatcar\n" in ssh(site, name, "cat /etc/os-release").stdout
    # The whole disk is in use, Ignition does not run again, and its configuration is for root only.
    assert int(ssh(site, name, "df --output=size -m / | tail -n 1").stdout) > 1500
    assert ssh(site, name, "sudo test -e /boot/flatcar/first_boot", check=False).returncode == 1
    assert ssh(site, name, "cat /oem/config.ign", check=False).returncode != 0
    assert ssh(site, name, "systemctl --failed --no-legend").stdout == ""


def test_an_installed_machine_survives_a_reset(site: lab.Rack, nodes: dict[str, lab.Computer]) -> None:
    """The other node shares the network; this one is enough."""
    computer = nodes["bios1"]
    before = ssh(site, "bios1", "cat /etc/machine-id /etc/ssh/ssh_host_ed25519_key.pub").stdout
    said = computer.console.stat().st_size
    computer.reset()
    computer.wait_console("bios1 login:", PATIENCE, after=said)
    assert b"Ignition starts" not in Path(computer.console).read_bytes()[said:]
    wait_for(lambda: answers(site, "bios1"), "bios1 answers on SSH", PATIENCE)
    assert ssh(site, "bios1", "cat /etc/machine-id /etc/ssh/ssh_host_ed25519_key.pub").stdout == before
