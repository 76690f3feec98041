"""The Debian root that every machine of the rack runs on: built once, cached, never written to afterwards."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

SUITE = "trixie"
PACKAGES = (
    "bind9-dnsutils busybox ca-certificates curl dnsmasq-base etcd-client etcd-server haproxy iproute2 iptables "
    "iputils-arping iputils-ping "
    "isc-dhcp-client isc-dhcp-server kea-dhcp4-server keepalived nginx-light openssh-client openssh-server openssl "
    "php-cgi php-cli php-curl php-fpm php-mbstring php-xml procps psmisc python3 socat tcpdump "
    "tftp-hpa tftpd-hpa udhcpc unbound"
).split()
# Raised when prepare() changes, so that an older cached root is not used.
RECIPE = "2"
# pfSense 2.7 has an older HAProxy than this Debian; the one of the release before is the oldest that pfrack works with.
OLDER_SUITE = "bookworm"
OLDER_HAPROXY = "/opt/haproxy-2.6"
OLDER_PACKAGES = "haproxy liblua5.3-0 libopentracing1 libopentracing-c-wrapper0".split()
# Where pfSense has its programs. Links are made here, not kept under rootfs/, where archives and copies lose them.
DAEMONS = "dhcpd dnsmasq kea-dhcp4 nginx unbound unbound-checkconf unbound-control unbound-control-setup".split()
LINKS = {
    "conf": "cf/conf",
    "usr/libexec/sftp-server": "/usr/lib/openssh/sftp-server",
    # Of the package haproxy, which brings its program along.
    "usr/local/share/pfrack-lab/packages/haproxy/root/usr/local/sbin/haproxy": "/usr/sbin/haproxy",
    **{f"usr/local/sbin/{name}": f"/usr/sbin/{name}" for name in DAEMONS},
}

# Accounts as pfSense has them; uid and gid are those of FreeBSD.
ACCOUNTS = """\
admin:x:0:0:System Administrator:/root:/etc/rc.initial
www:x:80:80:World Wide Web Owner:/nonexistent:/usr/sbin/nologin
dhcpd:x:136:136:ISC DHCP daemon:/nonexistent:/usr/sbin/nologin
"""
GROUPS = """\
wheel:x:0:root,admin
nobody:x:65534:
www:x:80:
dhcpd:x:136:
"""
PASSWORD = "pfsense"


def cache_directory() -> Path:
    return Path(os.environ.get("PFRACK_CACHE") or Path.home() / ".cache" / "pfrack")


def root_path() -> Path:
    """Where the root for exactly this list of packages is, built or not."""
    older = [OLDER_SUITE, OLDER_HAPROXY, *OLDER_PACKAGES]
    recipe = "\n".join([SUITE, RECIPE, ACCOUNTS, GROUPS, PASSWORD, *sorted(PACKAGES), *LINKS, *older])
    return cache_directory() / f"root-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"


def ensure_host_tools() -> None:
    """Install what the host lacks; raises CalledProcessError when apt cannot."""
    needed = {
        "mmdebstrap": "mmdebstrap",
        "ip": "iproute2",
        "nsenter": "util-linux",
        "ssh-keygen": "openssh-client",
        "openssl": "openssl",
    }
    missing = sorted(package for tool, package in needed.items() if not shutil.which(tool))
    if not Path("/usr/share/keyrings/debian-archive-keyring.gpg").exists():
        missing.append("debian-archive-keyring")
    install_packages(missing)


def install_packages(packages: list[str]) -> None:
    """Nothing happens when the list is empty."""
    if packages:
        print(f"installing {' '.join(packages)}", file=sys.stderr, flush=True)
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        install = ["apt-get", "install", "-y", "-q", "-o", "DPkg::Lock::Timeout=300", "--no-install-recommends",
                   *packages]  # fmt: skip
        if subprocess.run(install, env=environment, stdout=sys.stderr, check=False).returncode:
            subprocess.run(["apt-get", "update", "-q"], env=environment, stdout=sys.stderr, check=True)
            subprocess.run(install, env=environment, stdout=sys.stderr, check=True)


def build_once(result: Path, kind: str, build: Callable[[Path, int], None]) -> Path:
    """A directory of the cache, made by build(work, lock) as work/"result" unless it is there.

    kind: what it is, a prefix of file names. Safe to call from several processes at once; lock is to be kept open by
    whatever may live longer than we do.
    """
    cache = cache_directory()
    cache.mkdir(parents=True, exist_ok=True)
    with open(cache / f"{kind}build.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not result.is_dir():
            # We hold the lock: whatever lies here is of a build that was interrupted.
            for leftover in cache.glob(f"{kind}building-*"):
                shutil.rmtree(leftover)
            work = Path(tempfile.mkdtemp(prefix=f"{kind}building-", dir=cache))
            try:
                build(work, lock.fileno())
                (work / "result").rename(result)
            finally:
                shutil.rmtree(work, ignore_errors=True)
    return result


def ensure_root() -> Path:
    """Build the root unless it is there."""
    root = root_path()
    if root.is_dir():
        return root
    ensure_host_tools()
    return build_once(root, "", _build)


def _build(work: Path, lock: int) -> None:
    print("building the Debian root of the rack (once, about a minute)", file=sys.stderr, flush=True)
    # Its mounts end with it, also when it is killed. It keeps our lock, should it live longer than we do.
    subprocess.run(
        ["unshare", "--mount", "mmdebstrap", "--variant=apt", f"--include={','.join(PACKAGES)}",
         "--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/man/*",
         "--dpkgopt=path-exclude=/usr/share/locale/*", SUITE, str(work / "result")],
        stdin=subprocess.DEVNULL, stdout=sys.stderr, check=True, pass_fds=[lock],
    )  # fmt: skip
    prepare(work / "result")
    _add_older_haproxy(work, Path(f"{work}/result{OLDER_HAPROXY}"))


def _add_older_haproxy(work: Path, place: Path) -> None:
    """Unpack it with the libraries that only it needs; the host's apt fetches it with lists of its own."""
    for name in ("lists/partial", "archives/partial", "debs"):
        (work / name).mkdir(parents=True)
    places = {"State::Lists": "lists", "Cache": "", "Cache::Archives": "archives", "Etc::SourceList": "sources.list"}
    keys = "/usr/share/keyrings/debian-archive-keyring.gpg"
    (work / "sources.list").write_text(f"deb [signed-by={keys}] http://deb.debian.org/debian {OLDER_SUITE} main\n")
    apt = ["apt-get", "-q", "-o", "APT::Sandbox::User=root", "-o", "Dir::Etc::SourceParts=/dev/null"]
    apt += [f"-oDir::{name}={work / path}" for name, path in places.items()]
    for command in (["update"], ["download", *OLDER_PACKAGES]):
        subprocess.run([*apt, *command], cwd=work / "debs", stdout=sys.stderr, check=True)
    for package in (work / "debs").iterdir():
        subprocess.run(["dpkg-deb", "-x", str(package), str(place)], check=True)


def prepare(root: Path) -> None:
    """Give a plain Debian root the accounts and the mount points of pfSense."""
    _append(root / "etc/passwd", ACCOUNTS)
    _append(root / "etc/group", GROUPS)
    _append(root / "etc/shadow", "".join(f"{line.split(':')[0]}:!:20000::::::\n" for line in ACCOUNTS.splitlines()))
    credentials = "".join(f"{user}:{PASSWORD}\n" for user in ("root", "admin"))
    subprocess.run(["chroot", str(root), "chpasswd"], input=credentials, text=True, check=True)
    _append(root / "etc/shells", "/etc/rc.initial\n")
    for name in ("cf", "tftpboot", "pfsense-src", "usr/libexec", "var/empty"):
        (root / name).mkdir(parents=True, exist_ok=True)
    for name, target in LINKS.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).symlink_to(target)
    # Each rack brings its own key.
    for key in (root / "etc/ssh").glob("ssh_host_*"):
        key.unlink()
    for name in ("etc/resolv.conf", "etc/hostname"):
        (root / name).unlink(missing_ok=True)
    (root / "etc/hosts").write_text("127.0.0.1\tlocalhost\n")


def _append(path: Path, text: str) -> None:
    with open(path, "a") as stream:
        stream.write(text)
