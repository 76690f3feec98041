# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What HAProxy thinks of the machines."""

from __future__ import annotations

import ipaddress

from ..backend_sync.running import read_state


def server_states(text):
    """{"backend/server": (address, "up", "down", "drain" or "maint")} of `show servers state`; {} for None."""
    return {
        "%s/%s" % (backend, name): (server.address, _word(server))
        for backend, servers in read_state(text).items()
        for name, server in servers.items()
    }


def _word(server):
    if server.maintenance:
        return "maint"
    if server.drained:
        return "drain"
    return "up" if server.up else "down"


def health_of(states):
    """{address: {"healthy": bool, "servers": ["backend/server"]}}; healthy if every server of it answers its checks."""
    result = {}
    for server, (address, word) in sorted(states.items()):
        try:
            address = str(ipaddress.ip_address(address))
        except ValueError:
            continue
        entry = result.setdefault(address, {"healthy": True, "servers": []})
        entry["servers"].append(server)
        entry["healthy"] = entry["healthy"] and word == "up"
    return result
