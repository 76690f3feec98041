# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many nodes as addresses of one machine, and runs of the backend sync."""

from __future__ import annotations

import base64
import sys
from pathlib import Path

from clients import listening, wait_for
from router_line import RouterLine

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "build" / "collections"))

from ansible_collections.pfrack.cluster.plugins.module_utils.backend_sync import config, sync
from ansible_collections.pfrack.cluster.plugins.module_utils.backend_sync.config import Wish
from ansible_collections.pfrack.cluster.plugins.module_utils.backend_sync.running import read_lines, read_state
from ansible_collections.pfrack.cluster.plugins.module_utils.errors import DesiredError
from ansible_collections.pfrack.cluster.plugins.module_utils.router import Router, RouterError
from ansible_collections.pfrack.cluster.plugins.plugin_utils.agent_bundle import agent_source

__all__ = [
    "DesiredError",
    "Fleet",
    "Router",
    "RouterError",
    "RouterLine",
    "SyncRouter",
    "Wish",
    "address",
    "agent_source",
    "read_state",
]

PORT, LINES = 80, 2222
WEB, SSH = 8080, 8022
FRONT, FRONT_6 = "10.10.0.1", "fd00::ffff"
# How many of them the fixture `fleet` starts.
NODES = 6

# Both answer with the address that was asked.
WEB_SERVER = """
daemon off; pid /tmp/fleet.pid; error_log stderr crit; worker_rlimit_nofile 8192;
events {{ worker_connections 4096; }}
http {{
    access_log off; keepalive_timeout 3600; keepalive_requests 100000000;
    server {{ listen {port} backlog=1000; listen [::]:{port} backlog=1000; return 200 $server_addr; }}
}}
"""
# Keeps a connection until the client ends it.
LINE_SERVER = """
import asyncio, sys
async def line(reader, writer):
    try:
        writer.write(writer.get_extra_info("sockname")[0].encode() + b"\\n")
        await writer.drain()
        while (data := await reader.read(1000)):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    writer.close()
async def main():
    server = await asyncio.start_server(line, None, int(sys.argv[1]), backlog=1000)
    await server.serve_forever()
asyncio.run(main())
"""


class Fleet:
    """Nodes node1, node2, …: addresses of one machine. Some of them may be IPv6."""

    def __init__(self, machine):
        self.machine = machine

    def serve(self, count: int) -> None:
        """Addresses for that many nodes, and the servers behind them."""
        commands = [f"addr add {address(number)}/16 dev eth0" for number in range(1, count + 1)]
        commands.append(f"addr add {address(1, 6)}/64 dev eth0 nodad")
        self.machine.run(["ip", "-batch", "-"], input="\n".join(commands) + "\n")
        self.machine.run(
            "mkdir -p /var/lib/nginx /var/log/nginx; cat > /tmp/fleet.conf", input=WEB_SERVER.format(port=PORT)
        )
        self.processes = [
            self.machine.popen(["nginx", "-c", "/tmp/fleet.conf"]),
            self.machine.popen(["python3", "-c", LINE_SERVER, str(LINES)]),
        ]
        wait_for(lambda: listening(self.machine, LINES) and listening(self.machine, PORT), "the nodes listen")


def address(number: int, version: int = 4) -> str:
    return f"10.10.{4 + number // 200}.{1 + number % 200}" if version == 4 else f"fd00::{number:x}"


def server(number: int, port: int = PORT, **options: object) -> dict:
    return {"name": f"node{number}", "address": address(number), "port": port, **options}


def wish(*numbers: int, only: str = "", **options) -> Wish:
    """These nodes behind both services."""
    backends = [
        {"name": name, "servers": [server(number, port) for number in numbers]}
        for name, port in (("web", PORT), ("lines", LINES))
        if only in ("", name)
    ]
    return Wish("pfrack", backends, **options)


