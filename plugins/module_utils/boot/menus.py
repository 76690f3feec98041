# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Menus for PXELINUX and scripts for iPXE.

A known machine boots its disk unless its token lies on the router; it also does so when anything goes wrong before.
"""

from __future__ import annotations

from . import layout

# PXELINUX reads it as a directive; iPXE only looks whether it is there.
TOKEN = "DEFAULT install\n"
IPXE_KERNEL = "ipxe.lkrn"
PXELINUX_MENU = "menu.c32"
_RETRY_SECONDS = 10
# Words with which iPXE ends a command and begins another. Its settings, as in ${net0/mac}, cannot bring such words in.
_NEXT_COMMAND = ("||", "&&", ";")


def check_line(text):
    """Raises ValueError for a text that PXELINUX or iPXE would take for more than a text."""
    if not text.isprintable():
        raise ValueError("holds a line break or another control character; write it in one line, in quotes")
    if text.startswith("-"):
        raise ValueError("iPXE takes it for an option; begin with something else than a hyphen")
    for word in text.split():
        if word in _NEXT_COMMAND or word.startswith("#"):
            raise ValueError("iPXE ends the command at %s; leave that out" % word)


def check_word(text):
    """check_line() for what has to be one word."""
    check_line(text)
    if " " in text:
        raise ValueError(
            "holds a space; make each word an entry of its own where there can be several, or leave it out"
        )


def check_argument(text):
    """check_word() for an argument of the kernel: behind the kernel's name nothing is an option of iPXE any more."""
    check_word(text.lstrip("-"))


def pxelinux_node(node, install_id, serial=False):
    """The menu of a machine with a BIOS. Without an id there is nothing but its disk."""
    lines = ["# [pfrack] %s" % node["name"]] + _pxelinux_serial(serial) + ["PROMPT 0", "DEFAULT disk"]
    lines += _PXELINUX_DISK
    if install_id:
        lines += _pxelinux_install(layout.ipxe_menu(node["mac_address"]))
        # A missing file is passed over in silence: no token, no installation.
        lines += ["INCLUDE %s%s/token" % (layout.INSTALL, install_id)]
    return _text(lines)


def pxelinux_default(title, admit, install, timeout, serial=False):
    """The menu of machines that nobody announced; timeout: seconds. With `admit` it installs by itself."""
    chosen = "install" if admit and install else "disk"
    lines = ["# [pfrack] machines that are not in the inventory"] + _pxelinux_serial(serial)
    lines += ["UI " + PXELINUX_MENU, "PROMPT 0", "TIMEOUT %d" % (timeout * 10), "TOTALTIMEOUT %d" % (timeout * 100)]
    lines += ["ONTIMEOUT " + chosen, "MENU TITLE " + title]
    lines += _PXELINUX_DISK + ["  MENU LABEL Boot from the ^disk"]
    lines += ["  MENU DEFAULT"] if chosen == "disk" else []
    if install:
        lines += _pxelinux_install(layout.IPXE_DEFAULT) + ["  MENU LABEL ^Install this machine, if its disk is empty"]
        lines += ["  MENU DEFAULT"] if chosen == "install" else []
    return _text(lines)


def ipxe_autoexec(tftp):
    """What iPXE runs by itself: hands over to the script of this machine. tftp: address of the TFTP server."""
    return _text(
        [
            "#!ipxe",
            "# [pfrack] leads each machine to its own menu",
            # An address may be set already by the firmware, without a network device that is open.
            "dhcp || dhcp || goto disk",
            "set boot tftp://%s/pfrack/boot" % tftp,
            "chain --autofree --replace ${boot}/${mac:hexhyp}.ipxe ||",
            "chain --autofree --replace ${boot}/default.ipxe ||",
            *_IPXE_DISK,
        ]
    )


def ipxe_node(node, install_id, tftp, boot):
    """The script of a known machine. boot: {kernel, initrd, arguments}, the first two are URLs."""
    lines = ["#!ipxe", "# [pfrack] %s" % node["name"], "isset ${ip} || dhcp || goto disk"]
    if install_id:
        token = "tftp://%s/%s%s/token" % (tftp, layout.INSTALL, install_id)
        lines += ["imgfetch --name token %s || goto disk" % token, "imgfree token"]
        lines += _ipxe_install(boot, "pfrack: %s installs itself" % node["name"])
    return _text(lines + _IPXE_DISK)


def ipxe_default(title, admit, boot, timeout):
    """The script of machines that nobody announced; boot: as for ipxe_node, or None if nothing can be installed."""
    chosen = "install" if admit and boot else "disk"
    lines = ["#!ipxe", "# [pfrack] machines that are not in the inventory", "isset ${ip} || dhcp || goto disk"]
    # PXELINUX has asked already; under UEFI this is the only menu.
    lines += ["iseq ${platform} efi || goto install" if boot else "goto disk"]
    lines += ["menu %s" % title, "item --key d disk Boot from the disk"]
    if boot:
        lines += ["item --key i install Install this machine, if its disk is empty"]
    lines += ["choose --timeout %d --default %s target && goto ${target} || goto disk" % (timeout * 1000, chosen)]
    if boot:
        # Nothing on the router says whether this machine is installed, so its disk is asked first.
        lines += [":install", "iseq ${platform} efi && goto disk_efi ||", "sanboot --no-describe --drive 0x80 ||"]
        lines += ["goto blank", ":disk_efi", *_IPXE_FROM_DISK_EFI, ":blank"]
        lines += _ipxe_install(boot, "pfrack: this machine installs itself")
    return _text(lines + _IPXE_DISK)


_PXELINUX_DISK = ["LABEL disk", "  LOCALBOOT -1"]
# With success the firmware would stay where it is; after a failure it goes on with its next boot device.
_IPXE_FROM_DISK_EFI = [
    "set loader BOOTX64.EFI",
    "iseq ${buildarch} arm64 && set loader BOOTAA64.EFI ||",
    "sanboot --no-describe --drive 0 --filename \\EFI\\BOOT\\${loader} ||",
]
# Firmware that is left to itself may try all its network devices again before it comes to the disk.
_IPXE_DISK = [
    ":disk",
    "echo pfrack: booting from the disk",
    "iseq ${platform} efi || goto leave",
    *_IPXE_FROM_DISK_EFI,
    ":leave",
    "exit 1",
]


def _pxelinux_serial(serial):
    return ["SERIAL 0 115200"] if serial else []


def _pxelinux_install(script):
    return ["LABEL install", "  LINUX " + IPXE_KERNEL, "  INITRD " + script]


def _ipxe_install(boot, words):
    # UEFI needs the name of the image in the arguments, or the kernel starts without one.
    return [
        ":fetch",
        "echo " + words,
        "imgfree",
        "kernel %s initrd=initrd.img %s || goto retry" % (boot["kernel"], boot["arguments"]),
        "initrd --name initrd.img %s || goto retry" % boot["initrd"],
        "boot ||",
        ":retry",
        "echo pfrack: that did not work, trying again",
        "sleep %d" % _RETRY_SECONDS,
        "goto fetch",
    ]


def _text(lines):
    return "\n".join(lines) + "\n"
