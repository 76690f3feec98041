# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The boot loaders by firmware: the files that belong together, and the Debian packages that have them."""

from __future__ import annotations

import re
from dataclasses import dataclass

# iPXE reads autoexec.ipxe over TFTP since then; an older one is sent to itself by DHCP, over and over.
AUTOEXEC_SINCE = 20220101


@dataclass(frozen=True)
class Loader:
    """One file. places: paths in the packages; needed: without it the firmware cannot boot."""

    name: str
    places: tuple
    needed: bool = True


_BIOS = "usr/lib/syslinux/modules/bios/"
_ARM = ("usr/lib/ipxe/arm64/ipxe.efi", "usr/lib/ipxe/ipxe-arm64.efi", "usr/lib/ipxe/arm64-efi/ipxe.efi")

LOADERS = {
    "bios": (
        Loader("pxelinux.0", ("usr/lib/PXELINUX/pxelinux.0",)),
        Loader("ldlinux.c32", (_BIOS + "ldlinux.c32",)),
        Loader("libutil.c32", (_BIOS + "libutil.c32",)),
        Loader("menu.c32", (_BIOS + "menu.c32",)),
        Loader("ipxe.lkrn", ("usr/lib/ipxe/ipxe.lkrn", "boot/ipxe.lkrn")),
        Loader("undionly.kpxe", ("usr/lib/ipxe/undionly.kpxe",), needed=False),
        Loader("lpxelinux.0", ("usr/lib/PXELINUX/lpxelinux.0",), needed=False),
        Loader("libcom32.c32", (_BIOS + "libcom32.c32",), needed=False),
        Loader("chain.c32", (_BIOS + "chain.c32",), needed=False),
        Loader("reboot.c32", (_BIOS + "reboot.c32",), needed=False),
        Loader("poweroff.c32", (_BIOS + "poweroff.c32",), needed=False),
    ),
    "uefi64": (
        Loader("ipxe.efi", ("usr/lib/ipxe/ipxe.efi", "boot/ipxe.efi")),
        Loader("snponly.efi", ("usr/lib/ipxe/snponly.efi",), needed=False),
    ),
    "uefi_arm64": (Loader("ipxe-arm64.efi", _ARM),),
}
# Packages that are built from one source; their files must not come from different versions.
TOGETHER = ("pxelinux", "syslinux-common")
PACKAGES = {"bios": ("pxelinux", "syslinux-common", "ipxe"), "uefi64": ("ipxe",), "uefi_arm64": ("ipxe",)}


def version_problems(firmwares, versions):
    """What is wrong with the versions of the packages, {package: version} of those that are installed."""
    problems = []
    pair = {name: versions[name] for name in TOGETHER if name in versions}
    if "bios" in firmwares and len(set(pair.values())) > 1:
        problems.append(
            "the packages %s are of different versions; upgrade them together"
            % " and ".join("%s %s" % item for item in pair.items())
        )
    return problems


def old_ipxe(firmwares, versions):
    """A warning when this iPXE would never find its menu on UEFI, else an empty text."""
    found = re.search(r"git-?\.?(\d{8})", versions.get("ipxe") or "")
    if found and int(found.group(1)) < AUTOEXEC_SINCE and any(name.startswith("uefi") for name in firmwares):
        return (
            "ipxe %s is too old to read autoexec.ipxe, so UEFI machines will load it over and over; take iPXE from "
            "a newer Debian (13) or from ipxe.org, and set path" % versions["ipxe"]
        )
    return ""
