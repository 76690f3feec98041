"""The node OS image of the virtual rack, built once from Debian packages and cached.

It stands in for Flatcar Container Linux: the vendors' file names, URL layout, partitions and command line, so that
the real thing can take its place. `release/` holds what a release server serves, `loaders/` boot loaders of the same
Debian release, `key/` the throw-away signing key.
"""

from __future__ import annotations

import hashlib
import lzma
import os
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import debian_root
import flannel

from node_image import disk

HERE = Path(__file__).resolve().parent
FILES = HERE / "files"
VERSION = "4999.1.0"
BOARD = "amd64-usr"
KERNEL = "flatcar_production_pxe.vmlinuz"
LIVE = "flatcar_production_pxe_image.cpio.gz"
DISK = "flatcar_production_image.bin.bz2"

PACKAGES = (
    "aardvark-dns busybox-static bzip2 ca-certificates crun curl dbus e2fsprogs efibootmgr etcd-client etcd-server "
    "fdisk gdisk gpg gpgv ignition iproute2 iptables iputils-ping jq kmod lbzip2 libnss-myhostname netavark nftables "
    "openssh-server passt podman podman-docker procps sudo systemd systemd-resolved systemd-sysv udev wget"
).split()
# Unpacked, not installed: a kernel's installation would build a Debian initramfs.
KERNEL_PACKAGE = "linux-image-cloud-amd64"
LOADER_PACKAGES = ["ipxe", "pxelinux", "syslinux-common"]
LOADERS = [
    "usr/lib/ipxe/ipxe.efi", "usr/lib/ipxe/snponly.efi", "usr/lib/ipxe/undionly.kpxe", "usr/lib/ipxe/ipxe.lkrn",
    "usr/lib/PXELINUX/pxelinux.0", "usr/lib/PXELINUX/lpxelinux.0",
    *(f"usr/lib/syslinux/modules/bios/{name}.c32" for name in (
        "ldlinux", "libutil", "menu", "libcom32", "vesamenu", "chain", "reboot", "poweroff", "linux")),
]  # fmt: skip
# What the initial archive loads, in this order; their dependencies come along.
MODULES = ["virtio_net", "virtio_blk", "virtio_scsi", "sd_mod", "ahci", "loop", "squashfs", "overlay", "nls_ascii",
           "nls_cp437", "vfat"]  # fmt: skip
MODULE_DIRECTORIES = ["block", "crypto", "fs", "lib", "net", "drivers/ata", "drivers/block", "drivers/md",
                      "drivers/net", "drivers/scsi", "drivers/virtio"]  # fmt: skip
# File systems and drivers that no node of a rack meets.
MODULES_LEFT_OUT = """
    fs/9p fs/afs fs/bcachefs fs/cachefiles fs/ceph fs/coda fs/dlm fs/ecryptfs fs/erofs fs/exfat fs/f2fs fs/gfs2 fs/hfs
    fs/hfsplus fs/jffs2 fs/jfs fs/lockd fs/minix fs/netfs fs/nfs fs/nfs_common fs/nfsd fs/nilfs2 fs/ntfs3 fs/ocfs2
    fs/orangefs fs/smb fs/ubifs fs/udf fs/ufs
    net/9p net/bluetooth net/ceph net/dccp net/mpls net/openvswitch net/rds net/rxrpc net/sctp net/smc net/sunrpc
    net/tipc net/vmw_vsock
    drivers/block/drbd drivers/block/rbd.ko.xz drivers/block/rnbd drivers/md/bcache drivers/md/dm-vdo
    drivers/net/ethernet/amazon drivers/net/ethernet/google drivers/net/ethernet/mellanox
    drivers/net/ethernet/microsoft drivers/net/ethernet/pensando drivers/net/hyperv drivers/net/wwan
    drivers/scsi/ipr.ko.xz drivers/scsi/libfc drivers/scsi/libsas drivers/scsi/mpi3mr drivers/scsi/scsi_debug.ko.xz
""".split()
# Nobody reads these on a node.
LEFT_OUT = ["usr/bin/etcdutl", "usr/bin/ignition-validate", "usr/lib/udev/hwdb.bin", "usr/lib/udev/hwdb.d",
            "usr/share/info", "usr/share/lintian", "usr/share/locale", "usr/share/bash-completion", "var/lib/dpkg/info",
            "var/cache/debconf", "usr/lib/dracut", "usr/libexec/podman/podman-testing",
            "usr/libexec/podman/rootlessport", "usr/lib/podman/netavark-dhcp-proxy-client",
            "usr/lib/x86_64-linux-gnu/libcrun.a", "usr/bin/sqv", "usr/include", "usr/lib/apt",
            "var/cache/apt"]  # fmt: skip
