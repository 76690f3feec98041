# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rack's installer has the vendors' command line, and leaves no disk that boots something unverified."""

from __future__ import annotations

import bz2
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import small_vendor

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lab"))

from node_image import disk

INSTALLER = Path(disk.__file__).with_name("files") / "flatcar-install"
IMAGE = "flatcar_production_image.bin.bz2"
MIB = 1 << 20
TABLE = f"label: gpt\nlabel-id: {disk.DISK_GUID}\n6 : start=2048, size=8192, name=OEM\n9 : size=16384, name=ROOT\n"


@pytest.fixture(scope="session")
def signer(tmp_path_factory):
    return small_vendor.Signer(tmp_path_factory.mktemp("vendor"))


@pytest.fixture(scope="session")
def image(tmp_path_factory):
    """A disk image with the partitions that the installer writes to."""
    directory = tmp_path_factory.mktemp("image")
    path = directory / "disk"
    path.write_bytes(b"")
    os.truncate(path, 16 * MIB)
    subprocess.run(["sfdisk", "--quiet", path], input=TABLE, text=True, check=True)
    for name, start, size in (("OEM", MIB, 4), ("ROOT", 5 * MIB, 8)):
        subprocess.run(["mkfs.ext4", "-q", "-L", name, directory / name, f"{size}m"], check=True)
        disk._write(path, start, directory / name)
    return path.read_bytes()


