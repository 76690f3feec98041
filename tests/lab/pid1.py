"""Process 1 of every machine in the rack: prepares its root, boots it, collects its zombies and its log lines.

The supervisor forks it; there is no exec, which saves the start of an interpreter per machine.
"""

from __future__ import annotations

import os
import re
import select
import signal
import socket
import stat
import subprocess
import sys
import time
import traceback
from dataclasses import dataclass, field

import namespaces as ns

DEVICES = {"null": (1, 3), "zero": (1, 5), "full": (1, 7), "random": (1, 8), "urandom": (1, 9), "tty": (5, 0)}
ENVIRONMENT = {"PATH": "/sbin:/bin:/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin", "HOME": "/root", "LANG": "C"}


@dataclass
class Machine:
    """What a machine consists of; `layers` empty means that it shares the host's files."""

    name: str
    layers: list[str] = field(default_factory=list)
    state: str = ""
    binds: list[tuple[str, str, bool]] = field(default_factory=list)
    boot: list[list[str]] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    syslog: bool = False


def run(machine: Machine, orders: int, reports: int) -> None:
    """Never returns. Reports one line `pid N` when its namespaces exist, then `ready` or `failed TEXT`."""
    try:
        ns.unshare(ns.CLONE_NEWNS | ns.CLONE_NEWNET | ns.CLONE_NEWUTS | ns.CLONE_NEWIPC)
        socket.sethostname(machine.name)
        os.write(reports, b"pid %d\n" % ns.host_pid())
        # The supervisor plugs our cables now.
        if os.read(orders, 1) != b"g":
            os._exit(1)
        _prepare(machine)
        log = _listen() if machine.syslog else None
        wakeup = _catch_children()
        _boot(machine.boot, log, wakeup)
        os.write(reports, b"ready\n")
    except BaseException as problem:
        traceback.print_exc()
        os.write(reports, b"failed %s\n" % str(problem).replace("\n", " ").encode())
        os._exit(1)
    os.close(orders)
    os.close(reports)
    while True:
        _serve(log, wakeup)


def _prepare(machine: Machine) -> None:
    ns.private_mounts()
    if machine.layers:
        root = f"{machine.state}/root"
        # Short relative names: colons and commas of the real paths would mean something else here.
        os.chdir(machine.state)
        names = [f"layer{number}" for number in range(len(machine.layers))]
        for name, layer in zip(names, machine.layers):
            os.makedirs(name, exist_ok=True)
            ns.bind(layer, name)
        ns.mount("overlay", "root", "overlay", 0, f"lowerdir={':'.join(names)},upperdir=upper,workdir=work")
        _mount_kernel_files(root)
        for source, target, read_only in machine.binds:
            ns.bind(source, root + target, read_only)
        ns.enter_root(root)
    else:
        for source, target, read_only in machine.binds:
            ns.bind(source, target, read_only)
        ns.mount("proc", "/proc", "proc", ns.MS_NOSUID | ns.MS_NODEV | ns.MS_NOEXEC)
    for name in ["lo", *machine.links]:
        ns.link_up(name)


def _mount_kernel_files(root: str) -> None:
    safe = ns.MS_NOSUID | ns.MS_NODEV | ns.MS_NOEXEC
    ns.mount("proc", f"{root}/proc", "proc", safe)
    ns.mount("sysfs", f"{root}/sys", "sysfs", safe | ns.MS_RDONLY)
    ns.mount("tmpfs", f"{root}/tmp", "tmpfs", ns.MS_NOSUID | ns.MS_NODEV, "mode=1777")
    ns.mount("tmpfs", f"{root}/run", "tmpfs", ns.MS_NOSUID | ns.MS_NODEV, "mode=755")
    os.makedirs(f"{root}/run/sshd")
    device = f"{root}/dev"
    ns.mount("tmpfs", device, "tmpfs", ns.MS_NOSUID, "mode=755,size=1m")
    mask = os.umask(0)
    for name, (major, minor) in DEVICES.items():
        os.mknod(f"{device}/{name}", stat.S_IFCHR | 0o666, os.makedev(major, minor))
    os.umask(mask)
    for directory in ("pts", "shm"):
        os.mkdir(f"{device}/{directory}")
    options = "newinstance,ptmxmode=0666,mode=620,gid=5"
    ns.mount("devpts", f"{device}/pts", "devpts", ns.MS_NOSUID | ns.MS_NOEXEC, options)
    ns.mount("tmpfs", f"{device}/shm", "tmpfs", ns.MS_NOSUID | ns.MS_NODEV, "mode=1777")
    links = {"ptmx": "pts/ptmx", "fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2"}
    for name, target in links.items():
        os.symlink(target, f"{device}/{name}")


def _listen() -> socket.socket:
    """The syslog socket; FreeBSD's programs look for it in /var/run."""
    log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    log.bind("/dev/log")
    os.chmod("/dev/log", 0o666)
    os.symlink("/dev/log", "/run/log")
    log.setblocking(False)
    return log


def _catch_children() -> int:
    """A pipe that gets a byte when a child ends or we are told to stop."""
    read_end, write_end = os.pipe()
    os.set_blocking(read_end, False)
    os.set_blocking(write_end, False)
    signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    return read_end


def _boot(commands: list[list[str]], log: socket.socket | None, wakeup: int) -> None:
    for command in commands:
        process = subprocess.Popen(command, env=ENVIRONMENT if log else None, stdin=subprocess.DEVNULL)
        # Log lines must be taken during the boot: a full socket would block the daemons.
        while True:
            ended = _serve(log, wakeup)
            if process.pid in ended:
                process.returncode = os.waitstatus_to_exitcode(ended[process.pid])
                break
        if process.returncode:
            raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}")


def _serve(log: socket.socket | None, wakeup: int) -> dict[int, int]:
    """Wait for something to happen and deal with it; returns the children that ended and their statuses."""
    select.select([wakeup, *([log] if log else [])], [], [])
    try:
        os.read(wakeup, 512)
    except BlockingIOError:
        pass
    if log:
        _store(log)
    ended = {}
    while True:
        try:
            child, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if not child:
            return ended
        ended[child] = status


def _store(log: socket.socket) -> None:
    lines = []
    while True:
        try:
            message = log.recv(65536)
        except BlockingIOError:
            break
        text = re.sub(r"^<\d+>", "", message.decode(errors="replace")).rstrip("\n\0")
        # Some programs send the time themselves.
        if not re.match(r"[A-Z][a-z]{2} [ \d]\d \d\d:", text):
            text = f"{time.strftime('%b %e %H:%M:%S')} {text}"
        lines.append(text + "\n")
    try:
        if lines:
            with open("/var/log/system.log", "a") as stream:
                stream.writelines(lines)
    except OSError as problem:
        # A full disk must not stop the machine.
        print(f"log lines lost: {problem}", file=sys.stderr)
