# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the machines of the rack see: a DHCP client per kind of firmware, and small servers on a node."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

# RFC 4578 and its registry: the number that each kind of firmware sends in option 93.
ARCHITECTURES = {"bios": "0000", "uefi32": "0006", "uefi64": "0007", "uefi_arm32": "000a", "uefi_arm64": "000b"}

WEB_SERVER = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        body = f"{sys.argv[2]} {self.headers.get('X-Forwarded-For')}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer(("", int(sys.argv[1])), Handler).serve_forever()
"""


def wait_for(condition: Callable[[], object], what: str, seconds: float = 60) -> object:
    """The first true value of the condition; says what was waited for when the time is over."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds} s")
        time.sleep(0.05)


def dhcp_lease(node, firmware: str | None = None, seconds: int = 60) -> dict[str, str]:
    """What a DHCP client on the node is given; its address is put on eth0. Keys are those of udhcpc's scripts."""
    node.run(["sh", "-c", "cat > /tmp/udhcpc.sh && chmod +x /tmp/udhcpc.sh"], input=_SCRIPT)
    options = ["-O", "bootfile", "-O", "tftp"]
    if firmware:
        code = ARCHITECTURES[firmware]
        options += ["-x", f"0x5d:{code}", "-V", f"PXEClient:Arch:{int(code, 16):05d}:UNDI:003016"]
    result = node.run(
        ["udhcpc", "-i", "eth0", "-n", "-q", "-f", "-t", str(seconds), "-T", "1", "-s", "/tmp/udhcpc.sh", *options]
    )
    lease = {}
    for line in result.stdout.splitlines():
        name, found, value = line.partition("=")
        if found and name.startswith("lease_"):
            lease[name.removeprefix("lease_")] = value
    return lease


_SCRIPT = """#!/bin/sh
[ "$1" = bound ] || exit 0
for name in ip subnet siaddr boot_file bootfile tftp router dns domain hostname; do
    eval "echo lease_$name=\\$$name"
done
ip addr flush dev eth0
ip addr add "$ip/$mask" dev eth0
[ -z "$router" ] || ip route replace default via "${router%% *}"
"""


@contextlib.contextmanager
def web_server(node, port: int) -> Iterator[None]:
    """A web server on the node whose answer is the node's name and the X-Forwarded-For that it saw."""
    process = node.popen(["python3", "-c", WEB_SERVER, str(port), node.name])
    try:
        wait_for(lambda: listening(node, port), f"{node.name} listens on {port}")
        yield
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def line_server(node, port: int) -> Iterator[None]:
    """A TCP server on the node that answers each connection with the node's name."""
    process = node.popen(["socat", f"TCP-LISTEN:{port},reuseaddr,fork", f"SYSTEM:echo {node.name}"])
    try:
        wait_for(lambda: listening(node, port), f"{node.name} listens on {port}")
        yield
    finally:
        process.kill()
        process.wait()


def listening(machine, port: int, protocol: str = "t") -> bool:
    """Whether something listens on the port in the machine; protocol is `t` (TCP) or `u` (UDP)."""
    return f":{port} " in machine.run(["ss", f"-Hln{protocol}", f"sport = :{port}"], check=False).stdout
