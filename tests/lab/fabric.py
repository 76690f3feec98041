"""The cables and switches of a rack, in the supervisor's own network namespace."""

from __future__ import annotations

import subprocess

import namespaces as ns

NETWORKS = ("lan", "wan", "sync")


class Fabric:
    """Bridges, and virtual cables from them to machines. Names count up: the kernel removes old cables lazily."""

    def __init__(self) -> None:
        self.count = 0

    def create(self) -> None:
        ns.link_up("lo")
        with open("/proc/sys/net/ipv6/conf/default/disable_ipv6", "w") as setting:
            setting.write("1")
        batch = []
        for network in NETWORKS:
            batch.append(f"link add {network} type bridge forward_delay 0 mcast_snooping 0")
            batch.append(f"link set {network} up")
        self._ip(batch)

    def connect(self, pid: int, links: list[tuple[str, str]]) -> list[str]:
        """Give the machine its interfaces, (name, MAC) each; returns our ends, which are not plugged in yet."""
        names, batch = [], []
        for link, mac in links:
            self.count += 1
            name = f"cable{self.count}"
            address = f"address {mac}" if mac else ""
            batch.append(f"link add {name} type veth peer name {link} netns {pid} {address}")
            names.append(name)
        self._ip(batch)
        return names

    def tap(self) -> str:
        """A cable whose other end is a process that has a network card to emulate."""
        self.count += 1
        name = f"cable{self.count}"
        self._ip([f"tuntap add {name} mode tap"])
        return name

    def plug(self, cables: dict[str, str]) -> None:
        """Our end of a cable -> network."""
        self._ip([f"link set {cable} master {network} up" for cable, network in cables.items()])

    def set_cable(self, cable: str, plugged: bool) -> None:
        self._ip([f"link set {cable} {'up' if plugged else 'down'}"])

    def remove(self, cables: list[str]) -> None:
        self._ip([f"link del {cable}" for cable in cables])

    def _ip(self, batch: list[str]) -> None:
        subprocess.run(["ip", "-batch", "-"], input="\n".join(batch) + "\n", text=True, check=True)
