"""The disk image of the node OS: GPT with the vendors' partition names, started by GRUB on BIOS and UEFI."""

from __future__ import annotations

import shutil
import struct
import subprocess
import sys
from pathlib import Path

SECTOR = 512
MIB = 1024 * 1024
BIOS_START = 1 * MIB
ESP_START, ESP_SIZE = 2 * MIB, 48 * MIB
OEM_SIZE, ROOT_SIZE = 16 * MIB, 64 * MIB
# As the vendor's image has it; the first boot of a node gives its disk an identity of its own.
DISK_GUID = "00000000-0000-0000-0000-000000000001"
# Flatcar's own partition type for its root is one that its tools resize; ours is plain Linux.
LINUX = "0FC63DAF-8483-4772-8E79-3D69D8477DE4"
TYPES = {"EFI-SYSTEM": "C12A7328-F81F-11D2-BA4B-00A0C93EC93B", "BIOS-BOOT": "21686148-6449-6E6F-744E-656564454649"}
EARLY = "search --no-floppy --set=root --file /flatcar/vmlinuz-a\nconfigfile ($root)/flatcar/grub.cfg\n"
MODULES = ["part_gpt", "fat", "search", "search_fs_file", "configfile", "normal", "linux", "test", "echo", "boot",
           "serial", "terminal"]  # fmt: skip
# The memory segment that GRUB's first stage loads the rest to.
GRUB_SEGMENT = 0x820


def build(work: Path, target: Path, kernel: Path, initrd: Path, squashfs: Path, grub_cfg: Path) -> None:
    """Write the image to `target`, compressed with bzip2."""
    image = work / "disk"
    usr_start = ESP_START + ESP_SIZE
    usr_size = _whole(squashfs.stat().st_size)
    oem_start = usr_start + usr_size
    root_start = oem_start + OEM_SIZE
    # The last MiB is for the second copy of the partition table.
    with open(image, "wb") as stream:
        stream.truncate(root_start + ROOT_SIZE + MIB)
    partitions = [
        (1, "EFI-SYSTEM", ESP_START, ESP_SIZE),
        (2, "BIOS-BOOT", BIOS_START, MIB),
        (3, "USR-A", usr_start, usr_size),
        (6, "OEM", oem_start, OEM_SIZE),
        (9, "ROOT", root_start, ROOT_SIZE),
    ]
    table = ["label: gpt", f"label-id: {DISK_GUID}"]
    for number, name, start, size in partitions:
        kind = TYPES.get(name, LINUX)
        table.append(f'{number} : start={start // SECTOR}, size={size // SECTOR}, type={kind}, name="{name}"')
    _run("sfdisk", "--quiet", image, input="\n".join(table) + "\n")
    _write(image, ESP_START, _esp(work, kernel, initrd, grub_cfg))
    _write(image, usr_start, squashfs)
    for name, start, size in (("OEM", oem_start, OEM_SIZE), ("ROOT", root_start, ROOT_SIZE)):
        file = work / name
        _run("mkfs.ext4", "-q", "-L", name, "-b", "4096", "-i", "16384", "-J", "size=4", "-E",
             "lazy_itable_init=0,lazy_journal_init=0", file, f"{size // 1024}k")  # fmt: skip
        _write(image, start, file)
    _bios_boot(work, image)
    with open(target, "wb") as stream:
        # Small blocks: they fit into a cache when they are unpacked.
        subprocess.run(["bzip2", "-1", "--stdout", str(image)], stdout=stream, check=True)
    image.unlink()


def _whole(size: int) -> int:
    return -(-size // MIB) * MIB


def _run(*command: object, **options) -> None:
    options = {"text": True, "stdout": sys.stderr, **options}
    if "input" not in options:
        options["stdin"] = subprocess.DEVNULL
    subprocess.run([str(word) for word in command], check=True, **options)


def _write(image: Path, offset: int, part: Path) -> None:
    """Copy the file into the image at the offset; holes stay holes."""
    with open(part, "rb") as source, open(image, "r+b") as stream:
        stream.seek(offset)
        while piece := source.read(MIB):
            if piece.strip(b"\0"):
                stream.write(piece)
            else:
                stream.seek(len(piece), 1)


def _grub(work: Path, kind: str, prefix: str, output: Path, *modules: str) -> None:
    early = work / "early.cfg"
    early.write_text(EARLY)
    _run("grub-mkimage", "-O", kind, "-p", prefix, "-c", early, "-o", output, *MODULES, *modules)


def _esp(work: Path, kernel: Path, initrd: Path, grub_cfg: Path) -> Path:
    tree = work / "esp"
    for name in ("EFI/BOOT", "flatcar"):
        (tree / name).mkdir(parents=True)
    _grub(work, "x86_64-efi", "/flatcar", tree / "EFI/BOOT/BOOTX64.EFI", "efi_gop", "all_video")
    shutil.copy(kernel, tree / "flatcar/vmlinuz-a")
    shutil.copy(initrd, tree / "flatcar/initrd-a")
    shutil.copy(grub_cfg, tree / "flatcar/grub.cfg")
    (tree / "flatcar/first_boot").write_text("")
    file = work / "esp.img"
    _run("mkfs.vfat", "-F", "32", "-n", "EFI-SYSTEM", "-C", file, ESP_SIZE // 1024)
    _run("mcopy", "-i", file, "-s", tree / "EFI", tree / "flatcar", "::/")
    return file


def _bios_boot(work: Path, image: Path) -> None:
    """What grub-install does for a BIOS: the boot sector knows where the core lies, and the core where its rest is."""
    core = work / "core.img"
    _grub(work, "i386-pc", "/flatcar", core, "biosdisk")
    sector = BIOS_START // SECTOR
    content = bytearray(core.read_bytes())
    struct.pack_into("<QHH", content, 500, sector + 1, -(-(len(content) - SECTOR) // SECTOR), GRUB_SEGMENT)
    boot = bytearray(Path("/usr/lib/grub/i386-pc/boot.img").read_bytes()[:440])
    struct.pack_into("<Q", boot, 0x5C, sector)
    with open(image, "r+b") as stream:
        stream.write(boot)
        stream.seek(BIOS_START)
        stream.write(content)