class SyncRouter:
    """Runs of the sync against the rack's router, over a connection's own code."""

    def __init__(self, rack, line=None):
        self.rack = rack
        self.line = line or RouterLine(rack)
        self.before = None
        self.port = Router(self._call)

    def _call(self, op, params):
        if self.before:
            self.before(op, params)
        return self.line.call(op, params)

    def run(self, wanted: Wish, **options) -> dict:
        return sync.synchronise(self.port, wanted, sync.Options(**options))

    def install(self, **pools: dict) -> None:
        """HAProxy with two services in front of our backends, which have no servers yet."""
        self.rack.router.run("echo 0 > /etc/pfrack-lab-package-seconds; pfSense-upgrade -y -i pfSense-pkg-haproxy")
        # The nodes' addresses do not fit into a /24.
        self.rack.router.run(f"ip addr add 10.10.250.1/16 dev em1; ip addr add {FRONT_6}/64 dev em1 nodad")
        kinds = (("web", "http", WEB, "HTTP", "100"), ("lines", "tcp", SSH, "Basic", "101"))
        section = {
            "enable": "",
            "configversion": "00.58",
            "maxconn": "2000",
            "ha_backends": {"item": [_frontend(name, kind, port) for name, kind, port, _check, _id in kinds]},
            "ha_pools": {
                "item": [{**_pool(name, check, number), **pools.get(name, {})} for name, _k, _p, check, number in kinds]
            },
        }
        operation = {"op": "set", "path": ["installedpackages", "haproxy"], "value": section}
        self.port.commit(self.port.read([]).revision, [operation], ["haproxy"], "a test")

    def change(self, path: str, value: object, services: tuple = ()) -> None:
        """What an admin does on pfSense's pages."""
        operation = {
            "op": "set",
            "path": [int(part) if part.isdigit() else part for part in path.split("/")],
            "value": value,
        }
        self.port.commit(self.port.read([]).revision, [operation], list(services), "an admin")

    def section(self) -> dict:
        return self.port.read(config.PATHS).sections[config.SECTION]

    def runtime(self, *commands: str) -> list:
        return self.port.haproxy_runtime(commands)

    def reload_by_admin(self) -> None:
        """What the button on pfSense's page does."""
        self.rack.router.php(
            "require_once('config.inc'); require_once('functions.inc'); require_once('haproxy/haproxy.inc');"
            "haproxy_check_and_run($messages, true);"
        )

    def pids(self) -> list:
        return self.port.haproxy_state()["pids"]

    def end(self) -> None:
        self.line.end()


def _frontend(name: str, kind: str, port: int) -> dict:
    listen = [
        {"extaddr": "custom", "extaddr_custom": address, "extaddr_port": str(port)} for address in (FRONT, FRONT_6)
    ]
    return {
        "name": name,
        "descr": "[pfrack]",
        "status": "active",
        "type": kind,
        "backend_serverpool": name,
        "a_extaddr": {"item": listen},
    }


def _pool(name: str, check: str, number: str) -> dict:
    mark = base64.b64encode(b"# [pfrack] servers:").decode()
    pool = {"name": name, "id": number, "check_type": check, "advanced_backend": mark, "ha_servers": ""}
    return {**pool, "httpcheck_method": "GET"} if check == "HTTP" else pool


def running(syncing):
    """{backend/name: (id, address, port, weight, out of service, checked)} of the running process."""
    return {
        f"{backend}/{name}": (
            s.id,
            s.address,
            s.port,
            s.weight,
            s.maintenance or s.drained,
            s.check_runs and not s.maintenance,
        )
        for backend, servers in read_state(syncing.port.haproxy_state()["state"]).items()
        for name, s in servers.items()
    }


def in_file(syncing):
    """The same of the file that the next start reads."""
    return {
        f"{backend}/{name}": (s.id, s.address, s.port, s.weight, s.disabled, s.check and not s.disabled)
        for backend, servers in read_lines(syncing.port.haproxy_state()["lines"]).items()
        for name, s in servers.items()
    }


def in_config(syncing):
    return {
        f"{pool['name']}_ipvANY/{s['name']}": (s["id"], s["address"], s["port"])
        for pool in syncing.section()["ha_pools"]["item"]
        for s in (pool.get("ha_servers") or {}).get("item", [])
    }


def check_agreement(syncing, *numbers):
    """config.xml, the file and the process say the same, and these nodes are in there."""
    state = running(syncing)
    assert state == in_file(syncing)
    assert {name: values[:3] for name, values in state.items()} == in_config(syncing)
    names = {f"{backend}_ipvANY/node{number}" for backend in ("web", "lines") for number in numbers}
    assert {name for name in state if "/node" in name} == names
