# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Leases as the agent answers them, made safe: whatever a DHCP client sent is only text here."""

from __future__ import annotations

import fnmatch
import ipaddress
import re
from dataclasses import dataclass

STATES = ("active", "static", "reserved", "expired")
_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


@dataclass(frozen=True)
class Lease:
    """Who holds an IPv4 address. mac may be "". hostname is what the client said, or what a static mapping says.

    starts, ends: seconds since 1970, None for none. static: a mapping of the configuration, perhaps never used.
    """

    address: str
    mac: str
    hostname: str = ""
    state: str = "active"
    static: bool = False
    online: bool = False
    starts: int = None
    ends: int = None
    interface: str = ""
    descr: str = ""


def read_leases(answer):
    """The leases of an answer of the agent, by address; entries without a usable address are left out."""
    leases = {}
    entries = answer.get("leases")
    for entry in entries if isinstance(entries, list) else ():
        if not isinstance(entry, dict):
            continue
        try:
            address = ipaddress.IPv4Address(_text(entry, "address"))
        except ValueError:
            continue
        mac = _text(entry, "mac").lower()
        state = entry.get("state")
        leases[address] = Lease(
            address=str(address),
            mac=mac if _MAC.fullmatch(mac) else "",
            hostname=_text(entry, "hostname"),
            state=state if isinstance(state, str) and state in STATES else "expired",
            static=entry.get("type") == "static",
            online=bool(entry.get("online")),
            starts=_seconds(entry, "starts"),
            ends=_seconds(entry, "ends"),
            interface=_text(entry, "interface"),
            descr=_text(entry, "descr"),
        )
    return [leases[address] for address in sorted(leases)]


def _text(entry, name):
    value = entry.get(name)
    return value if isinstance(value, str) else ""


def _seconds(entry, name):
    value = entry.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


class Match:
    """Chooses leases. Patterns may have * and ?, upper and lower case are the same; an empty list means all.

    Raises ValueError when a network is none.
    """

    def __init__(self, mac_addresses=(), hostnames=(), networks=(), states=()):
        self._macs = [str(pattern).lower().replace("-", ":") for pattern in mac_addresses]
        self._hostnames = [str(pattern).lower() for pattern in hostnames]
        self._networks = [ipaddress.IPv4Network(str(network), strict=False) for network in networks]
        self._states = tuple(states)

    def accepts(self, lease):
        return (
            (not self._states or lease.state in self._states)
            and (not self._macs or _matches(lease.mac, self._macs))
            and (not self._hostnames or _matches(lease.hostname.lower(), self._hostnames))
            and (not self._networks or any(ipaddress.IPv4Address(lease.address) in net for net in self._networks))
        )


def _matches(text, patterns):
    return any(fnmatch.fnmatchcase(text, pattern) for pattern in patterns)


def safe_label(text):
    """The text as one DNS label, or None: never more than lower case letters, digits and inner hyphens."""
    label = text.split(".")[0].lower()
    return label if _LABEL.fullmatch(label) and not label.isdigit() and len(label) > 1 else None


def machine_name(lease):
    """A name that its holder cannot choose, and that lasts as long as the network card."""
    return "node-" + (lease.mac.replace(":", "") or lease.address.replace(".", "-"))


def newest_of_each(leases):
    """One lease for each MAC address: boot firmware and system often ask as different clients, and the later counts."""
    newest = {}
    for lease in leases:
        known = newest.get(lease.mac)
        if known is None or _age(lease) > _age(known):
            newest[lease.mac] = lease
    return list(newest.values())


def _age(lease):
    return lease.starts or 0, lease.online, ipaddress.IPv4Address(lease.address)
