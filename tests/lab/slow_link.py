"""A cable that is long and loses frames. It stands in for tc's netem, which many kernels lack.

slow_link.py CABLE DELAY LOSS    in the fabric: puts itself between that cable and its bridge, until it is pulled out
slow_link.py plain INTERFACE     lets the kernel send frames that are complete and as long as on a real cable

DELAY is in seconds and for each way, LOSS between 0 and 1 and for each frame.
"""

from __future__ import annotations

import collections
import ctypes
import fcntl
import random
import select
import socket
import struct
import subprocess
import sys
import time

ETH_P_ALL, SOL_PACKET, PACKET_IGNORE_OUTGOING = 3, 263, 23
SIOCETHTOOL, ETHTOOL_STXCSUM = 0x8946, 0x17
# What waits at most, each way: enough for 100 MB/s over 100 ms.
FRAMES = 10_000


def plain(interface: str) -> None:
    """Without checksums in hardware there are no frames larger than the line takes either."""
    value = ctypes.create_string_buffer(struct.pack("II", ETHTOOL_STXCSUM, 0))
    request = struct.pack("16sP16x", interface.encode(), ctypes.addressof(value))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, SIOCETHTOOL, request)


def _ip(*commands: str) -> None:
    subprocess.run(["ip", "-batch", "-"], input="\n".join(commands) + "\n", text=True, check=True)


def _tap(interface: str) -> socket.socket:
    tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    tap.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    tap.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024 * 1024)
    tap.bind((interface, ETH_P_ALL))
    tap.setblocking(False)
    return tap


def insert(cable: str) -> tuple[socket.socket, socket.socket]:
    """Takes the cable out of its bridge; both ends of what is now in between."""
    shown = subprocess.run(["ip", "-o", "link", "show", cable], capture_output=True, text=True, check=True).stdout
    bridge = shown.split(" master ")[1].split()[0]
    port = port_of(cable)
    _ip(f"link add {port} type veth peer name {port}-in", f"link set {port}-in up")
    plain(port)
    _ip(f"link set {cable} nomaster", f"link set {port} master {bridge} up")
    return _tap(cable), _tap(f"{port}-in")


def port_of(cable: str) -> str:
    """The bridge port that takes the cable's place."""
    return cable.replace("cable", "slow")


def forward(ends: tuple[socket.socket, socket.socket], delay: float, loss: float) -> None:
    """Until one of the ends is gone."""
    ways = {ends[0]: (ends[1], collections.deque()), ends[1]: (ends[0], collections.deque())}
    while True:
        due = min((queue[0][0] for _other, queue in ways.values() if queue), default=None)
        wait = None if due is None else max(due - time.monotonic(), 0)
        for end in select.select(ends, [], [], wait)[0]:
            _take(end, ways[end][1], delay, loss)
        now = time.monotonic()
        for other, queue in ways.values():
            while queue and queue[0][0] <= now:
                frame = queue.popleft()[1]
                try:
                    other.send(frame)
                except BlockingIOError:
                    # As on a full line.
                    pass


def _take(end: socket.socket, queue: collections.deque, delay: float, loss: float) -> None:
    for _count in range(256):
        try:
            frame = end.recv(65536)
        except BlockingIOError:
            return
        if len(queue) < FRAMES and random.random() >= loss:
            queue.append((time.monotonic() + delay, frame))


def main() -> None:
    if sys.argv[1] == "plain":
        plain(sys.argv[2])
        return
    ends = insert(sys.argv[1])
    print("ready", flush=True)
    try:
        forward(ends, float(sys.argv[2]), float(sys.argv[3]))
    except OSError:
        # The machine was switched off, or the cable is an ordinary one again.
        subprocess.run(["ip", "link", "del", port_of(sys.argv[1])], stderr=subprocess.DEVNULL, check=False)


if __name__ == "__main__":
    main()
