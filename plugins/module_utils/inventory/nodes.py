# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which node has which address."""

from __future__ import annotations

from .addresses import ipv4, is_label, mac_address, natural


def read_nodes(problems, nodes, domain):
    """The nodes in natural order of their names, as [{name, host, mac_address, explicit, groups}].

    host: the name in the inventory; name: the same without the cluster's domain, in lower case.
    mac_address and explicit (IPv4Address) are None where missing or wrong; what is wrong is in problems.
    """
    result, names, cards = [], {}, {}
    for node in sorted(nodes, key=lambda item: natural(item["name"])):
        host = str(node["name"])
        name = _host_name(problems, host, domain)
        if names.setdefault(name, host) != host:
            problems.add(host, name, "%s has the same name in DNS; rename one" % names[name])
        card = None
        if node.get("mac_address") is None:
            problems.add(host + "/mac_address", None, "a node needs one; write that of the card it boots from")
        else:
            card = problems.read(host + "/mac_address", node["mac_address"], mac_address)
        if card and cards.setdefault(card, host) != host:
            problems.add(host + "/mac_address", card, "%s has the same; correct one of them" % cards[card])
        explicit = None
        if node.get("ipv4_address") is not None:
            explicit = problems.read(host + "/ipv4_address", node["ipv4_address"], ipv4)
        result.append(
            {
                "name": name,
                "host": host,
                "mac_address": card,
                "explicit": explicit,
                "readable": explicit is not None or node.get("ipv4_address") is None,
                "groups": sorted(node.get("groups") or []),
            }
        )
    return result


def _host_name(problems, host, domain):
    name = host.lower()
    if domain and name.endswith("." + domain):
        name = name[: -len(domain) - 1]
    if not is_label(name):
        problems.add(
            host,
            host,
            "is no host name; use letters, digits and hyphens only (and no domain but %s)"
            % (domain or "cluster_domain"),
        )
    elif len(name) < 2:
        problems.add(host, host, "pfSense takes no server name of one letter; use at least two")
    elif name.isdigit():
        problems.add(host, host, "a name of digits only looks like an address; add a letter, as in node%s" % host)
    return name


def assign(problems, nodes, network, virtual_ips, node_range):
    """Give each node of read_nodes() its address (IPv4Address, or None with a problem noted) and `allocated`.

    The order: what the inventory says; what the router already maps to the node's MAC address; the next free
    one of node_range (Range or None). virtual_ips: the addresses of the cluster's virtual IPs.
    """
    _keep(nodes, network)
    # Those with an address of their own in the inventory come first, so that a clash is blamed on the other.
    taken = {}
    for node in sorted(nodes, key=lambda item: item["explicit"] is None):
        if node["address"] is not None:
            _check(problems, node, network, virtual_ips, taken)
    waiting = [node for node in nodes if node["allocated"]]
    if node_range is None:
        for node in waiting:
            problems.add(
                node["host"] + "/ipv4_address",
                None,
                "no address is known for it; set cluster_node_range to have one chosen, or write one here",
            )
    else:
        _allocate(problems, waiting, node_range, _free(node_range, network, virtual_ips, taken, nodes))
    for node in nodes:
        _check_foreign_mapping(problems, node, network)


def _allocate(problems, waiting, node_range, free):
    for node in waiting:
        node["address"] = next(free, None)
    without = [node["host"] for node in waiting if node["address"] is None]
    if without:
        problems.add(
            "cluster_node_range",
            node_range,
            "is too small: no address is left for %d nodes (%s); widen it" % (len(without), _some(without)),
        )


def _keep(nodes, network):
    for node in nodes:
        mapping = network.mapping_of(node["mac_address"]) if node["mac_address"] else None
        kept = mapping["address"] if mapping else None
        node["address"] = node["explicit"] or kept
        node["allocated"] = node["address"] is None and node["readable"] and node["mac_address"] is not None


def _check(problems, node, network, virtual_ips, taken):
    address, place = node["address"], node["host"] + "/ipv4_address"
    mine = network.mapping_of(node["mac_address"])
    foreign = mine is not None and not mine["marked"]
    objection = (
        None if foreign and mine["address"] == address and network.usable(address) else network.objection(address)
    )
    if objection and node["explicit"] is None:
        objection += " (the router maps it to this node); set ipv4_address to move the node"
    if objection:
        problems.add(place, address, objection)
    elif address in virtual_ips:
        problems.add(place, address, "is one of cluster_virtual_ips; pick another")
    elif address in network.virtual_ips:
        problems.add(place, address, "is the router's virtual IP %s; pick another" % network.virtual_ips[address])
    elif address in taken:
        problems.add(
            place,
            address,
            "%s has it%s; pick another"
            % (taken[address]["host"], "" if node["explicit"] else " and the router maps it to this node"),
        )
    taken.setdefault(address, node)


def _check_foreign_mapping(problems, node, network):
    mine = network.mapping_of(node["mac_address"]) if node["mac_address"] else None
    if mine is None or mine["marked"] or (mine["address"], mine["hostname"].lower()) == (node["address"], node["name"]):
        return
    problems.add(
        node["host"] + "/mac_address",
        node["mac_address"],
        "the router maps it to %s (%s) and pfrack did not make that; remove that mapping on the router, "
        "or let the inventory say the same" % (mine["address"] or "no address", mine["hostname"] or "no name"),
    )


def _free(node_range, network, virtual_ips, taken, nodes):
    """The free addresses in ascending order; those of removed nodes come last, somebody may still use them."""
    cards = {node["mac_address"] for node in nodes}
    removed = {entry["address"] for entry in network.mappings if entry["marked"] and entry["mac_address"] not in cards}
    blocked = set(virtual_ips) | set(network.virtual_ips) | set(network.own) | set(taken)
    blocked |= {entry["address"] for entry in network.mappings if not entry["marked"]}
    for last_choice in (False, True):
        for address in node_range:
            if address not in blocked and network.usable(address) and (address in removed) == last_choice:
                yield address


def _some(names):
    return ", ".join(names[:5]) + (" and others" if len(names) > 5 else "")
