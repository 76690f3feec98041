"""The virtual rack itself: it comes, it goes without a trace, and it breaks where it is told to."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import lab
import pytest
from clients import dhcp_lease, wait_for

NAME = f"test-lab-{os.getpid()}"


def processes() -> dict[int, str]:
    """All processes of the host and when they began (their ids are used again).

    Without those that have ended and that the host's process 1 is slow to collect.
    """
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] != "Z":
            found[int(path.parent.name)] = fields[19]
    return found


def processes_of(rack: lab.Rack) -> dict[int, str]:
    """Those in the rack's process namespaces."""
    machines = [rack.pid, *(machine["pid"] for machine in rack.status()["machines"].values())]
    inside = {os.readlink(f"/proc/{pid}/ns/pid") for pid in machines}
    found = {}
    for pid, began in processes().items():
        try:
            if os.readlink(f"/proc/{pid}/ns/pid") in inside:
                found[pid] = began
        except OSError:
            continue
    return found


def host_view() -> tuple[str, list[str], list[str]]:
    mounts = Path("/proc/self/mountinfo").read_text()
    links = sorted(os.listdir("/sys/class/net"))
    named = sorted(os.listdir("/run/netns")) if os.path.isdir("/run/netns") else []
    return mounts, links, named


def reaches_router(rack: lab.Rack, seconds: int) -> bool:
    """From the controller, within so many seconds: a question for the MAC that got lost is asked again after one."""
    command = f"timeout {seconds} bash -c '< /dev/tcp/10.10.0.1/22'"
    return rack.controller.run(command, check=False).returncode == 0


def ssh(rack: lab.Rack, *command: str, user: str = "root") -> str:
    return rack.controller.run([*rack.ssh_command(user), *command]).stdout


@pytest.mark.parametrize("crash", [False, True], ids=["down", "killed"])
def test_an_ended_rack_leaves_no_trace(crash: bool) -> None:
    before = host_view()
    rack = lab.Rack(NAME)
    began = time.monotonic()
    rack.up()
    try:
        print(f"up: {time.monotonic() - began:.2f} s")
        assert host_view() == before
        used = processes_of(rack)
        assert rack.pid in used
        assert len({os.readlink(f"/proc/{pid}/ns/net") for pid in used}) == 4
        if crash:
            rack.kill()
        else:
            rack.down()
            assert not rack.directory.exists()
        assert host_view() == before
        assert not used.items() & processes().items()
        # What a crash leaves on disk is not in the way of the next start.
        rack.up()
        assert "10.10.0.1" in rack.router.run("ip addr").stdout
    finally:
        rack.down()
    assert not rack.directory.exists()


def test_a_rack_dies_with_the_process_that_it_is_tied_to() -> None:
    code = f"import sys, time; sys.path.insert(0, {str(lab.HERE)!r}); import lab\n" \
           f"with lab.Rack({NAME!r}): print('up', flush=True); time.sleep(60)"  # fmt: skip
    rack = lab.Rack(NAME)
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as user:
        try:
            assert user.stdout.readline() == "up\n"
            used = processes_of(rack)
        finally:
            user.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 5
    while used.items() & processes().items() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not used.items() & processes().items()
    assert not rack.running()
    rack.down()


def test_racks_run_side_by_side(rack: lab.Rack) -> None:
    with lab.Rack(NAME) as other:
        assert ssh(other, "hostname") == "pfSense\n"
        other.router.run("touch /root/other")
        assert other.router.run("ls /root/other").stdout
        assert rack.router.run("ls /root/other", check=False).returncode
        assert ssh(rack, "ls", "-d", "/root") == "/root\n"
        # Same address, another router: its key is another one.
        with pytest.raises(lab.RackError, match="HOST IDENTIFICATION HAS CHANGED|verification failed"):
            command = [word.replace(str(rack.known_hosts), str(other.known_hosts)) for word in rack.ssh_command()]
            rack.controller.run([*command, "true"])


