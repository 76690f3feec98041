# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a firewall rule must not open, and which rules would keep it from having an effect."""

from __future__ import annotations

import ipaddress

from . import container

BLOCKING = ("block", "reject")


def read_ports(text):
    """The range of "443" or "8000-8010"; None when it is neither."""
    bounds = str(text or "").split("-")
    if len(bounds) > 2 or not all(bound.isascii() and bound.isdigit() and len(bound) <= 5 for bound in bounds):
        return None
    first, last = int(bounds[0]), int(bounds[-1])
    return range(first, last + 1) if 1 <= first <= last <= 65535 else None


def opens_management(entry, where, current, info):
    """Problems of a rule that would let others than the LAN reach the router's web pages or its SSH server."""
    if entry["interface"] == "lan" or not _meets_router(entry["destination"], info):
        return []
    ports = read_ports(entry["destination"]["port"])
    gui = container(info.get("webgui"))
    ssh = container(current.get("system/ssh"))
    doors = [("web pages", gui.get("port"), "System > Advanced > Admin Access > TCP port")]
    if gui.get("redirect"):
        doors.append(("redirect to its web pages", 80, "System > Advanced > Admin Access > WebGUI redirect"))
    if ssh.get("enable"):
        doors.append(("SSH server", ssh.get("port") or 22, "System > Advanced > Admin Access > SSH port"))
    return [
        "%s: this would open the router's %s (port %s of every address) to interface %s; "
        "choose another port, or change the router's (%s)" % (where, name, port, entry["interface"], place)
        for name, port, place in doors
        if port and entry["protocol"] != "udp" and int(port) in ports
    ]


def _meets_router(destination, info):
    """Whether a destination includes an address of the router itself."""
    if "address" not in destination:
        return True
    network = ipaddress.ip_network(destination["address"])
    own = [container(facts).get("address") for facts in container(info.get("interfaces")).values()]
    own += [container(vip).get("address") for vip in info.get("virtual_ips") or []]
    return any(_inside(address, network) for address in own)


def _inside(address, network):
    try:
        return ipaddress.ip_address(address) in network
    except ValueError:
        return False


def blocked_before(rules, ours, identity, mark):
    """Warnings about rules of an admin that stand before ours and block everything that ours would let in."""
    warnings = []
    for index, rule in enumerate(rules):
        if identity(rule) not in ours or not mark.owns(rule.get("descr")):
            continue
        for number, other in enumerate(rules):
            # Floating rules come first, wherever they stand in the list.
            first = number < index or (other.get("floating") == "yes" and other.get("quick") == "yes")
            if first and _covers(other, rule):
                warnings.append(
                    "rule %s: the rule \"%s\" (%s) comes first and blocks it; move that one down, or take it out"
                    % (mark.strip(rule.get("descr")) or "for port %s" % rule["destination"]["port"],
                       other.get("descr") or "without description", other.get("type"))
                )  # fmt: skip
                break
    return warnings


def _covers(other, rule):
    if other.get("type") not in BLOCKING or "disabled" in other or "sched" in other:
        return False
    if rule["interface"] not in (other.get("interface") or "").split(","):
        return False
    if other.get("floating") == "yes" and other.get("direction") == "out":
        return False
    if other.get("ipprotocol") not in (None, "inet46", rule.get("ipprotocol")):
        return False
    if other.get("protocol") and rule["protocol"] not in other["protocol"].split("/"):
        return False
    source, destination = container(other.get("source")), container(other.get("destination"))
    if "any" not in source or source.get("port"):
        return False
    wanted = container(rule.get("destination"))
    same = any(destination.get(name) and destination.get(name) == wanted.get(name) for name in ("address", "network"))
    if "any" not in destination and not same:
        return False
    if not destination.get("port"):
        return True
    theirs, needed = read_ports(destination["port"]), read_ports(wanted.get("port"))
    return bool(theirs and needed and theirs[0] <= needed[0] and needed[-1] <= theirs[-1])
