"""The machines of a rack as the supervisor sees them: guests (controller, nodes, the internet) and the router."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import namespaces as ns
import pid1
import router_config

# The size of the router's small disks when they are not made full on purpose.
DISKS = {"/cf": "64m", "/tftpboot": "1500m"}
ROUTER_LINKS = {"em0": ("02:70:66:00:00:01", "wan"), "em1": ("02:70:66:00:00:02", "lan")}
# Of a pair, by the router's name.
PAIR_LINKS = {
    "router": {**ROUTER_LINKS, "em2": ("02:70:66:00:00:03", "sync")},
    "router2": {
        "em0": ("02:70:66:00:01:01", "wan"),
        "em1": ("02:70:66:00:01:02", "lan"),
        "em2": ("02:70:66:00:01:03", "sync"),
    },
}


class RackError(Exception):
    """Something that the user of the rack did wrong, or a machine that did not boot."""


class Host:
    """Shared by all machines: the process that is process 1 in there, and its cables."""

    def __init__(self, fabric, directory: Path, state: Path, settings: dict, name: str):
        self.fabric = fabric
        self.directory = directory
        self.state = state
        self.settings = settings
        self.name = name
        self.pid = 0
        self.host_pid = 0
        self.reports = None
        self.links: dict[str, tuple[str, str]] = {}
        self.cables: dict[str, str] = {}

    def fresh(self) -> None:
        """Make the machine's empty disk."""
        for name in ("upper", "work", "root"):
            (self.state / name).mkdir(parents=True)

    def machine(self) -> pid1.Machine:
        raise NotImplementedError

    def launch(self) -> None:
        """Start process 1; it boots while we go on. Its cables are connected, but not plugged in."""
        orders, give_orders = os.pipe()
        reports, give_reports = os.pipe()
        ours = os.open("/proc/self/ns/pid", os.O_RDONLY)
        ns.unshare(ns.CLONE_NEWPID)
        self.pid = os.fork()
        if not self.pid:
            self._become_machine(orders, give_reports)
        # Our next child shall be in a namespace of its own again, which needs a way back first.
        ns.setns(ours, ns.CLONE_NEWPID)
        for descriptor in (ours, orders, give_reports):
            os.close(descriptor)
        self.reports = os.fdopen(reports)
        try:
            self.host_pid = int(self._report("pid"))
            wanted = [(link, mac) for link, (mac, _) in self.links.items()]
            self.cables = dict(zip(self.links, self.fabric.connect(self.pid, wanted)))
            os.write(give_orders, b"g")
        finally:
            os.close(give_orders)

    def _become_machine(self, orders: int, reports: int) -> None:
        try:
            for number in (signal.SIGCHLD, signal.SIGTERM):
                signal.signal(number, signal.SIG_DFL)
            signal.set_wakeup_fd(-1)
            log = os.open(self.directory / f"{self.name}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            os.dup2(log, 1)
            os.dup2(log, 2)
            # Not one descriptor of the supervisor may stay: its lock says that the rack lives.
            keep = sorted({0, 1, 2, orders, reports})
            for low, high in zip(keep, [*keep[1:], 65536]):
                os.closerange(low + 1, high)
            os.setsid()
            pid1.run(self.machine(), orders, reports)
        finally:
            os._exit(1)

    def _report(self, wanted: str) -> str:
        word, _, text = self.reports.readline().strip().partition(" ")
        if word != wanted:
            self.stop()
            raise RackError(f"{self.name} did not boot: {text or 'its process ended'}")
        return text

    def wait(self) -> None:
        if self.reports:
            self._report("ready")
            self.reports.close()
            self.reports = None

    def plug(self) -> None:
        self.fabric.plug({self.cables[link]: network for link, (_, network) in self.links.items()})

    def unplug(self) -> None:
        if self.cables:
            self.fabric.remove(list(self.cables.values()))
            self.cables = {}

    def set_cable(self, plugged: bool, link: str) -> None:
        if not self.cables:
            raise RackError(f"{self.name} is off")
        if link and link not in self.cables:
            raise RackError(f"{self.name} has no interface {link}")
        for name, cable in self.cables.items():
            if link in ("", name):
                self.fabric.set_cable(cable, plugged)

    def stop(self) -> None:
        """Power off: everything in the machine dies at once; its disk stays."""
        if self.pid:
            self.unplug()
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.ended(self.pid)
        if self.reports:
            self.reports.close()
            self.reports = None

    def ended(self, pid: int) -> None:
        if pid == self.pid:
            self.pid = self.host_pid = 0

    def destroy(self) -> None:
        self.stop()
        shutil.rmtree(self.state)

    def describe(self) -> dict:
        """`pid` is the host's view, 0 when the machine is off."""
        return {"name": self.name, "pid": self.host_pid, "links": {link: mac for link, (mac, _) in self.links.items()}}


class Guest(Host):
    """A machine with one interface, eth0. A `shared` one has the host's files, so that it can run our checkout."""

    def __init__(self, fabric, directory, state, settings, name, mac, network, commands, shared, binds=()):
        super().__init__(fabric, directory, state, settings, name)
        self.binds = [tuple(bind) for bind in binds]
        self.links = {"eth0": (mac, network)}
        self.commands = commands
        self.shared = shared

    def fresh(self) -> None:
        super().fresh()
        (self.state / "resolv.conf").write_text(f"nameserver {self.settings['router_address']}\n")

    def machine(self) -> pid1.Machine:
        if not self.shared:
            layers = [self.settings["root"]]
            return pid1.Machine(self.name, layers, str(self.state), self.binds, self.commands, ["eth0"])
        resolver = os.path.realpath("/etc/resolv.conf")
        binds = [(str(self.state / "resolv.conf"), resolver, False)] if os.path.exists(resolver) else []
        return pid1.Machine(self.name, binds=binds, links=["eth0"], boot=self.commands)


class RouterHost(Host):
    """The router: pfSense's look on top of the Debian root, and small disks that can be made full."""

    def __init__(self, fabric, directory, state, settings, name="router"):
        super().__init__(fabric, directory, state, settings, name)
        self.links = dict(PAIR_LINKS[name] if settings.get("pair") else ROUTER_LINKS)

    def fresh(self) -> None:
        super().fresh()
        for disk, size in DISKS.items():
            path = Path(f"{self.state}{disk}")
            path.mkdir()
            ns.mount("tmpfs", str(path), "tmpfs", 0, f"mode=755,size={size}")
            (path / "files").mkdir()
            # A tmpfs cannot have the size 0; this takes the least one, next to what the router sees.
            (path / "filler").write_bytes(bytes(4096))
        router_config.fill(self.state / "upper", self.state / "cf/files", self.directory, self.settings, self.name)

    def machine(self) -> pid1.Machine:
        binds = [(f"{self.state}{disk}/files", disk, False) for disk in DISKS]
        if self.settings["pfsense_src"]:
            binds.append((self.settings["pfsense_src"], "/pfsense-src", True))
        layers = [self.settings["rootfs"], self.settings["root"]]
        name = "pfSense2" if self.name == router_config.SECOND else "pfSense"
        return pid1.Machine(name, layers, str(self.state), binds, [["/bin/sh", "/etc/rc.lab"]], list(self.links),
                            syslog=True)  # fmt: skip

    def set_full(self, disk: str, full: bool) -> None:
        if disk not in DISKS:
            raise RackError(f"only these can be made full: {', '.join(DISKS)}")
        path = f"{self.state}{disk}"
        used = os.statvfs(path)
        size = str((used.f_blocks - used.f_bfree) * used.f_frsize) if full else DISKS[disk]
        ns.mount("", path, flags=ns.MS_REMOUNT, options=f"size={size}")

    def destroy(self) -> None:
        self.stop()
        for disk in DISKS:
            ns.unmount(f"{self.state}{disk}")
        shutil.rmtree(self.state)
