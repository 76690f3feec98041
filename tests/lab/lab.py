"""The virtual rack, for tests: `with Rack("name") as rack: rack.router.run("uname")`.

A rack lives in the process namespace of its supervisor (see supervisor.py); this side only sends it requests and
enters its machines.
"""

from __future__ import annotations

import fcntl
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import debian_root
import qemu_setup
import release_server
import router_config
import slow_link
from machines import RackError

HERE = Path(__file__).resolve().parent
RACKS = HERE.parents[1] / "build" / "lab"
ROUTER = router_config.LAN_ADDRESS
CONTROLLER = "10.10.0.2"
PASSWORD = debian_root.PASSWORD
SLOW_LINK = HERE / "slow_link.py"
# What an SSH session on a pfSense has.
ROUTER_PATH = "/sbin:/bin:/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin"

GUESTS = [
    {"name": "internet", "network": "wan", "commands": [
        ["ip", "addr", "add", f"{router_config.GATEWAY}/24", "dev", "eth0"],
        ["ip", "route", "add", "10.10.0.0/24", "via", router_config.WAN_ADDRESS]]},
    {"name": "controller", "shared": True, "commands": [
        ["ip", "addr", "add", f"{CONTROLLER}/24", "dev", "eth0"],
        ["ip", "route", "add", "198.51.100.0/24", "via", ROUTER]]},
]  # fmt: skip


