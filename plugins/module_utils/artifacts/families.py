# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The OS families as data: where their releases lie, how the files are named, and whose key signs them."""

from __future__ import annotations

from dataclasses import dataclass, field

ARCHITECTURES = ("x86-64", "arm64")

_BOARDS = {"x86-64": "amd64-usr", "arm64": "arm64-usr"}


@dataclass(frozen=True)
class Part:
    """One file of a release.

    kind: kernel, initrd, rootfs, image or version; group: pxe (live system) or disk (image to install).
    names: the names it may have, newest first; {version} and {board} are filled in.
    signed_as: names whose detached signature also covers it, besides its own.
    """

    kind: str
    group: str
    names: tuple
    signed: bool = True
    signed_as: tuple = ()


@dataclass(frozen=True)
class Family:
    """One OS family.

    boards: architecture -> directory name; base_url: {channel} is filled in, empty when the vendor's host is gone.
    layout: path of a release's directory below the base URL. version_field: the line of version.txt that has the
    version, empty for families with stream metadata at metadata (a path below the base URL).
    fingerprints: pinned primary keys, by the leading number of the version or by "" for all versions.
    """

    name: str
    channels: tuple
    boards: dict
    base_url: str
    layout: str
    parts: tuple
    fingerprints: dict
    key_url: str = ""
    version_field: str = ""
    metadata: str = ""
    aliases: tuple = ("current",)
    notes: dict = field(default_factory=dict)


def _container_linux_parts(prefix):
    return (
        Part("kernel", "pxe", (prefix + "_pxe.vmlinuz",), signed_as=(prefix + "_image.vmlinuz",)),
        Part("initrd", "pxe", (prefix + "_pxe_image.cpio.gz",)),
        Part("image", "disk", (prefix + "_image.bin.bz2",)),
        # flatcar-install asks for it; only its version is believed, and that is compared.
        Part("version", "disk", ("version.txt",), signed=False),
    )


FLATCAR = Family(
    name="flatcar",
    channels=("stable", "beta", "alpha", "lts"),
    boards=_BOARDS,
    base_url="https://{channel}.release.flatcar-linux.net",
    layout="{board}/{version}",
    parts=_container_linux_parts("flatcar_production"),
    fingerprints={"": ("F88CFEDEFF29A5B4D9523864E25D9AED0593B34A",)},
    key_url="https://www.flatcar.org/security/image-signing-key/Flatcar_Image_Signing_Key.asc",
    version_field="FLATCAR_VERSION",
)

COREOS = Family(
    name="coreos",
    channels=("stable", "beta", "alpha"),
    boards=_BOARDS,
    base_url="",
    layout="{board}/{version}",
    parts=_container_linux_parts("coreos_production"),
    fingerprints={"": ("04127D0BFABEC8871FFB2CCE50E0885593D2DCB4",)},
    version_field="COREOS_VERSION",
    notes={
        "base_url": "CoreOS Container Linux ended in 2020 and its hosts are gone: set base_url to a mirror of yours",
        "key": "CoreOS Container Linux ended in 2020: set key to a copy of its signing key",
    },
)

FEDORA_COREOS = Family(
    name="fedora-coreos",
    channels=("stable", "testing", "next"),
    boards={"x86-64": "x86_64", "arm64": "aarch64"},
    base_url="https://builds.coreos.fedoraproject.org",
    layout="prod/streams/{channel}/builds/{version}/{board}",
    parts=(
        # The separator before the architecture changed in spring 2025.
        Part(
            "kernel",
            "pxe",
            ("fedora-coreos-{version}-live-kernel.{board}", "fedora-coreos-{version}-live-kernel-{board}"),
        ),
        Part("initrd", "pxe", ("fedora-coreos-{version}-live-initramfs.{board}.img",)),
        Part("rootfs", "pxe", ("fedora-coreos-{version}-live-rootfs.{board}.img",)),
        Part("image", "disk", ("fedora-coreos-{version}-metal.{board}.raw.xz",)),
    ),
    fingerprints={
        "43": ("C6E7F081CF80E13146676E88829B606631645531",),
        "44": ("36F612DCF27F7D1A48A835E4DBFCF71C6D9F90A6",),
        "45": ("4F50A6114CD5C6976A7F1179655A4B02F577861E",),
    },
    key_url="https://fedoraproject.org/fedora.gpg",
    metadata="streams/{channel}.json",
)

FAMILIES = {family.name: family for family in (FLATCAR, FEDORA_COREOS, COREOS)}
