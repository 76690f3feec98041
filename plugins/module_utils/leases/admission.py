# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which machines ought to serve: those of the inventory, and with cluster_admission any those that have a lease."""

from __future__ import annotations

import ipaddress

from .lease import Match, machine_name, newest_of_each

ADMITTED_GROUPS = ("cluster", "workers")


def serving_nodes(nodes, leases, settings):
    """The nodes that ought to serve, as [{name, address, groups, mac_address, admitted}].

    nodes: [{name, address, mac_address, groups}] of the inventory. leases: of read_leases().
    settings: {admission: "inventory" or "any", network: "10.10.0.0/24", match: {mac_addresses, hostnames} or {},
    taken: addresses that no machine may have, such as the router's own and virtual IPs}.

    Only active dynamic leases are admitted: a static mapping that is not of the inventory belongs to something that an
    admin knows, such as a printer. Admitted machines are named by their MAC address, because a host name is what a
    machine says of itself: another machine that says the same must neither rename nor replace it.
    """
    serving = [dict(node, admitted=False) for node in nodes]
    if settings.get("admission") != "any":
        return serving
    match = settings.get("match") or {}
    chosen = Match(match.get("mac_addresses") or (), match.get("hostnames") or (), [settings["network"]], ["active"])
    macs = {node["mac_address"] for node in nodes}
    taken = {node["address"] for node in nodes} | {str(address) for address in settings.get("taken") or ()}
    names = {node["name"] for node in nodes}
    candidates = [
        lease
        for lease in leases
        if lease.state == "active"
        and lease.mac
        and not lease.static
        and lease.mac not in macs
        and lease.address not in taken
    ]
    admitted = [lease for lease in newest_of_each(candidates) if chosen.accepts(lease)]
    for lease in sorted(admitted, key=lambda lease: ipaddress.IPv4Address(lease.address)):
        name = machine_name(lease)
        if name not in names:
            serving.append(
                {
                    "name": name,
                    "address": lease.address,
                    "mac_address": lease.mac,
                    "groups": list(ADMITTED_GROUPS),
                    "admitted": True,
                }
            )
    return serving