def test_a_name_can_be_used_once_at_a_time(rack: lab.Rack) -> None:
    with pytest.raises(lab.RackError, match="up already"):
        lab.Rack(rack.name).up()
    assert rack.running()


def test_a_bad_name_is_refused() -> None:
    with pytest.raises(lab.RackError, match="no name for a rack"):
        lab.Rack("../elsewhere")


def test_reset_gives_a_fresh_router(rack: lab.Rack, router: lab.Router) -> None:
    first = router.run("cat /conf/config.xml", check=False).stdout
    router.run("echo changed > /conf/config.xml; touch /tmp/mine /tftpboot/mine /etc/mine; ip addr flush dev em1")
    for _ in range(3):
        began = time.monotonic()
        rack.reset()
        print(f"reset: {time.monotonic() - began:.3f} s")
    assert router.run("cat /conf/config.xml", check=False).stdout == first
    assert router.run("ls -d /tmp/mine /tftpboot/mine /etc/mine", check=False).stdout == ""
    # Strict host key checking: it is the same key.
    assert ssh(rack, "echo", "hello") == "hello\n"


@pytest.mark.parametrize("user", ["root", "admin"])
def test_both_accounts_are_root(rack: lab.Rack, user: str) -> None:
    assert ssh(rack, "id", "-u", user=user) == "0\n"


def test_power_off_keeps_the_disk_and_empties_the_memory(rack: lab.Rack, router: lab.Router) -> None:
    router.run("touch /root/kept /tmp/lost /cf/kept")
    router.stop()
    with pytest.raises(lab.RackError, match="router is off"):
        router.run("true")
    assert not reaches_router(rack, 1)
    router.start()
    assert router.run("ls -d /root/kept /tmp/lost /cf/kept", check=False).stdout == "/cf/kept\n/root/kept\n"
    assert ssh(rack, "echo", "hello") == "hello\n"


def test_a_cut_cable(rack: lab.Rack, router: lab.Router) -> None:
    assert reaches_router(rack, 5)
    router.cut_cable("em1")
    assert "NO-CARRIER" in router.run("ip link show em1").stdout
    assert not reaches_router(rack, 1)
    router.plug_cable("em1")
    assert reaches_router(rack, 5)
    with pytest.raises(lab.RackError, match="no interface em7"):
        router.cut_cable("em7")


def test_a_long_and_bad_cable(rack: lab.Rack, router: lab.Router) -> None:
    def pings(count: int) -> str:
        return rack.controller.run(f"ping -q -i 0.01 -c {count} -W 5 10.10.0.1", check=False).stdout

    assert reaches_router(rack, 5)
    router.slow_cable("em1", 0.05)
    try:
        assert float(pings(3).split(" = ")[1].split("/")[0]) >= 100
        assert ssh(rack, "echo", "hello") == "hello\n"
        router.slow_cable("em1", 0.001, 0.5)
        lost = int(pings(100).split("% packet loss")[0].split()[-1])
        assert 40 < lost < 99
    finally:
        router.normal_cable("em1")
    assert ssh(rack, "echo", "hello") == "hello\n"
    assert reaches_router(rack, 5)


@pytest.mark.parametrize("disk", ["/cf", "/tftpboot"])
def test_a_full_disk(router: lab.Router, disk: str) -> None:
    router.fill_disk(disk)
    result = router.run(f"cp /etc/passwd {disk}/file", check=False)
    assert "No space left" in result.stderr
    router.free_disk(disk)
    router.run(f"cp /etc/passwd {disk}/file")


def test_the_controller_has_our_files_and_no_way_out(rack: lab.Rack) -> None:
    assert rack.controller.run(["pwd"]).stdout == f"{Path.cwd()}\n"
    assert rack.controller.run(["cat", str(Path(__file__))]).stdout == Path(__file__).read_text()
    assert rack.controller.run("cat /etc/resolv.conf").stdout == "nameserver 10.10.0.1\n"
    assert "unreachable" in rack.controller.run("ip route get 192.0.2.1", check=False).stderr


