# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the inventory says about etcd and the network of the containers, checked before a node is installed with it."""

from __future__ import annotations

import ipaddress

from .addresses import ipv4

# Variables of the roles etcd and flannel, which are checked here with everything else.
SETTINGS = ("etcd_group", "flannel_network", "flannel_subnet_length")
NETWORK, LENGTH = "10.244.0.0/16", 24


def read_overlay(problems, settings, chosen, members, network, interfaces, virtual_ips):
    """{etcd: bool, overlay: none or flannel}. settings: {variable: value}; chosen: settings.read_settings()."""
    result = {"etcd": chosen["cluster_etcd"], "overlay": chosen["cluster_overlay"]}
    group = settings.get("etcd_group") or "controllers"
    if result["etcd"] and not any(group in member["groups"] for member in members):
        problems.add(
            "cluster_etcd", True, "no node is in the group %s, whose nodes are etcd's members; add one" % group
        )
    if result["overlay"] == "none":
        return result
    if not result["etcd"]:
        problems.add("cluster_overlay", result["overlay"], "keeps its configuration in etcd; set cluster_etcd: true")
    wanted = settings.get("flannel_network") or NETWORK
    overlay = problems.read("flannel_network", wanted, _network)
    if overlay:
        _check_overlaps(problems, overlay, network, interfaces, virtual_ips)
        _check_parts(problems, overlay, settings.get("flannel_subnet_length") or LENGTH, len(members))
    return result


def _network(value):
    try:
        return ipaddress.IPv4Network(str(value))
    except ValueError:
        raise ValueError("is no network; write one such as %s, that nothing else uses" % NETWORK) from None


def _check_overlaps(problems, overlay, network, interfaces, virtual_ips):
    taken = []
    for name, facts in sorted(interfaces.items()):
        if facts and facts.get("address") and facts.get("prefix"):
            other = ipaddress.IPv4Network("%s/%s" % (facts["address"], facts["prefix"]), strict=False)
            taken.append((other, "the network of the router's interface %s" % name))
    if network:
        taken += [(ipaddress.IPv4Network(address), "a virtual IP of the router") for address in network.virtual_ips]
    for entry in virtual_ips:
        address = problems.read("cluster_virtual_ips", entry["address"], ipv4) if entry.get("address") else None
        if address:
            taken.append((ipaddress.IPv4Network(address), "the virtual IP %s" % entry["name"]))
    # One answer is enough: another network is needed anyway.
    found = next(((other, what) for other, what in taken if overlay.overlaps(other)), None)
    if found:
        problems.add(
            "flannel_network",
            overlay,
            "overlaps %s (%s), which containers could not reach any more; choose one that nothing uses"
            % (found[1], found[0] if found[0].prefixlen < 32 else found[0].network_address),
        )


def _check_parts(problems, overlay, length, nodes):
    place = "flannel_subnet_length"
    if not str(length).isdigit() or not overlay.prefixlen < int(length) <= 30:
        text = "is no length of a node's part of %s; write a number from %d to 30" % (overlay, overlay.prefixlen + 1)
        problems.add(place, length, text)
        return
    # flannel leaves the first part of the network out.
    parts = 2 ** (int(length) - overlay.prefixlen) - 1
    if nodes > parts:
        text = "%s has %d parts of that length, for %d nodes; choose a larger network" % (overlay, parts, nodes)
        problems.add(place, length, text)
