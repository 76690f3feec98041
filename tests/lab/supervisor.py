"""Holds one rack: process 1 of its process namespace, so that the kernel ends everything when it ends.

Started by lab.py as `supervisor.py RUN_DIRECTORY READY LEASH`; takes requests (one line of JSON each) on a socket in
the directory. READY is a descriptor to report to; LEASH is one that reads end-of-file when our user is gone, or -1.
"""

from __future__ import annotations

import fcntl
import json
import os
import select
import signal
import socket
import sys
import traceback
from pathlib import Path

import namespaces as ns
from fabric import Fabric
from machines import Guest, RackError, RouterHost
from qemu import Computer


class Supervisor:
    """The machines of a rack and what can be done to them."""

    def __init__(self, directory: Path):
        self.directory = directory
        self.settings = json.loads((directory / "settings.json").read_text())
        self.state = directory / "fs"
        self.fabric = Fabric()
        self.guests: dict[str, Guest | Computer] = {}
        self.routers: dict[str, RouterHost] = {}
        self.router_number = 0

    def start(self) -> None:
        self.state.mkdir(exist_ok=True)
        ns.mount("tmpfs", str(self.state), "tmpfs", ns.MS_NOSUID, "mode=755,size=2g")
        self.fabric.create()
        self._new_routers()
        for settings in self.settings["guests"]:
            self.add_guest(**settings)
        self._plug_routers()

    def _new_routers(self) -> None:
        for name in ("router", "router2") if self.settings["pair"] else ("router",):
            self.router_number += 1
            state = self.state / f"router-{self.router_number}"
            router = RouterHost(self.fabric, self.directory, state, self.settings, name)
            self.routers[name] = router
            router.fresh()
            router.launch()

    def _plug_routers(self) -> None:
        for router in self.routers.values():
            router.plug()
        for router in self.routers.values():
            router.wait()

    # Requests. Each returns what goes back to the client.

    def add_guest(self, name: str, mac: str = "", network: str = "lan", commands: list[list[str]] | None = None,
                  shared: bool = False, binds: list[list] | None = None) -> dict:  # fmt: skip
        self._free(name)
        guest = Guest(self.fabric, self.directory, self.state / name, self.settings, name, mac, network, commands or [],
                      shared, binds or [])  # fmt: skip
        guest.fresh()
        guest.launch()
        guest.plug()
        guest.wait()
        self.guests[name] = guest
        return guest.describe()

    def add_computer(self, name: str, **settings: str) -> dict:
        self._free(name)
        computer = Computer(self.fabric, self.directory, name, **settings)
        computer.fresh()
        self.guests[name] = computer
        return computer.describe()

    def blank_disk(self, name: str) -> None:
        self._computer(name).blank_disk()

    def boot_order(self, name: str, order: str) -> None:
        self._computer(name).set_boot(order)

    def _computer(self, name: str) -> Computer:
        machine = self._find(name)
        if not isinstance(machine, Computer):
            raise RackError(f"{name} is no QEMU machine")
        return machine

    def remove_guest(self, name: str) -> None:
        guest = self._find(name)
        if isinstance(guest, RouterHost):
            raise RackError("a router cannot be removed")
        guest.destroy()
        del self.guests[name]

    def reset(self) -> None:
        old = list(self.routers.values())
        self._new_routers()
        for router in old:
            router.destroy()
        self._plug_routers()

    def power(self, name: str, on: bool) -> None:
        machine = self._find(name)
        machine.stop()
        if on:
            machine.launch()
            machine.plug()
            machine.wait()

    def cable(self, name: str, plugged: bool, link: str = "") -> None:
        self._find(name).set_cable(plugged, link)

    def disk(self, path: str, full: bool, name: str = "router") -> None:
        self._find(name).set_full(path, full)

    def status(self) -> dict:
        machines = {**self.routers, **self.guests}
        return {
            "settings": {key: self.settings[key] for key in ("name", "pfsense", "dhcp", "pfsense_src", "pair")},
            "machines": {name: machine.describe() for name, machine in machines.items() if machine},
        }

    def _free(self, name: str) -> None:
        if name in self.guests or name in ("router", "router2", "fabric"):
            raise RackError(f"there is a machine called {name} already")

    def _find(self, name: str) -> Guest | Computer | RouterHost:
        machine = self.routers.get(name) or self.guests.get(name)
        if not machine:
            raise RackError(f"there is no machine called {name}")
        return machine

    # The loop.

    def answer(self, line: bytes) -> dict:
        requests = (self.add_guest, self.add_computer, self.blank_disk, self.boot_order, self.remove_guest,
                    self.reset, self.power, self.cable, self.disk, self.status)  # fmt: skip
        try:
            request = json.loads(line)
            action = {method.__name__: method for method in requests}[request.pop("do")]
            return {"ok": True, "result": action(**request)}
        except Exception as problem:
            if not isinstance(problem, RackError):
                traceback.print_exc()
            return {"ok": False, "error": str(problem) or repr(problem)}

    def serve(self, listener: socket.socket, wakeup: int, leash: int) -> None:
        """Returns when the rack shall end."""
        watched = [listener, wakeup, *([leash] if leash >= 0 else [])]
        while True:
            readable, _, _ = select.select(watched, [], [])
            if leash in readable:
                return
            if wakeup in readable:
                os.read(wakeup, 512)
                self._reap()
            if listener in readable:
                connection, _ = listener.accept()
                # Clients send their line at once; nobody may hold up the others.
                connection.settimeout(5)
                try:
                    with connection, connection.makefile("rwb") as stream:
                        line = stream.readline()
                        if line.strip() == b'{"do": "down"}':
                            return
                        stream.write(json.dumps(self.answer(line)).encode() + b"\n")
                except OSError as problem:
                    print(f"a client left before its answer: {problem}", file=sys.stderr)

    def _reap(self) -> None:
        machines = [*self.routers.values(), *self.guests.values()]
        while True:
            try:
                child, _ = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not child:
                return
            for machine in machines:
                machine.ended(child)


def main() -> None:
    directory = Path(sys.argv[1]).resolve()
    ready, leash = int(sys.argv[2]), int(sys.argv[3])
    lock = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.write(ready, b"failed another start of this rack is under way\n")
        return
    ns.unshare(ns.CLONE_NEWPID | ns.CLONE_NEWNS | ns.CLONE_NEWNET)
    if os.fork():
        # Only the child is inside the process namespace.
        os._exit(0)
    os.umask(0o022)
    ns.private_mounts()
    supervisor = Supervisor(directory)
    (directory / "pid").write_text(f"{ns.host_pid()}\n")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # A socket's path may have 107 characters at most; a checkout may lie deeper.
    os.chdir(directory)
    listener.bind("control")
    wakeup, wakeup_end = os.pipe()
    os.set_blocking(wakeup_end, False)
    signal.set_wakeup_fd(wakeup_end, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    try:
        supervisor.start()
    except Exception as problem:
        traceback.print_exc()
        os.write(ready, f"failed {problem}\n".encode())
        os._exit(1)
    listener.listen(16)
    os.write(ready, b"ready\n")
    os.close(ready)
    supervisor.serve(listener, wakeup, leash)
    os._exit(0)


if __name__ == "__main__":
    main()