def test_a_killed_daemon_is_gone(rack: lab.Rack, router: lab.Router) -> None:
    ask = "dig +short +time=1 +tries=1 pfSense.lab.example @10.10.0.1"
    assert rack.internet.run(ask).stdout == "10.10.0.1\n"
    router.kill("unbound")
    assert rack.internet.run(ask, check=False).returncode
    with pytest.raises(lab.RackError):
        router.kill("unbound")


def test_what_is_ended_outside_ends_inside(router: lab.Router) -> None:
    with router.popen("echo ready; exec sleep 4711", stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == "ready\n"
        process.terminate()
    deadline = time.monotonic() + 5
    while router.run(["pgrep", "-f", "^sleep 4711"], check=False).stdout and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not router.run(["pgrep", "-f", "^sleep 4711"], check=False).stdout


def test_the_router_reaches_its_gateway(rack: lab.Rack) -> None:
    rack.router.run("ping -c 1 -W 1 198.51.100.1")


def test_nodes_come_and_go(rack: lab.Rack) -> None:
    node = rack.add_node("comes", "52:54:00:00:00:77")
    assert "52:54:00:00:00:77" in node.run("ip link show eth0").stdout
    with pytest.raises(lab.RackError, match="already"):
        rack.add_node("comes")
    node.run("ip addr add 10.10.0.77/24 dev eth0; touch /root/mine")
    node.run("ping -c 1 -W 1 10.10.0.2")
    rack.remove_node("comes")
    with pytest.raises(lab.RackError, match="no machine called comes"):
        node.run("true")
    again = rack.add_node("comes")
    assert again.run("ls /root/mine", check=False).returncode
    rack.remove_node("comes")


VARIANTS = [(pfsense, dhcp) for pfsense in ("2.7", "2.8") for dhcp in ("isc", "kea")]


@pytest.mark.parametrize("rack", VARIANTS, indirect=True, ids="-".join)
def test_every_variant_serves_a_fresh_lan(rack: lab.Rack, router: lab.Router, node: Callable[..., lab.Machine]) -> None:
    assert router.run("cat /etc/version").stdout.startswith(rack.settings["pfsense"])
    daemon = {"isc": "dhcpd", "kea": "kea-dhcp4"}[rack.settings["dhcp"]]
    router.run(["pgrep", "-f", daemon])
    client = node("client", "52:54:00:00:00:78")
    client.run("udhcpc -i eth0 -n -q -t 8 -T 1")
    assert "inet 10.10.0.1" in client.run("ip -4 addr show eth0").stdout
    assert client.run("dig +short pfSense.lab.example").stdout == "10.10.0.1\n"


@pytest.mark.parametrize("rack", [("2.7", "kea")], indirect=True)
def test_a_cable_that_comes_late(rack: lab.Rack, router: lab.Router, node: Callable[..., lab.Machine]) -> None:
    """As on a busy machine, where the router boots faster than its cables are plugged in."""
    router.cut_cable("em1")
    router.php("require_once('functions.inc'); services_dhcpd_configure();")
    router.plug_cable("em1")
    assert dhcp_lease(node("late", "52:54:00:00:00:11"), seconds=30)["ip"].startswith("10.10.0.")


def test_daemons_log_to_the_system_log(router: lab.Router) -> None:
    router.run("logger -t lab 'a line from a daemon'")
    wait_for(
        lambda: "lab: a line from a daemon\n" in router.run("cat /var/log/system.log").stdout, "the line in the log"
    )


def test_a_dead_process_leaves_no_zombie(router: lab.Router) -> None:
    router.run("sh -c 'sleep 0 &'")
    router.run("logger wake")
    states = router.run("ps -eo stat=").stdout.split()
    assert not [state for state in states if state.startswith("Z")]
