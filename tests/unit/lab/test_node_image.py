"""The node OS image and its machines, as far as nothing has to be built or started."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

LAB = Path(__file__).resolve().parents[2] / "lab"
sys.path.insert(0, str(LAB))

import qemu
from machines import RackError
from node_image import disk, image


class FakeFabric:
    """Counts what is done to its one cable."""

    def __init__(self) -> None:
        self.removed: list[str] = []

    def tap(self) -> str:
        return "cable7"

    def remove(self, cables: list[str]) -> None:
        self.removed += cables


def computer(directory: Path, **settings: str) -> qemu.Computer:
    values = {"mac": "52:54:00:00:00:01", "firmware": "bios", "disk": "20M", "boot": "disk-first", "accel": "tcg"}
    return qemu.Computer(FakeFabric(), directory, "node1", **{**values, **settings})


def device(command: list[str], kind: str) -> dict[str, str]:
    """The properties of a -device."""
    text = next(word for word in command if word.startswith(f"{kind},"))
    return dict(part.split("=", 1) for part in text.split(",")[1:])


@pytest.mark.parametrize(("boot", "first"), [("disk-first", "virtio-blk-pci"), ("network-first", "virtio-net-pci")])
def test_boot_order(tmp_path: Path, boot: str, first: str) -> None:
    command = computer(tmp_path, boot=boot).command(Path("state"))
    order = {kind: device(command, kind)["bootindex"] for kind in ("virtio-blk-pci", "virtio-net-pci")}
    assert min(order, key=order.get) == first
    assert device(command, "virtio-net-pci")["mac"] == "52:54:00:00:00:01"


@pytest.mark.parametrize("settings", [{"firmware": "arm"}, {"boot": "usb"}])
def test_an_impossible_machine_is_refused(tmp_path: Path, settings: dict[str, str]) -> None:
    with pytest.raises(RackError):
        computer(tmp_path, **settings)


@pytest.mark.parametrize("size", ["2", "2T", "G", "-1G", "1.5G"])
def test_a_disk_needs_a_size(tmp_path: Path, size: str) -> None:
    with pytest.raises(RackError, match="size"):
        computer(tmp_path, disk=size).fresh()


def test_a_blank_disk_takes_no_room(tmp_path: Path) -> None:
    machine = computer(tmp_path, disk="2G")
    machine.fresh()
    assert machine.disk.stat().st_size == 2 * 2**30
    assert machine.disk.stat().st_blocks == 0
    machine.disk.write_bytes(b"an operating system")
    machine.blank_disk()
    assert not machine.disk.read_bytes()[:512].strip(b"\0")


def test_a_machine_that_is_on_keeps_its_disk(tmp_path: Path) -> None:
    machine = computer(tmp_path)
    machine.fresh()
    machine.pid = os.getpid()
    with pytest.raises(RackError, match="is on"):
        machine.blank_disk()


def test_another_recipe_is_another_image(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PFRACK_CACHE", str(tmp_path))
    monkeypatch.setattr(image, "HERE", tmp_path / "recipe")
    (tmp_path / "recipe").mkdir()
    (tmp_path / "recipe/init").write_text("one")
    first = image.path()
    assert image.path() == first
    (tmp_path / "recipe/init").write_text("two")
    assert image.path() != first


def test_parts_keep_their_place_and_holes_stay(tmp_path: Path) -> None:
    (tmp_path / "part").write_bytes(bytes(disk.MIB) + b"x")
    with open(tmp_path / "image", "wb") as stream:
        stream.truncate(8 * disk.MIB)
    disk._write(tmp_path / "image", 2 * disk.MIB, tmp_path / "part")
    content = (tmp_path / "image").read_bytes()
    assert len(content) == 8 * disk.MIB
    assert content.index(b"x") == 3 * disk.MIB
    assert (tmp_path / "image").stat().st_blocks * 512 < disk.MIB


INSTALLER = LAB / "node_image/files/flatcar-install"


@pytest.mark.parametrize("script", ["flatcar-install", "init", "udhcpc"])
def test_scripts_are_shell(script: str) -> None:
    path = INSTALLER.with_name(script)
    shell = "bash" if "bash" in path.read_text().splitlines()[0] else "sh"
    subprocess.run([shell, "-n", str(path)], check=True)
    assert path.stat().st_mode & 0o111