# What these look for is never there, and looking costs an emulated processor seconds.
GENERATORS = ["bless-boot", "cryptsetup", "gpt-auto", "hibernate-resume", "integritysetup", "rc-local", "ssh", "sysv",
              "tpm2", "veritysetup"]  # fmt: skip
MASKED = ["systemd-firstboot.service", "systemd-hwdb-update.service", "ldconfig.service", "modprobe@drm.service",
          "modprobe@configfs.service", "modprobe@efi_pstore.service", "systemd-networkd-persistent-storage.service",
          "sys-kernel-config.mount", "sys-kernel-debug.mount", "sys-kernel-tracing.mount", "dev-hugepages.mount",
          "dev-mqueue.mount", "kmod-static-nodes.service", "systemd-machine-id-commit.service",
          "first-boot-complete.target", "systemd-pcrmachine.service", "systemd-update-utmp.service"]  # fmt: skip

HOST_TOOLS = {
    "mksquashfs": "squashfs-tools",
    "mcopy": "mtools",
    "mkfs.vfat": "dosfstools",
    "mkfs.ext4": "e2fsprogs",
    "sfdisk": "fdisk",
    "cpio": "cpio",
    "bzip2": "bzip2",
    "gpg": "gpg",
    "gpg-agent": "gpg-agent",
    "depmod": "kmod",
    "grub-mkimage": "grub-common",
}
GRUB_PACKAGES = {"i386-pc": "grub-pc-bin", "x86_64-efi": "grub-efi-amd64-bin"}


def path() -> Path:
    """Where the image of exactly this recipe is, built or not."""
    digest = hashlib.sha256()
    for file in sorted(file for file in HERE.rglob("*") if file.is_file() and "__pycache__" not in file.parts):
        digest.update(f"{file.relative_to(HERE)} {file.stat().st_mode & 0o111}\n".encode() + file.read_bytes())
    if flannel.path().is_dir():
        digest.update(flannel.path().name.encode())
    return debian_root.cache_directory() / f"node-{digest.hexdigest()[:12]}"


def ensure_image() -> Path:
    """Build the image unless it is there.

    Where flanneld cannot be built, the image is one without it.
    """
    try:
        flannel.ensure_flannel()
    except flannel.Unbuildable as problem:
        print(f"NODES WITHOUT AN OVERLAY NETWORK: flanneld cannot be built: {problem}", file=sys.stderr, flush=True)
    image = path()
    if image.is_dir():
        return image
    debian_root.ensure_host_tools()
    missing = [package for tool, package in HOST_TOOLS.items() if not shutil.which(tool)]
    missing += [package for kind, package in GRUB_PACKAGES.items() if not Path("/usr/lib/grub", kind).is_dir()]
    debian_root.install_packages(missing)
    return debian_root.build_once(image, "node-", _build)


def _build(work: Path, lock: int) -> None:
    print("building the node OS image of the rack (once, about two minutes)", file=sys.stderr, flush=True)
    result, root = work / "result", work / "root"
    release = result / "release"
    release.mkdir(parents=True)
    _make_root(work, root, lock)
    _make_key(result / "key", work)
    kernel_version = _unpack(work, result / "loaders")
    _prepare_root(work, root, kernel_version, result / "key/public.gpg")
    squashfs, initramfs = work / "usr.squashfs", work / "initramfs"
    _run("mksquashfs", root, squashfs, "-comp", "zstd", "-Xcompression-level", "15", "-noappend", "-quiet",
         "-no-progress", "-no-xattrs", "-e", *LEFT_OUT,
         *(f"usr/lib/systemd/system-generators/systemd-{name}-generator" for name in GENERATORS))  # fmt: skip
    _make_initramfs(work, root, kernel_version, initramfs)
    kernel = work / f"kernel/boot/vmlinuz-{kernel_version}"
    shutil.copy(kernel, release / KERNEL)
    _archive(initramfs, work / "initrd")
    disk.build(work, release / DISK, kernel, work / "initrd", squashfs, FILES / "grub.cfg")
    shutil.move(squashfs, initramfs / "usr.squashfs")
    _archive(initramfs, release / LIVE)
    (release / "version.txt").write_text(
        f"FLATCAR_BUILD={VERSION.split('.')[0]}\nFLATCAR_BRANCH=1\nFLATCAR_PATCH=0\nFLATCAR_VERSION={VERSION}\n"
        f'FLATCAR_VERSION_ID={VERSION}\nFLATCAR_BUILD_ID="rack"\nFLATCAR_SDK_VERSION={VERSION}\n'
    )
    (release / "README.txt").write_text(
        "These files stand in for those of Flatcar Container Linux in the virtual rack of pfrack.cluster.\n"
        "They are made from Debian packages and signed with a throw-away key. Use them nowhere else.\n"
    )
    _sign(release, result / "key", work)


