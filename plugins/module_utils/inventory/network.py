# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the router already uses on the cluster's interface."""

from __future__ import annotations

import ipaddress

from .addresses import Range, ipv4, natural
from .validate import suggestion


def interface_id(wanted, interfaces):
    """The interface's id for an id or a label in any case. Raises ValueError."""
    for name in sorted(interfaces):
        if str(wanted).lower() == name.lower():
            return name
    for name in sorted(interfaces):
        if str(wanted).lower() == str((interfaces[name] or {}).get("descr") or "").lower():
            return name
    raise ValueError("the router has no such interface; " + suggestion(wanted, interfaces))


class Network:
    """The network of one of the router's interfaces, from the facts of pfsense_info.

    interface: id. network: IPv4Network. router_address: IPv4Address. pools: [Range]. mappings: list of
    {mac_address, address (IPv4Address or None), hostname, marked}. own: {IPv4Address: interface id}.
    virtual_ips: {IPv4Address: description}. scope: the facts about the DHCP scope.

    Raises ValueError when the interface is unknown or has no IPv4 address.
    """

    def __init__(self, wanted, router_info, mark, given_range=None):
        interfaces = router_info.get("interfaces") or {}
        self.interface = interface_id(wanted, interfaces)
        facts = interfaces[self.interface] or {}
        if not facts.get("address"):
            raise ValueError("this interface has no IPv4 address; give it one on the router")
        self.router_address = ipv4(facts["address"])
        self.network = ipaddress.IPv4Network("%s/%s" % (facts["address"], facts["prefix"]), strict=False)
        self.own = {
            ipv4(other["address"]): name
            for name, other in sorted(interfaces.items(), key=lambda item: natural(item[0]))
            if other and other.get("address")
        }
        self.virtual_ips = {}
        for entry in router_info.get("virtual_ips") or []:
            address = _maybe_ipv4(entry.get("address"))
            if address:
                self.virtual_ips[address] = entry.get("descr") or "without description"
        self.scope = (router_info.get("scopes") or {}).get(self.interface) or {}
        self.pools = [pool for pool in map(_pool, self.scope.get("pools") or []) if pool]
        main = given_range or _pool(self.scope)
        if main:
            self.pools.insert(0, main)
        self.mappings = [
            {
                "mac_address": str(entry.get("mac_address") or "").lower(),
                "address": _maybe_ipv4(entry.get("address")),
                "hostname": entry.get("hostname") or "",
                "marked": mark.owns(entry.get("descr")),
            }
            for entry in (router_info.get("static_mappings") or {}).get(self.interface) or []
        ]

        # The first of several mappings counts, as it does for the DHCP server.
        self._by_mac_address = {entry["mac_address"]: entry for entry in reversed(self.mappings)}
        self._foreign = {
            entry["address"]: entry for entry in reversed(self.mappings) if entry["address"] and not entry["marked"]
        }

    def has_scope(self):
        """Whether the DHCP server serves this interface."""
        return bool(self.scope.get("enabled"))

    def mapping_of(self, mac_address):
        """The router's mapping for a MAC address in our notation, or None."""
        return self._by_mac_address.get(mac_address)

    def usable(self, address):
        """Whether a machine in this network can have the address, apart from who has it now."""
        edges = () if self.network.prefixlen > 30 else (self.network.network_address, self.network.broadcast_address)
        return address in self.network and address not in edges

    def objection(self, address):
        """Why nothing new can have this address, with the way out; None when nothing is against it."""
        if not self.usable(address):
            return "is no host address of %s's network %s; pick one in there" % (self.interface, self.network)
        for pool in self.pools:
            if address in pool:
                return "lies in the DHCP pool %s, which hands it to anyone; pick one outside" % pool
        if address in self.own:
            return "is the router's own address on %s; pick another" % self.own[address]
        entry = self._foreign.get(address)
        if entry:
            return "the router maps it to %s (%s) and pfrack did not make that; pick another" % (
                entry["mac_address"] or "a client",
                entry["hostname"] or "no name",
            )
        return None


def _maybe_ipv4(value):
    try:
        return ipv4(value)
    except ValueError:
        return None


def _pool(entry):
    """The Range of a scope or pool, None when it has none that can be read."""
    limits = entry.get("range") or entry
    first, last = _maybe_ipv4(limits.get("from")), _maybe_ipv4(limits.get("to"))
    return Range(first, last) if first and last and first <= last else None