class Machine:
    """A machine of a running rack. It is looked up on every use, since a reset replaces the router."""

    def __init__(self, rack: Rack, name: str):
        self.rack = rack
        self.name = name

    @property
    def pid(self) -> int:
        """Its process 1, as the host sees it; 0 when it is off."""
        if self.name == "fabric":
            return self.rack.pid
        machines = self.rack.status()["machines"]
        if self.name not in machines:
            raise RackError(f"there is no machine called {self.name}")
        return machines[self.name]["pid"]

    def command(self, command: str | Sequence[str]) -> list[str]:
        """The host command that runs `command` (a string goes to sh) in the machine."""
        inner = ["/bin/sh", "-c", command] if isinstance(command, str) else list(command)
        pid = self.pid
        if not pid:
            raise RackError(f"{self.name} is off")
        enter = ["nsenter", f"--target={pid}", "--mount", "--net", "--pid"]
        if self.name == "fabric":
            return [*enter, "--", *inner]
        # nsenter stays outside and waits: when it is ended, so shall be what it started.
        enter += ["--uts", "--ipc", "--", "setpriv", "--pdeathsig", "TERM", "/usr/bin/env"]
        if self.name == "controller":
            # The names of these sockets hold a process id, which other racks may have too.
            sockets = self.rack.directory / "pc"
            return [*enter, f"--chdir={Path.cwd()}", f"ANSIBLE_PERSISTENT_CONTROL_PATH_DIR={sockets}", *inner]
        return [*enter, "-i", f"PATH={ROUTER_PATH}", "HOME=/root", f"TERM={os.environ.get('TERM', 'dumb')}", *inner]

    def run(self, command: str | Sequence[str], check: bool = True, input: str | None = None,  # noqa: A002
            timeout: float | None = None, **options) -> subprocess.CompletedProcess:  # fmt: skip
        """Run and wait; output is captured as text. Raises RackError with the output when `check` and it failed."""
        options = {"text": True, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        if input is None:
            options.setdefault("stdin", subprocess.DEVNULL)
        result = subprocess.run(self.command(command), input=input, timeout=timeout, check=False, **options)
        if check and result.returncode:
            raise RackError(f"{self.name}: {command} ended with {result.returncode}\n{result.stdout}\n{result.stderr}")
        return result

    def popen(self, command: str | Sequence[str], **options) -> subprocess.Popen:
        """Start without waiting. The process dies with the machine, and gets a SIGTERM when you end the Popen."""
        options = {"text": True, "stdin": subprocess.DEVNULL, **options}
        return subprocess.Popen(self.command(command), **options)

    def stop(self) -> None:
        """Power off, as by pulling the plug. The disk stays."""
        self.rack.request("power", name=self.name, on=False)

    def start(self) -> None:
        """Power on (off first when it is on); returns when it is up."""
        self.rack.request("power", name=self.name, on=True)

    def cut_cable(self, link: str = "") -> None:
        """Without `link`, all cables."""
        self.rack.request("cable", name=self.name, plugged=False, link=link)

    def plug_cable(self, link: str = "") -> None:
        self.rack.request("cable", name=self.name, plugged=True, link=link)

    def slow_cable(self, link: str, delay: float, loss: float = 0) -> None:
        """Seconds that each frame takes each way, and how many of them get lost (0 to 1). Ends with the cable."""
        self.normal_cable(link)
        self.run([*self._python(), "-", "plain", link], input=SLOW_LINK.read_text())
        command = [sys.executable, str(SLOW_LINK), self._cable(link), str(delay), str(loss)]
        process = self.rack.fabric.popen(command, stdout=subprocess.PIPE, start_new_session=True)
        if process.stdout.readline() != "ready\n":
            raise RackError(f"the cable of {self.name} cannot be made slow")
        process.stdout.close()

    def normal_cable(self, link: str) -> None:
        """As it was before slow_cable()."""
        cable = self._cable(link)
        port = slow_link.port_of(cable)
        shown = self.rack.fabric.run(["ip", "-o", "link", "show", port], check=False).stdout
        if " master " in shown:
            network = shown.split(" master ")[1].split()[0]
            self.rack.fabric.run(f"ip link del {port} && ip link set {cable} master {network}")

    def _cable(self, link: str) -> str:
        """The fabric's end of a cable."""
        number = self.run(["cat", f"/sys/class/net/{link}/iflink"]).stdout.strip()
        shown = self.rack.fabric.run("ip -o link").stdout.splitlines()
        return next(line for line in shown if line.startswith(f"{number}: ")).split()[1].partition("@")[0].strip(":")

    def _python(self) -> list[str]:
        return [sys.executable] if self.name == "controller" else ["python3"]


class Router(Machine):
    """What can be done to a router alone."""

    def __init__(self, rack: Rack, name: str = "router"):
        super().__init__(rack, name)

    def fill_disk(self, disk: str = "/cf") -> None:
        """Leave no free byte on /cf or /tftpboot."""
        self.rack.request("disk", path=disk, full=True, name=self.name)

    def free_disk(self, disk: str = "/cf") -> None:
        self.rack.request("disk", path=disk, full=False, name=self.name)

    def kill(self, daemon: str) -> None:
        """Kill -9 every process of this name and wait for their end; RackError when there is none."""
        self.run(f"pkill -9 -x {daemon} && timeout 10 sh -c 'while pgrep -x {daemon}; do sleep 0.05; done' > /dev/null")

    def php(self, code: str, check: bool = True) -> subprocess.CompletedProcess:
        """Run PHP code (without the opening tag) as pfSense scripts do."""
        return self.run(["/usr/local/bin/php"], check=check, input=f"<?php\n{code}\n")


class Computer(Machine):
    """A QEMU machine. Nobody can enter it but over the network; what it says is on its console."""

    @property
    def console(self) -> Path:
        """The log of its serial console, from its first start on."""
        return self.rack.directory / f"{self.name}.console"

    def reset(self) -> None:
        """As by its reset button."""
        self.start()

    def blank_disk(self) -> None:
        """A new disk, and UEFI variables of a new machine. It must be off."""
        self.rack.request("blank_disk", name=self.name)

    def set_boot(self, order: str) -> None:
        """`network-first` or `disk-first`, from its next start on."""
        self.rack.request("boot_order", name=self.name, order=order)

    def wait_console(self, text: str, seconds: float, after: int = 0) -> int:
        """Wait for the text on the console, from the position `after` on; returns the position behind it."""
        wanted = text.encode()
        deadline = time.monotonic() + seconds
        while True:
            content = self.console.read_bytes() if self.console.exists() else b""
            found = content.find(wanted, after)
            if found >= 0:
                return found + len(wanted)
            if b"node: EMERGENCY" in content[after:] or time.monotonic() > deadline:
                tail = content[-3000:].decode(errors="replace")
                raise RackError(f"{self.name} did not say {text!r} within {seconds:.0f} s. Its console:\n{tail}")
            time.sleep(0.1)


class Rack:
    """One rack. Several may run at once under different names, with the same addresses."""

    def __init__(self, name: str | None = None, pfsense: str = "2.8", dhcp: str = "isc",
                 pfsense_src: str | os.PathLike | None = None, pair: bool = False):  # fmt: skip
        self.name = name or "default"
        if not self.name.replace("-", "").replace("_", "").replace(".", "").isalnum() or self.name.startswith("."):
            raise RackError(f"{self.name!r} is no name for a rack: letters, digits, - and _ please")
        if pfsense not in router_config.RELEASES or dhcp not in ("isc", "kea"):
            raise RackError(f"no such router: pfSense {pfsense} with {dhcp}")
        if pfsense_src and not Path(pfsense_src).is_dir():
            raise RackError(f"{pfsense_src} is no directory")
        self.settings = {"name": self.name, "pfsense": pfsense, "dhcp": dhcp, "pair": pair,
                         "pfsense_src": str(Path(pfsense_src).resolve()) if pfsense_src else ""}  # fmt: skip
        self.directory = RACKS / self.name
        self.router = Router(self)
        # The second of a pair; it is there in racks that have one.
        self.router2 = Router(self, router_config.SECOND)
        self.controller = Machine(self, "controller")
        self.internet = Machine(self, "internet")
        self.fabric = Machine(self, "fabric")
        self.leash: int | None = None

    @property
    def key(self) -> Path:
        return self.directory / "id_ed25519"

    @property
    def known_hosts(self) -> Path:
        return self.directory / "known_hosts"

    @property
    def pid(self) -> int:
        """The supervisor, as the host sees it."""
        return int((self.directory / "pid").read_text())

    def __enter__(self) -> Rack:
        self.up(tied=True)
        return self

    def __exit__(self, *_: object) -> None:
        self.down()

    def running(self) -> bool:
        """A supervisor holds the lock as long as it lives, whatever the files say."""
        try:
            with open(self.directory / "lock") as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False

    def up(self, tied: bool = False) -> None:
        """Start the rack; returns when the router is up. A rack of this name must not run already.

        A `tied` rack ends when this process ends, however that happens.
        """
        if os.geteuid():
            raise RackError("the rack makes namespaces: run it as root")
        root = debian_root.ensure_root()
        debian_root.ensure_host_tools()
        _check_rootfs(HERE / "rootfs", root)
        if self.running():
            raise RackError(f"the rack {self.name} is up already")
        shutil.rmtree(self.directory, ignore_errors=True)
        (self.directory / "pc").mkdir(parents=True)
        self._make_keys()
        settings = {**self.settings, "root": str(root), "rootfs": str(HERE / "rootfs"), "guests": GUESTS,
                    "router_address": ROUTER}  # fmt: skip
        (self.directory / "settings.json").write_text(json.dumps(settings, indent=2))
        try:
            self._start_supervisor(tied)
        except KeyboardInterrupt:
            self.down()
            raise

    def _start_supervisor(self, tied: bool) -> None:
        ready, ready_end = os.pipe()
        leash_end = -1
        if tied:
            leash_end, self.leash = os.pipe()
        ends = [end for end in (ready_end, leash_end) if end >= 0]
        command = [sys.executable, str(HERE / "supervisor.py"), str(self.directory), str(ready_end), str(leash_end)]
        with open(self.directory / "supervisor.log", "a") as log:
            subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=ends,
                             start_new_session=True, cwd="/").wait()  # fmt: skip
        for end in ends:
            os.close(end)
        with os.fdopen(ready) as stream:
            answer = stream.readline().strip()
        if answer != "ready":
            logs = "\n".join(f"--- {log.name}\n{log.read_text()[-3000:]}" for log in self.directory.glob("*.log"))
            raise RackError(f"the rack did not come up: {answer}\n{logs}")

    def _make_keys(self) -> None:
        self._make_key(self.directory / "id_ed25519")
        addresses = {"router": ROUTER}
        if self.settings["pair"]:
            addresses[router_config.SECOND] = router_config.SECOND_LAN_ADDRESS
        lines = []
        for name, address in addresses.items():
            keys = router_config.key_directory(self.directory, name)
            keys.mkdir(exist_ok=True)
            self._make_key(keys / "ssh_host_ed25519_key")
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                            "-nodes", "-days", "365", "-subj", "/CN=pfSense", "-addext", f"subjectAltName=IP:{address}",
                            "-keyout", str(keys / "webgui.key"), "-out", str(keys / "webgui.crt")],
                           check=True, stderr=subprocess.DEVNULL)  # fmt: skip
            kind, key = (keys / "ssh_host_ed25519_key.pub").read_text().split()[:2]
            lines.append(f"{address} {kind} {key}\n")
        self.known_hosts.write_text("".join(lines))

    def _make_key(self, path: Path) -> None:
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"rack-{self.name}", "-f", str(path)],
                       check=True)  # fmt: skip

    def down(self) -> None:
        """End the rack and remove its files; nothing happens when there is none."""
        if self.running():
            try:
                self._end(lambda: self._send({"do": "down"}))
            except (OSError, RackError):
                self.kill()
        if self.leash is not None:
            os.close(self.leash)
            self.leash = None
        shutil.rmtree(self.directory, ignore_errors=True)

    def kill(self) -> None:
        """Kill -9 the supervisor, and with it the rack. The directory stays, as after a crash."""
        if self.running():
            self._end(lambda: os.kill(self.pid, signal.SIGKILL))

    def _end(self, act: Callable[[], object], seconds: float = 10) -> None:
        """Do something that ends the supervisor, and wait until the last process of the rack is gone.

        The supervisor's lock is not enough: the kernel lets it go before it ends the others.
        """
        process = os.pidfd_open(self.pid)
        try:
            act()
            if not select.select([process], [], [], seconds)[0]:
                raise RackError(f"the rack {self.name} does not end")
        finally:
            os.close(process)

    def request(self, do: str, **arguments: object) -> object:
        """Ask the supervisor; raises RackError with its words when it refuses."""
        if not self.running():
            raise RackError(f"the rack {self.name} is not up")
        line = self._send({"do": do, **arguments})
        if not line:
            raise RackError(f"the rack {self.name} ended; see {self.directory}/supervisor.log")
        answer = json.loads(line)
        if not answer["ok"]:
            raise RackError(answer["error"])
        return answer["result"]

    def _send(self, request: dict) -> bytes:
        directory = os.open(self.directory, os.O_PATH)
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                # Through /proc, because the path of a socket must be short.
                connection.connect(f"/proc/self/fd/{directory}/control")
                connection.sendall(json.dumps(request).encode() + b"\n")
                return connection.makefile("rb").readline()
        finally:
            os.close(directory)

    def status(self) -> dict:
        return self.request("status")

    def reset(self) -> None:
        """A fresh router in place of this one (of a pair, both); same host key, same cables."""
        self.request("reset")

    def add_node(self, name: str, mac: str = "", binds: Sequence[tuple[str, str, bool]] = ()) -> Machine:
        """A client on the LAN: eth0 is up and has no address yet. binds: (path here, path there, read only)."""
        self.request("add_guest", name=name, mac=mac, binds=binds)
        return Machine(self, name)

    def remove_node(self, name: str) -> None:
        self.request("remove_guest", name=name)

    def add_computer(self, name: str, mac: str, firmware: str = "bios", disk: str = "2G",
                     boot: str = "network-first") -> Computer:  # fmt: skip
        """A QEMU machine with a blank disk on the LAN, switched off."""
        qemu_setup.ensure_emulator()
        self.request("add_computer", name=name, mac=mac, firmware=firmware, disk=disk, boot=boot,
                     accel=qemu_setup.accelerator())  # fmt: skip
        return Computer(self, name)

    def add_release_server(self) -> Machine:
        """The machine `releases`; see release_server.py."""
        directory = self.directory / release_server.NAME
        shutil.rmtree(directory, ignore_errors=True)
        self.request("add_guest", **release_server.settings(directory, router_config.WAN_ADDRESS))
        return Machine(self, release_server.NAME)

    def machine(self, name: str) -> Machine:
        if name in ("router", router_config.SECOND):
            return Router(self, name)
        return Computer(self, name) if "firmware" in self.status()["machines"].get(name, {}) else Machine(self, name)

    def ssh_command(self, user: str = "root") -> list[str]:
        """To be run in the controller."""
        return ["ssh", "-i", str(self.key), "-o", f"UserKnownHostsFile={self.known_hosts}", "-o", "BatchMode=yes",
                "-o", "IdentitiesOnly=yes", f"{user}@{ROUTER}"]  # fmt: skip


def _check_rootfs(rootfs: Path, root: Path) -> None:
    """A directory over a symbolic link would hide what the link leads to; links of our own get lost in copies."""
    for path in rootfs.rglob("*"):
        if path.is_symlink():
            raise RackError(f"{path} is a link: put it into LINKS in debian_root.py")
        below = root / path.relative_to(rootfs)
        if path.is_dir() and below.is_symlink():
            raise RackError(f"{path} hides {below}, which is a link to {os.readlink(below)}: put the files there")
