# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Leases as hosts of an inventory."""

from __future__ import annotations

from .lease import machine_name, newest_of_each, safe_label


def inventory_hosts(leases, health, use_dhcp_names=False, reserved=()):
    """[{name, groups, variables}], one for each machine.

    leases: the chosen ones. health: of health_of(). use_dhcp_names: call machines as they call themselves, where that
    is a host name that no other machine claims. reserved: names that no machine may take by saying so.

    A static mapping's name was written by an admin and is taken as it is, if it is a host name.
    """
    machines = newest_of_each([lease for lease in leases if lease.mac])
    machines += [lease for lease in leases if not lease.mac]
    wanted = [_wanted_name(lease, use_dhcp_names) for lease in machines]
    hosts = []
    for lease, name in zip(machines, wanted):
        if name is None or wanted.count(name) > 1 or name in reserved:
            name = machine_name(lease)
        seen = health.get(lease.address)
        groups = ["static" if lease.static else "leased"]
        if seen is not None:
            groups.append("healthy" if seen["healthy"] else "unhealthy")
        hosts.append(
            {
                "name": name,
                "groups": groups,
                "variables": {
                    "mac_address": lease.mac,
                    "ipv4_address": lease.address,
                    "dhcp_hostname": lease.hostname,
                    "lease_state": lease.state,
                    "lease_online": lease.online,
                    "lease_starts": lease.starts,
                    "lease_ends": lease.ends,
                    "dhcp_interface": lease.interface,
                    "dhcp_descr": lease.descr,
                    "haproxy_healthy": seen["healthy"] if seen else None,
                    "haproxy_servers": seen["servers"] if seen else [],
                },
            }
        )
    return sorted(hosts, key=lambda host: host["name"])


def _wanted_name(lease, use_dhcp_names):
    return safe_label(lease.hostname) if lease.static or use_dhcp_names else None
