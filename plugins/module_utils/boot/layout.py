# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the files of the boot menus are, below the root of the TFTP server.

pxelinux.cfg/01-MAC        the menu of one machine with a BIOS; `default` for machines that nobody announced
autoexec.ipxe              what iPXE runs by itself on UEFI; leads to the next one
pfrack/boot/MAC.ipxe       the menu of one machine; `default.ipxe` for the others
pfrack/install/ID/         one installation: its token and its configurations; the machine removes it when it is done
pfrack/default/            the configurations for machines that nobody announced
pfrack/nodes/OWNER/MAC/ID  says which installation of a machine is the last that was asked for
pfrack/published/OWNER/    one empty file for each file outside these, named after its path and its SHA-256: it is ours
"""

from __future__ import annotations

import hashlib

ROOT = "/tftpboot"
AUTOEXEC = "autoexec.ipxe"
PXELINUX_DEFAULT = "pxelinux.cfg/default"
IPXE_DEFAULT = "pfrack/boot/default.ipxe"
# Everything that we may have published, and nothing else.
PLACES = (
    "pxelinux.cfg",
    AUTOEXEC,
    "pfrack/README",
    "pfrack/boot",
    "pfrack/default",
    "pfrack/install",
    "pfrack/nodes",
    "pfrack/published",
)
INSTALL = "pfrack/install/"
DEFAULT = "pfrack/default/"


def dashes(mac_address):
    """A MAC address as boot loaders write it in file names."""
    return mac_address.lower().replace(":", "-")


def pxelinux_menu(mac_address):
    return "pxelinux.cfg/01-" + dashes(mac_address)


def ipxe_menu(mac_address):
    return "pfrack/boot/%s.ipxe" % dashes(mac_address)


def node_directory(owner, mac_address=None):
    return "pfrack/nodes/%s/%s" % (owner, dashes(mac_address) + "/" if mac_address else "")


def published_directory(owner):
    return "pfrack/published/%s/" % owner


def published_name(owner, path, sha256):
    """The file that says that we published this content at this path."""
    return "%s%s=%s" % (published_directory(owner), path.replace("/", "%"), sha256)


def id_prefix(owner):
    """How the ids of one owner's installations begin, so that leftovers can be told from those of another cluster."""
    return hashlib.sha256(owner.encode()).hexdigest()[:8]


def is_install_id(text, owner):
    """Whether this is the id of an installation that was made for the owner."""
    return len(text) == 32 and not set(text) - set("0123456789abcdef") and text.startswith(id_prefix(owner))
