# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is different between two looks at a router, as dicts for programs and lines for people."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field

from .health import server_states
from .lease import read_leases


@dataclass
class View:
    """One look. leases: {address: Lease}; servers: {"backend/server": (address, state word)}."""

    leases: dict = field(default_factory=dict)
    servers: dict = field(default_factory=dict)


def look(router):
    """The View of a router port."""
    leases = {lease.address: lease for lease in read_leases(router.leases())}
    return View(leases, server_states(router.haproxy_state().get("state")))


def changes(old, new):
    """[{kind, ...}]: lease_added, lease_removed, lease_changed with address, mac_address, hostname and state;
    server_added, server_removed, server_changed with server, address and state. Renewals are no changes."""
    found = []
    for address in sorted(set(old.leases) | set(new.leases), key=ipaddress.IPv4Address):
        before, after = old.leases.get(address), new.leases.get(address)
        kind = _kind(_facts(before), _facts(after))
        if kind:
            found.append(dict(_facts(after or before), kind="lease_" + kind))
    for server in sorted(set(old.servers) | set(new.servers)):
        before, after = old.servers.get(server), new.servers.get(server)
        kind = _kind(before, after)
        if kind:
            address, state = after or before
            found.append({"kind": "server_" + kind, "server": server, "address": address, "state": state})
    return found


def _kind(before, after):
    if before == after:
        return None
    return "added" if before is None else "removed" if after is None else "changed"


def _facts(lease):
    if lease is None:
        return None
    return {"address": lease.address, "mac_address": lease.mac, "hostname": lease.hostname, "state": lease.state}


def line(change):
    """One line of text. A host name is shown so that it cannot pretend to be more lines or other words."""
    kind = change["kind"]
    if kind.startswith("lease_"):
        name = " calling itself %s" % ascii(change["hostname"]) if change["hostname"] else ""
        verb = {"lease_added": "has", "lease_changed": "now has", "lease_removed": "no longer has"}[kind]
        state = "" if kind == "lease_removed" else " (%s)" % change["state"]
        return "lease: %s%s %s %s%s" % (change["mac_address"] or "a client", name, verb, change["address"], state)
    verb = {"server_added": "serves now, is", "server_changed": "is now", "server_removed": "is gone, was"}[kind]
    return "haproxy: %s (%s) %s %s" % (change["server"], change["address"], verb, change["state"])