class Bench:
    """A release server, and a machine that consists of one blank disk."""

    def __init__(self, directory, signer, image):
        self.directory, self.signer, self.image = directory, signer, image
        self.root, self.log = directory / "served", directory / "log"
        self.log.touch()
        self.server = small_vendor.serve(self.root, self.log)
        self.url = "http://127.0.0.1:%d" % self.server.server_address[1]
        (directory / "key.asc").write_bytes(signer.public_key())
        (directory / "config").write_text("a configuration\n")
        (directory / "mount").mkdir()
        self.disk = self.blank("disk", 64)

    def blank(self, name, size):
        """A new disk of so many MiB; its device."""
        path = self.directory / name
        path.touch()
        os.truncate(path, size * MIB)
        return output("losetup", "--find", "--show", path)

    def release(self, version="1.2.3", family="flatcar"):
        return small_vendor.publish(self.root, self.signer, version, family, image=bz2.compress(self.image, 1))

    def run(self, *arguments, name=INSTALLER):
        """Run the installer with a network configuration of its own; what it says, and whether it succeeded."""
        there = (
            "mount -t tmpfs run /run && mkdir -p /run/systemd/network && echo '[Match]' > $1 && shift && exec \"$@\""
        )
        unit = "/run/systemd/network/50-boot.network"
        return subprocess.run(
            ["unshare", "--mount", "sh", "-c", there, "sh", unit, "bash", name, *arguments],
            cwd=self.directory, capture_output=True, text=True, check=False,
        )  # fmt: skip

    def install(self, *arguments, **options):
        done = self.run("-d", self.disk, "-k", "key.asc", *arguments, **options)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def refuse(self, *arguments, **options):
        done = self.run("-d", self.disk, "-k", "key.asc", *arguments, **options)
        assert done.returncode != 0
        return done.stderr

    def found(self, partition, path):
        """The text of a file on the installed disk."""
        device = f"{self.disk}p{partition}"
        shell = 'mount -o ro "$1" "$2" && cat "$2/$3"'
        return output("unshare", "--mount", "sh", "-c", shell, "sh", device, self.directory / "mount", path)

    def is_blank(self):
        return not Path(self.disk).read_bytes().strip(b"\0")

    def asked(self):
        return [" ".join(line.split()[:2]) for line in self.log.read_text().splitlines()]


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def bench(tmp_path, signer, image):
    bench = Bench(tmp_path, signer, image)
    thread = threading.Thread(target=bench.server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield bench
    finally:
        bench.server.shutdown()
        bench.server.server_close()
        for file in tmp_path.iterdir():
            for device in output("losetup", "--noheadings", "--output", "NAME", "--associated", file).split():
                subprocess.run(["partx", "--delete", device], check=False, capture_output=True)
                subprocess.run(["losetup", "--detach", device], check=True)


def test_current_is_a_number_first_and_everything_is_probed_before_it_is_loaded(bench):
    bench.release("1.2.3")
    assert "Success! The node OS 1.2.3 is installed" in bench.install("-b", bench.url + "/amd64-usr/", "-V", "current")
    place = f"/amd64-usr/1.2.3/{IMAGE}"
    assert bench.asked() == [
        "GET /amd64-usr/current/version.txt", f"HEAD {place}", f"HEAD {place}.sig", f"GET {place}.sig", f"GET {place}",
    ]  # fmt: skip
    assert Path(bench.disk).read_bytes()[: 16 * MIB] == bench.image
    assert output("blkid", "-p", "-s", "PTUUID", "-o", "value", bench.disk) == disk.DISK_GUID


def test_configurations_come_to_where_the_first_boot_finds_them(bench):
    bench.release()
    options = ["-b", bench.url + "/amd64-usr", "-V", "1.2.3", "-i", "config", "-c", "config", "-n", "-t", "/tmp"]
    bench.install(*options)
    assert bench.found(6, "config.ign") == "a configuration"
    assert bench.found(9, "var/lib/flatcar-install/user_data") == "a configuration"
    assert bench.found(9, "overlay/upper/etc/systemd/network/50-boot.network") == "[Match]"


def test_container_linux_has_names_of_its_own(bench):
    bench.release(family="coreos")
    name = bench.directory / "coreos-install"
    name.symlink_to(INSTALLER)
    bench.install("-b", bench.url + "/amd64-usr", "-V", "current", "-c", "config", name=name)
    assert f"GET /amd64-usr/1.2.3/{IMAGE.replace('flatcar', 'coreos')}" in bench.asked()
    assert bench.found(9, "var/lib/coreos-install/user_data") == "a configuration"


def test_an_image_of_an_oem(bench):
    directory = bench.release()
    for end in ("", ".sig"):
        (directory / (IMAGE + end)).rename(directory / (f"flatcar_production_ami_image.bin.bz2{end}"))
    bench.install("-b", bench.url + "/amd64-usr", "-V", "1.2.3", "-o", "ami")
    assert "is not there" in bench.refuse("-b", bench.url + "/amd64-usr", "-V", "1.2.3", "-o", "")


def corrupt(directory):
    data = bytearray((directory / IMAGE).read_bytes())
    data[-30] ^= 1
    (directory / IMAGE).write_bytes(data)


def truncated(directory):
    (directory / IMAGE).write_bytes((directory / IMAGE).read_bytes()[:-100])


def with_something_behind_it(directory):
    (directory / IMAGE).write_bytes((directory / IMAGE).read_bytes() + bz2.compress(b"more"))


@pytest.mark.parametrize("damage", [corrupt, truncated, with_something_behind_it])
def test_nothing_of_a_bad_image_stays_on_the_disk(bench, damage):
    damage(bench.release())
    said = bench.refuse("-b", bench.url + "/amd64-usr", "-V", "1.2.3", "-i", "config")
    assert f"nothing was installed on {bench.disk}" in said
    assert not Path(bench.disk).read_bytes()[: 8 * MIB].strip(b"\0")
    assert output("lsblk", "-nro", "TYPE", bench.disk) == "loop"


def test_what_another_key_signed_is_refused(bench, tmp_path):
    bench.release()
    (bench.directory / "key.asc").write_bytes(small_vendor.Signer(tmp_path / "stranger").public_key())
    assert "signature" in bench.refuse("-b", bench.url + "/amd64-usr", "-V", "1.2.3")
    assert not Path(bench.disk).read_bytes()[: 8 * MIB].strip(b"\0")


def test_a_release_that_is_not_complete_leaves_the_disk_alone(bench):
    directory = bench.release()
    (directory / (IMAGE + ".sig")).unlink()
    Path(bench.disk).write_bytes(b"data of somebody")
    assert f"{IMAGE}.sig is not there" in bench.refuse("-b", bench.url + "/amd64-usr", "-V", "1.2.3")
    assert "version.txt cannot be read" in bench.refuse("-b", bench.url + "/nowhere", "-V", "current")
    assert "there is no file missing" in bench.refuse("-b", bench.url + "/amd64-usr", "-i", "missing")
    assert Path(bench.disk).read_bytes().rstrip(b"\0") == b"data of somebody"


@pytest.mark.parametrize("name", ["image.bin", "image.bin.bz2"])
def test_a_local_image(bench, name):
    content = bz2.compress(bench.image, 1) if name.endswith("bz2") else bench.image
    (bench.directory / name).write_bytes(content)
    bench.install("-f", name, "-i", "config")
    assert bench.found(6, "config.ign") == "a configuration"
    assert bench.asked() == []


def test_download_only(bench):
    directory = bench.release()
    options = ["-D", "-k", "key.asc", "-b", bench.url + "/amd64-usr", "-V", "1.2.3"]
    assert bench.run(*options).returncode == 0
    assert (bench.directory / IMAGE).read_bytes() == (directory / IMAGE).read_bytes()
    corrupt(directory)
    assert bench.run(*options).returncode != 0
    assert not (bench.directory / IMAGE).exists()


def test_a_dry_run_names_the_smallest_disk_and_touches_none(bench):
    # The other disks of this machine are not loop devices, or not so small.
    devices = [bench.blank(name, size) for name, size in (("big", 513), ("right", 512), ("tiny", 511))]
    said = bench.run("-s", "-I", "7", "-y", "-C", "beta", "-B", "arm64-usr", "-V", "current-2024")
    chosen = said.stdout.split()[1]
    assert chosen not in (devices[0], devices[2])
    assert output("lsblk", "-dnbo", "SIZE", chosen) == str(512 * MIB)
    assert "VERSION: current-2024 BOARD: arm64-usr CHANNEL: beta" in said.stdout
    assert devices[1] not in bench.run("-s", "-e", "7", "-y").stdout
    assert bench.asked() == []


@pytest.mark.parametrize(("options", "words"), [([], "-d, -s or -D is missing"), (["-d", "/dev/null"], "whole disk")])
def test_what_is_no_disk(bench, options, words):
    done = bench.run(*options)
    assert done.returncode != 0 and words in done.stderr
