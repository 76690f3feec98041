# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services that are reachable from other networks than the cluster's: where they listen, and the rules this needs."""

from __future__ import annotations

from .network import interface_id


def expose(problems, services, virtual_ips, network, interfaces, paired=False):
    """({name of a service: addresses}, rules in the option format of pfsense_firewall_rule).

    services: of read_services(). virtual_ips: [{name, address, interface}]. network: the cluster's, or None.
    paired: whether another router stands in for this one, to which only virtual IPs move.
    """
    addresses, rules = {}, []
    for place, service in services:
        for wanted in service.get("expose") or []:
            found = _listen(problems, place + ".expose", wanted, virtual_ips, network, interfaces, paired)
            if not found or not service.get("port") or found[1] in addresses.get(service.get("name"), []):
                continue
            interface, address = found
            addresses.setdefault(service["name"], []).append(address)
            rules.append(
                {
                    "interface": interface,
                    "protocol": "tcp",
                    "destination": address,
                    "port": str(service["port"]),
                    "descr": "service %s" % service["name"],
                }
            )
    return addresses, rules


def _listen(problems, place, wanted, virtual_ips, network, interfaces, paired):
    """(interface, address) of an interface or of a virtual IP, None with a problem noted."""
    for virtual_ip in virtual_ips:
        if wanted in (virtual_ip["name"], virtual_ip["address"]):
            moves, interface, address = True, virtual_ip["interface"], virtual_ip["address"]
            break
    else:
        moves = False
        interface = problems.read(place, wanted, lambda name: _interface(name, virtual_ips, interfaces))
        if interface is None:
            return None
        address = (interfaces[interface] or {}).get("address")
        if not address:
            problems.add(place, wanted, "this interface has no IPv4 address; give it one on the router")
            return None
    if network and interface == network.interface:
        problems.add(
            place,
            wanted,
            "this is the cluster's own network, where services are reachable anyway; name another one such as wan",
        )
        return None
    if paired and not moves:
        problems.add(
            place,
            wanted,
            "the routers are a pair, and an interface's own address does not move to the other one; add "
            "{name: outside, interface: %s, address: an unused one there, mode: carp, vhid: 1 to 255, password: ...} "
            "to cluster_virtual_ips and write expose: [outside]" % interface,
        )
        return None
    return interface, address


def _interface(name, virtual_ips, interfaces):
    try:
        return interface_id(name, interfaces)
    except ValueError as error:
        names = ", ".join(virtual_ip["name"] for virtual_ip in virtual_ips)
        raise ValueError("%s%s" % (error, ", or a virtual IP: %s" % names if names else "")) from None
