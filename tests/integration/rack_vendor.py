# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A vendor's release server in the rack's internet, with small made-up releases."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import small_vendor
from clients import listening, wait_for

VENDOR = "http://198.51.100.1:8000"
LOADERS = "pxelinux.0 ldlinux.c32 libutil.c32 menu.c32 ipxe.lkrn ipxe.efi ipxe-arm64.efi"


class Vendor:
    """A release server in the rack's internet."""

    def __init__(self, rack, directory: Path, signer: small_vendor.Signer):
        self.directory = directory / "served"
        self.log = directory / "log"
        self.signer = signer
        self.key = directory / "key.asc"
        self.key.write_bytes(self.signer.public_key())
        (self.directory / "stable").mkdir(parents=True)
        self.log.touch()
        # Its network, but our files.
        self.process = subprocess.Popen(
            [
                "nsenter",
                f"--target={rack.internet.pid}",
                "--net",
                "--",
                sys.executable,
                small_vendor.__file__,
                str(self.directory),
                "198.51.100.1",
                "8000",
                str(self.log),
            ]
        )
        wait_for(lambda: listening(rack.internet, 8000), "the release server listens")

    def release(self, version, size=3000000):
        return small_vendor.publish(self.directory / "stable", self.signer, version, size=size)

    def asked(self):
        """The requests since the last time."""
        lines = self.log.read_text().splitlines()
        self.log.write_text("")
        return lines

    def settings(self, directory: Path) -> dict:
        """What an inventory says to install from here; a cache and boot loaders are made in the directory."""
        loaders = directory / "loaders"
        loaders.mkdir()
        for name in LOADERS.split():
            (loaders / name).write_text(f"{name} of one version\n")
        return {
            "boot_artifacts_base_url": VENDOR + "/{channel}",
            "boot_artifacts_key": str(self.key),
            "boot_artifacts_fingerprints": [self.signer.fingerprint],
            "boot_artifacts_cache": str(directory / "cache"),
            "boot_artifacts_loader_path": str(loaders),
        }

    def stop(self):
        self.process.kill()
        self.process.wait()