def _run(*command: object, **options) -> None:
    """Raises CalledProcessError; what the command says goes to stderr."""
    subprocess.run([str(word) for word in command], check=True, stdin=subprocess.DEVNULL,
                   **{"stdout": sys.stderr, **options})  # fmt: skip


def _make_root(work: Path, root: Path, lock: int) -> None:
    debs = work / "debs"
    debs.mkdir()
    # The kernel package is one that only names the present one.
    fetch = (
        f"cd {debs} && export APT_CONFIG=$MMDEBSTRAP_APT_CONFIG && apt-get download -q -o APT::Sandbox::User=root "
        f"{' '.join(LOADER_PACKAGES)} $(apt-cache depends {KERNEL_PACKAGE} | sed -n 's/ *Depends: //p')"
    )
    excluded = [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("doc", "man", "locale")]
    _run("unshare", "--mount", "mmdebstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", *excluded,
         f"--customize-hook={fetch}", debian_root.SUITE, root, pass_fds=[lock])  # fmt: skip


def _unpack(work: Path, loaders: Path) -> str:
    """Unpack kernel and boot loaders; returns the kernel's version."""
    for package in (work / "debs").glob("*.deb"):
        _run("dpkg-deb", "-x", package, work / "kernel" if package.name.startswith("linux-") else work / "loaders")
    loaders.mkdir()
    for name in LOADERS:
        shutil.copy(work / "loaders" / name, loaders)
    return next((work / "kernel/usr/lib/modules").iterdir()).name


def _prepare_root(work: Path, root: Path, kernel_version: str, key: Path) -> None:
    _copy_modules(work / "kernel/usr/lib/modules" / kernel_version, root / "usr/lib/modules" / kernel_version)
    _run("depmod", "--basedir", root, kernel_version)
    shutil.copytree(FILES / "root", root, dirs_exist_ok=True)
    (root / "etc/sudoers.d/core").chmod(0o440)
    for name in ("oem", "boot", "usr/share/oem", "usr/share/node-image", "usr/lib/ignition"):
        (root / name).mkdir(parents=True, exist_ok=True)
    shutil.copy(key, root / "usr/share/node-image/signing-key.gpg")
    shutil.copy(FILES / "flatcar-install", root / "usr/bin/flatcar-install")
    (root / "usr/bin/coreos-install").symlink_to("flatcar-install")
    if flannel.path().is_dir():
        shutil.copytree(flannel.path(), root / "opt/bin", dirs_exist_ok=True)
    shutil.copy(root / "usr/lib/dracut/modules.d/30ignition/ignition", root / "usr/libexec/ignition")
    (root / "usr/lib/os-release").write_text(
        f'NAME="Flatcar Container Linux stand-in"\nID=flatcar\nID_LIKE=coreos\nVERSION={VERSION}\n'
        f'VERSION_ID={VERSION}\nBUILD_ID=rack\nPRETTY_NAME="pfrack rack node {VERSION}, stands in for Flatcar"\n'
        f'FLATCAR_BOARD="{BOARD}"\n'
    )
    chroot = ["chroot", root]
    for group in ("wheel", "docker"):
        _run(*chroot, "groupadd", "--force", "--system", group)
    _run(*chroot, "groupadd", "--gid", "500", "core")
    _run(*chroot, "useradd", "--uid", "500", "--gid", "core", "--groups", "sudo,wheel,docker,adm",
         "--create-home", "--shell", "/bin/bash", "core")  # fmt: skip
    for pattern in ("etc/ssh/ssh_host_*", "etc/systemd/system/*.wants"):
        for entry in root.glob(pattern):
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    _run(*chroot, "systemctl", "preset-all", stderr=subprocess.DEVNULL)
    _run(*chroot, "systemctl", "set-default", "multi-user.target", stderr=subprocess.DEVNULL)
    (root / "etc/issue").write_text(f"pfrack rack node {VERSION} (stands in for Flatcar Container Linux) \\n \\l\n\n")
    for name in MASKED:
        (root / "etc/systemd/system" / name).symlink_to("/dev/null")
    for name in ("etc/hostname", "etc/resolv.conf"):
        (root / name).unlink(missing_ok=True)
    (root / "etc/resolv.conf").symlink_to("../run/systemd/resolve/stub-resolv.conf")
    # The first boot of a node replaces it.
    (root / "etc/machine-id").write_text("uninitialized\n")
    for name in ("etc/.updated", "var/.updated"):
        (root / name).touch()


