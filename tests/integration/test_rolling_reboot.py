# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""playbooks/rolling_reboot.yml under load: nobody is cut off, and it stops at the first node that does not serve."""

from __future__ import annotations

import pytest
from clients import listening, wait_for
from fleet import SSH, WEB
from light_nodes import LightNode
from load import load
from playbook_run import Site

VIP = "10.10.0.10"
NODES = {f"node{number}": (f"52:54:00:71:00:0{number}", f"10.10.0.6{number}") for number in range(1, 4)}
# Answers HTTP on one port and a line on another, with the address that was asked.
SERVER = """
import asyncio, sys
async def http(reader, writer):
    name = writer.get_extra_info("sockname")[0].encode()
    try:
        while (await reader.readuntil(b"\\r\\n\\r\\n")):
            writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n%s" % (len(name), name))
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    writer.close()
async def line(reader, writer):
    writer.write(writer.get_extra_info("sockname")[0].encode() + b"\\n")
    writer.close()
async def main():
    servers = [await asyncio.start_server(http, None, int(sys.argv[1]), backlog=1000),
               await asyncio.start_server(line, None, int(sys.argv[2]), backlog=1000)]
    await asyncio.gather(*(server.serve_forever() for server in servers))
asyncio.run(main())
"""
# What a restart is for those outside: no SSH server and no service, and both again with another identity.
RESTART = """
kill $(cat /run/service.pid) $(cat /run/sshd.pid)
cat /proc/sys/kernel/random/uuid > /root/identity
/usr/sbin/sshd
[ -e /root/broken ] || { python3 /root/service.py %d %d & echo $! > /run/service.pid; }
""" % (WEB, SSH)


class Node(LightNode):
    """A light node with services, which can restart."""

    def start(self):
        super().start()
        for name, text in (("service.py", SERVER), ("restart", RESTART)):
            self.machine.run(f"cat > /root/{name}", input=text)
        self.machine.run(
            "cat /proc/sys/kernel/random/uuid > /root/identity;"
            f"setsid sh -c 'python3 /root/service.py {WEB} {SSH} & echo $! > /run/service.pid' > /dev/null 2>&1"
        )
        wait_for(lambda: listening(self.machine, SSH), f"{self.name} serves", 60)

    def identity(self):
        return self.machine.run("cat /root/identity").stdout


@pytest.fixture
def rolling(rack, router, tmp_path):
    site = Site(rack, tmp_path)
    check = {"type": "HTTP", "method": "GET", "path": "/", "interval": 500}
    site.settings.update(
        cluster_platform="none",
        cluster_services=[
            {"name": "web", "port": WEB, "mode": "http", "check": check},
            {"name": "lines", "port": SSH, "mode": "tcp", "check": {"type": "Basic", "interval": 500}},
        ],
        rolling_reboot_command="(trap '' HUP; setsid sh /root/restart > /dev/null 2>&1 < /dev/null &)",
        rolling_reboot_identity="cat /root/identity",
    )
    site.nodes("controllers").clear()
    site.nodes("workers").clear()
    nodes = {}
    for name, (mac, address) in NODES.items():
        nodes[name] = Node(rack, name, mac, address)
        site.nodes("controllers" if name == "node1" else "workers")[name] = nodes[name].variables()
    yield site, nodes
    for name in nodes:
        rack.remove_node(name)


def test_under_load_nobody_is_cut_off_and_a_node_that_does_not_serve_ends_it(rack, rolling):
    site, nodes = rolling
    site.play().ok()

    def answers():
        ask = ["curl", "-sf", "-m", "5", f"http://{VIP}:{WEB}/"]
        return {rack.controller.run(ask, check=False).stdout for _ in range(10)}

    def all_serve():
        return answers() >= {address for _mac, address in NODES.values()}

    wait_for(all_serve, "all nodes serve", 60)
    before = {name: node.identity() for name, node in nodes.items()}
    with load(rack.controller, ("kept", "new", "tcp"), VIP, 0.05) as clients:
        site.play("-e", "rolling_reboot_timeout=120", playbook="playbooks/rolling_reboot.yml").ok()
    assert clients.lost == {}
    assert clients.answered_by("new") == {address for _mac, address in NODES.values()}
    after = {name: node.identity() for name, node in nodes.items()}
    assert all(after[name] != before[name] for name in nodes)

    # One that is in maintenance restarts as well, and nobody waits until it serves.
    site.play("-l", "node3", playbook="playbooks/drain.yml").ok()
    drained = site.play("-e", "rolling_reboot_timeout=20", "-l", "node3", playbook="playbooks/rolling_reboot.yml").ok()
    assert "node3 was out of the load balancer before, and stays out" in drained.output
    assert nodes["node3"].identity() != after["node3"]
    assert answers() == {NODES["node1"][1], NODES["node2"][1]}
    site.play("-l", "node3", playbook="playbooks/undrain.yml").ok()
    after["node3"] = nodes["node3"].identity()

    # One that does not come back is said to be out, and is not forgotten there.
    silent = ["-e", "rolling_reboot_command=true", "-e", "rolling_reboot_timeout=3", "-l", "node3"]
    failed = site.play(*silent, playbook="playbooks/rolling_reboot.yml")
    words = (
        "is still running, 3 s after it was told to restart; look at its console. node3 is out of the load balancer;"
    )
    assert failed.returncode != 0 and words in " ".join(failed.output.split()), failed.output
    assert "playbooks/undrain.yml -l node3 brings it back" in " ".join(failed.output.split()), failed.output
    site.play("-l", "node3", playbook="playbooks/undrain.yml").ok()
    wait_for(all_serve, "node3 is back", 60)

    nodes["node2"].machine.run("touch /root/broken")
    failed = site.play("-e", "rolling_reboot_timeout=5", "-l", "workers", playbook="playbooks/rolling_reboot.yml")
    assert failed.returncode != 0 and "node2: HAProxy does not find it up" in failed.output, failed.output
    assert nodes["node3"].identity() == after["node3"]
