"""Whole machines for the rack: QEMU with a blank disk, real firmware and a network card that boots by PXE."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

from machines import RackError

EMULATOR = "qemu-system-x86_64"
FIRMWARE = {
    "bios": [],
    # Code and empty variables; the first pair is that of Debian 13, the second one of Debian 12.
    "uefi": [("/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"),
             ("/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd")],
}  # fmt: skip
BOOT_ORDERS = ("network-first", "disk-first")
MEMORY = "1024"


class Computer:
    """A QEMU machine as the supervisor sees it: same verbs as a Guest. Its disk and its UEFI variables are files."""

    def __init__(self, fabric, directory: Path, name: str, mac: str, firmware: str, disk: str, boot: str, accel: str):
        if firmware not in FIRMWARE:
            raise RackError(f"there is no machine with firmware {firmware}")
        self.fabric = fabric
        self.directory = directory
        self.name = name
        self.mac = mac
        self.firmware = firmware
        self.size = disk
        self.set_boot(boot)
        self.accel = accel
        self.pid = 0
        self.cable = ""
        self.state = directory / "computers" / name

    def fresh(self) -> None:
        self.state.mkdir(parents=True)
        self.blank_disk()

    @property
    def disk(self) -> Path:
        return self.state / "disk"

    @property
    def console(self) -> Path:
        return self.directory / f"{self.name}.console"

    def blank_disk(self) -> None:
        """A new disk, and firmware that remembers nothing."""
        if self.pid:
            raise RackError(f"{self.name} is on")
        self.disk.unlink(missing_ok=True)
        with open(self.disk, "wb") as stream:
            stream.truncate(_bytes(self.size))
        if self.firmware == "uefi":
            shutil.copyfile(uefi_files()[1], self.state / "variables")

    def set_boot(self, order: str) -> None:
        """From its next start on."""
        if order not in BOOT_ORDERS:
            raise RackError(f"{order!r} is no boot order: {' or '.join(BOOT_ORDERS)}, please")
        self.boot = order

    def launch(self) -> None:
        self.cable = self.fabric.tap()
        # Relative to the rack's directory, where the supervisor is: sockets need short paths.
        command = self.command(self.state.relative_to(self.directory))
        log = (os.POSIX_SPAWN_OPEN, 1, f"{self.name}.qemu.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        null = (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0)
        # Not subprocess: that would wait for it behind the supervisor's back.
        self.pid = os.posix_spawnp(EMULATOR, command, os.environ, setsid=True,
                                   setsigdef=[signal.SIGCHLD, signal.SIGTERM],
                                   file_actions=[null, log, (os.POSIX_SPAWN_DUP2, 1, 2)])  # fmt: skip

    def command(self, state: Path) -> list[str]:
        order = {"network-first": (2, 1), "disk-first": (1, 2)}[self.boot]
        # The fewer features a processor has, the less there is to emulate.
        processor = ["-accel", "kvm", "-cpu", "host"] if self.accel == "kvm" else ["-accel", "tcg", "-cpu", "qemu64"]
        chipset = "q35" if self.firmware == "uefi" else "pc"
        # UEFI firmware boots by PXE itself, as on real boards; a BIOS needs the card's ROM.
        rom = ",romfile=" if self.firmware == "uefi" else ""
        command = [
            EMULATOR, "-name", self.name, "-machine", f"{chipset},graphics=off", *processor,
            "-m", MEMORY, "-display", "none", "-nodefaults", "-device", "virtio-rng-pci",
            "-chardev", f"socket,id=serial,path={self.name}.serial,server=on,wait=off,logfile={self.console.name},"
            "logappend=on", "-serial", "chardev:serial",
            "-drive", f"file={state}/disk,format=raw,if=none,id=disk,cache=unsafe,discard=unmap,detect-zeroes=unmap",
            "-device", f"virtio-blk-pci,drive=disk,serial={self.name[:20]},bootindex={order[0]}",
            "-netdev", f"tap,id=lan,ifname={self.cable},script=no,downscript=no",
            "-device", f"virtio-net-pci,netdev=lan,mac={self.mac},bootindex={order[1]}{rom}",
        ]  # fmt: skip
        if self.firmware == "uefi":
            command += ["-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={uefi_files()[0]}",
                        "-drive", f"if=pflash,unit=1,format=raw,file={state}/variables"]  # fmt: skip
        return command

    def plug(self) -> None:
        self.fabric.plug({self.cable: "lan"})

    def wait(self) -> None:
        """Nothing: it takes its time, and the console tells."""

    def set_cable(self, plugged: bool, link: str) -> None:
        if not self.cable:
            raise RackError(f"{self.name} is off")
        if link not in ("", "eth0"):
            raise RackError(f"{self.name} has no interface {link}")
        self.fabric.set_cable(self.cable, plugged)

    def stop(self) -> None:
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.ended(self.pid)

    def ended(self, pid: int) -> None:
        if pid == self.pid:
            self.pid = 0
            self.fabric.remove([self.cable])
            self.cable = ""

    def destroy(self) -> None:
        self.stop()
        shutil.rmtree(self.state)
        self.console.unlink(missing_ok=True)

    def describe(self) -> dict:
        """`pid` is 0: nobody can enter this machine, whether it is on or off."""
        return {"name": self.name, "pid": 0, "on": bool(self.pid), "links": {"eth0": self.mac},
                "firmware": self.firmware, "boot": self.boot, "accelerator": self.accel,
                "console": str(self.console)}  # fmt: skip


def uefi_files() -> tuple[str, str] | None:
    """Code and variables, or nothing when the firmware is not installed."""
    return next((pair for pair in FIRMWARE["uefi"] if Path(pair[0]).exists()), None)


def _bytes(size: str) -> int:
    units = {"M": 2**20, "G": 2**30}
    if size[-1:] not in units or not size[:-1].isdigit():
        raise RackError(f"{size!r} is no size of a disk: 2G or 800M, please")
    return int(size[:-1]) * units[size[-1]]