def _copy_modules(source: Path, target: Path) -> None:
    """The modules a node has use for, unpacked: at boot an emulated processor would spend most of its time on xz."""
    for pattern in ("modules.order", "modules.builtin*"):
        for file in source.glob(pattern):
            target.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, target)
    for directory in MODULE_DIRECTORIES:
        for file in sorted((source / "kernel" / directory).rglob("*.ko.xz")):
            relative = str(file.relative_to(source / "kernel"))
            if any(relative == name or relative.startswith(name + "/") for name in MODULES_LEFT_OUT):
                continue
            unpacked = target / file.relative_to(source).with_suffix("")
            unpacked.parent.mkdir(parents=True, exist_ok=True)
            unpacked.write_bytes(lzma.decompress(file.read_bytes()))


def _make_initramfs(work: Path, root: Path, kernel_version: str, initramfs: Path) -> None:
    for name in ("bin", "etc", "tmp", "dev", "proc", "sys", "run"):
        (initramfs / name).mkdir(parents=True)
    shutil.copy(root / "usr/bin/busybox", initramfs / "bin/busybox")
    shutil.copy(FILES / "init", initramfs / "init")
    shutil.copy(FILES / "udhcpc", initramfs / "etc/udhcpc")
    (initramfs / "etc/modules").write_text("\n".join(MODULES) + "\n")
    modules = Path("lib/modules", kernel_version)
    needed = subprocess.run(
        ["modprobe", "--dirname", str(root / "usr"), "--set-version", kernel_version, "--show-depends", "--all",
         *MODULES], check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    for line in needed.splitlines():
        word, _, file = line.partition(" ")
        if word == "insmod":
            source = Path(file.strip())
            target = initramfs / modules / source.relative_to(root / "usr" / modules)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
    for name in ("modules.order", "modules.builtin"):
        shutil.copy(root / "usr" / modules / name, initramfs / modules)
    _run("depmod", "--basedir", initramfs, kernel_version)


def _archive(tree: Path, target: Path) -> None:
    """A cpio archive of the tree, lightly compressed: an emulated processor unpacks it."""
    with open(target, "wb") as stream:
        _run("sh", "-c", "find . -print0 | LC_ALL=C sort -z | cpio --null -o -H newc -R 0:0 --quiet | gzip -n -1",
             cwd=tree, stdout=stream)  # fmt: skip


def _make_key(key: Path, work: Path) -> None:
    """A primary key that certifies and a subkey that signs, as the vendors have."""
    key.mkdir()
    home = key / "home"
    home.mkdir(mode=0o700)
    gpg = ["gpg", "--homedir", home, "--batch", "--quiet", "--passphrase", ""]
    # gpg talks to its agent over a socket, whose path must be short.
    options = {"env": {**os.environ, "GNUPGHOME": str(home)}}
    _run(*gpg, "--quick-gen-key", "Virtual rack, stands in for the Flatcar Buildbot <buildbot@rack.invalid>",
         "ed25519", "cert", "never", **options)  # fmt: skip
    listing = subprocess.run([str(word) for word in [*gpg, "--list-keys", "--with-colons"]], check=True,
                             capture_output=True, text=True).stdout  # fmt: skip
    fingerprint = next(line.split(":")[9] for line in listing.splitlines() if line.startswith("fpr:"))
    _run(*gpg, "--quick-add-key", fingerprint, "ed25519", "sign", "5y")
    (key / "fingerprint").write_text(fingerprint + "\n")
    _run(*gpg, "--output", key / "public.gpg", "--export", fingerprint)
    _run(*gpg, "--armor", "--output", key / "public.asc", "--export", fingerprint)


def _sign(release: Path, key: Path, work: Path) -> None:
    files = [release / name for name in (KERNEL, LIVE, DISK)]
    for file in files:
        sections = []
        for kind in ("md5", "sha1", "sha512"):
            with open(file, "rb") as stream:
                digest = hashlib.file_digest(stream, kind).hexdigest()
            sections.append(f"# {kind.upper()} HASH\n{digest}  {file.name}\n")
        digests = file.with_name(f"{file.name}.DIGESTS")
        digests.write_text("".join(sections))
        for signed in (file, digests):
            sign(key, signed)
        _run(*_gpg(key), "--clear-sign", "--output", f"{digests}.asc", digests)
    sign(key, release / "version.txt")
    _run("gpgconf", "--homedir", key / "home", "--kill", "all")


def _gpg(key: Path) -> list[object]:
    return ["gpg", "--homedir", key / "home", "--batch", "--yes", "--quiet", "--passphrase", ""]


def sign(key: Path, file: Path) -> None:
    """Write FILE.sig, detached."""
    _run(*_gpg(key), "--detach-sign", "--output", f"{file}.sig", file)


if __name__ == "__main__":
    print(ensure_image())
