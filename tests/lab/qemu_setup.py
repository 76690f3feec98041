"""What a host needs for the rack's QEMU machines, and how fast they can be."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import debian_root
from node_image import image as node_image
from qemu import EMULATOR, uefi_files


def ensure_emulator() -> None:
    """Install QEMU and its firmware when they are missing; raises CalledProcessError when apt cannot."""
    missing = [] if shutil.which(EMULATOR) else ["qemu-system-x86"]
    if not uefi_files():
        missing.append("ovmf")
    if not Path("/usr/lib/ipxe/qemu/pxe-virtio.rom").exists():
        missing.append("ipxe-qemu")
    debian_root.install_packages(missing)


def accelerator() -> str:
    """`kvm` when a kernel really starts with it, else `tcg`. Some hosts have a /dev/kvm that plain kernels hang on."""
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return "tcg"
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    known = debian_root.cache_directory() / "accelerator"
    if known.exists() and known.read_text().split()[0] == boot:
        return known.read_text().split()[1]
    found = "kvm" if _kernel_starts() else "tcg"
    known.write_text(f"{boot} {found}\n")
    return found


def _kernel_starts(seconds: float = 5) -> bool:
    kernel = node_image.ensure_image() / "release" / node_image.KERNEL
    with tempfile.TemporaryDirectory() as directory:
        log = Path(directory, "log")
        log.touch()
        command = [EMULATOR, "-accel", "kvm", "-cpu", "host", "-m", "256", "-display", "none", "-nodefaults",
                   "-no-reboot", "-serial", f"file:{log}", "-kernel", str(kernel),
                   "-append", "console=ttyS0 earlyprintk=serial panic=-1"]  # fmt: skip
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline:
                if "Linux version" in log.read_text(errors="replace"):
                    return True
                if process.poll() is not None:
                    return False
                time.sleep(0.05)
            return False
        finally:
            process.kill()
            process.wait()
