# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole inventory, checked, as the values that the modules want."""

from __future__ import annotations

from ..errors import DesiredError
from ..leases.admission import serving_nodes
from ..leases.lease import read_leases
from ..ownership import Mark
from . import nodes as node_list
from .addresses import ipv4
from .exposure import expose
from .installation import check_installation
from .kubernetes import read_kubernetes
from .network import Network
from .overlay import read_overlay
from .presets import NETWORK_BOOT
from .services import balance, read_services
from .settings import check_ranges, dns_service, read_settings, read_virtual_ips
from .validate import Problems


def compile_cluster(nodes, settings, router_info, groups=None, pair=None):
    """The specification of a cluster.

    nodes: [{name, groups, mac_address, ipv4_address}], the hosts of the group `cluster`; those of
    installation.NODE_VARIABLES that are set for them as well.
    settings: {variable: value}, the `cluster_*` variables, `dns_service`, installation.SETTINGS and
    overlay.SETTINGS.
    router_info: the facts of pfsense_info, with leases if the cluster admits machines by lease. groups: the names of
    all groups of the inventory. pair: for two routers that stand in for each other, {address: words} of the other one.

    Raises DesiredError with every problem of the inventory, one line each.
    """
    problems = Problems()
    chosen = read_settings(problems, settings)
    preset = chosen["platform"]
    network = problems.read(
        "cluster_interface",
        chosen["cluster_interface"],
        lambda wanted: Network(wanted, router_info, Mark(chosen["cluster_name"]), chosen.get("cluster_dhcp_range")),
    )
    if network and pair:
        network.own.update({ipv4(address): words for address, words in pair.items()})
    virtual_ips = read_virtual_ips(
        problems, chosen.get("cluster_virtual_ips"), chosen, network, router_info.get("interfaces") or {}
    )
    members = node_list.read_nodes(problems, nodes, chosen.get("cluster_domain"))
    may_be_empty = chosen["cluster_admission"] == "any"
    if not members and not may_be_empty:
        problems.add("cluster", "no hosts", "the group is empty; add a node with its mac_address to the inventory")
    if chosen["cluster_install"]:
        check_installation(problems, nodes, {**settings, "cluster_admission": chosen["cluster_admission"]})
    if network:
        check_ranges(problems, chosen, network)
        addresses = {entry["address"] for entry in virtual_ips}
        node_list.assign(problems, members, network, addresses, chosen.get("cluster_node_range"))
    interfaces = router_info.get("interfaces") or {}
    overlay = read_overlay(problems, settings, chosen, members, network, interfaces, virtual_ips)
    kubernetes = read_kubernetes(problems, chosen, members)
    services = read_services(problems, preset["services"], chosen.get("cluster_services"))
    if services and not chosen.get("cluster_virtual_ips"):
        problems.add("cluster_virtual_ips", None, "services need an address; add one such as {address: 10.10.0.10}")
    if chosen.get("cluster_dns_wildcard") and not chosen.get("cluster_virtual_ips"):
        problems.add("cluster_dns_wildcard", True, "there is no virtual IP to point it to; add cluster_virtual_ips")
    for entry in virtual_ips:
        entry["address"] = str(entry["address"])
    home = str(network.router_address) if network else None
    if network and pair is not None:
        home = _home(problems, virtual_ips, network)
    shown = [_node(member) for member in members]
    serving = _serving(shown, chosen, network, virtual_ips, router_info)
    known_groups = set(groups or ()) | {"cluster"} | {group for node in serving for group in node["groups"]}
    exposed, firewall_rules = expose(problems, services, virtual_ips, network, interfaces, pair is not None)
    backends, frontends = balance(problems, services, serving, known_groups, virtual_ips, may_be_empty, exposed)
    _check_web_gui(problems, frontends, router_info.get("webgui") or {})
    snippets = preset.get("node_snippets") or {}
    for group in sorted(set(snippets) - known_groups):
        problems.add("cluster_platforms.node_snippets", group, "no such group; take one of the inventory, or cluster")
    service = dns_service(problems, chosen["dns_service"], router_info.get("dns") or {})
    if problems.lines:
        raise DesiredError(problems.lines)

    domain = chosen["cluster_domain"]
    wildcard = chosen.get("cluster_dns_wildcard", True) and virtual_ips
    return {
        "owner": chosen["cluster_name"],
        "interface": network.interface,
        "domain": domain,
        "router_address": home,
        "prefix": network.network.prefixlen,
        "admission": chosen["cluster_admission"],
        "install": chosen["cluster_install"],
        **overlay,
        "nodes": shown,
        "group_snippets": snippets,
        "kubernetes": kubernetes,
        "admitted_nodes": [node for node in serving if node["admitted"]],
        "static_mappings": [
            {"mac_address": node["mac_address"], "address": node["address"], "hostname": node["name"]} for node in shown
        ],
        "virtual_ips": [{field: value for field, value in entry.items() if field != "name"} for entry in virtual_ips],
        "wildcards": [{"domain": domain, "address": virtual_ips[0]["address"]}] if wildcard else [],
        "dns_hosts": [{"host": node["name"], "domain": domain, "address": node["address"]} for node in shown],
        "dns_registration": dict(preset["dns_registration"]),
        "dns_service": service,
        "dns_service_chosen": chosen["dns_service"] != "auto",
        "backends": backends,
        "frontends": frontends,
        "firewall_rules": firewall_rules,
        "network_boot": _network_boot(chosen, home),
        "scope": _scope(chosen, network),
        "ha_role": "single",
        "ha_alone": False,
    }


def _node(member):
    return {
        "name": member["name"],
        "host": member["host"],
        "mac_address": member["mac_address"],
        "address": str(member.get("address")),
        "groups": member["groups"],
        "allocated": member.get("allocated", False),
    }


def _serving(nodes, chosen, network, virtual_ips, router_info):
    """The nodes of the inventory and those that a lease admits."""
    settings = {
        "admission": chosen["cluster_admission"] if network else "inventory",
        "network": str(network.network) if network else None,
        "match": chosen.get("cluster_admission_match"),
        "taken": [entry["address"] for entry in virtual_ips]
        + (list(network.own) + list(network.virtual_ips) if network else []),
    }
    return serving_nodes(nodes, read_leases(router_info), settings)


def _home(problems, virtual_ips, network):
    """The address of a pair in the nodes' network, which whichever router is up has."""
    for entry in virtual_ips:
        if entry.get("mode", "ipalias") == "ipalias" and not entry["interface"].startswith(("_vip", "lo0")):
            problems.add(
                "cluster_virtual_ips[%s].mode" % entry["name"],
                "ipalias",
                "the routers are a pair, and only a CARP address moves to the other one; write "
                "{mode: carp, vhid: 1 to 255, password: ...}",
            )
    shared = [entry["address"] for entry in virtual_ips if entry["interface"] == network.interface]
    if not shared:
        problems.add(
            "cluster_virtual_ips",
            None,
            "the nodes of a pair of routers need an address that moves with the services; add "
            "{address: an unused one on %s, mode: carp, vhid: 1 to 255, password: ...}" % network.interface,
        )
    return shared[0] if shared else None


def _network_boot(chosen, home):
    if chosen.get("boot_untouched"):
        return {}
    return {"next_server": home, **NETWORK_BOOT, **chosen.get("cluster_network_boot", {})}


def _scope(chosen, network):
    """How the scope has to be; a scope that serves already keeps what the inventory does not mention."""
    scope = {"interface": network.interface}
    if "cluster_dhcp_range" in chosen:
        pool = chosen["cluster_dhcp_range"]
        scope["range"] = {"from": str(pool.first), "to": str(pool.last)}
        scope["enable"] = True
    return scope


def _check_web_gui(problems, frontends, webgui):
    """pfSense's web GUI listens on every address, virtual ones included; nobody else can have its ports."""
    for frontend in frontends:
        port = frontend["listen"][0]["port"]
        place = "cluster_services[%s].port" % frontend["name"]
        if port and port == webgui.get("port"):
            problems.add(
                place,
                port,
                "the router's web GUI listens there on all addresses; move the GUI to another "
                "port (System > Advanced > Admin Access > TCP port)",
            )
        elif port == 80 and webgui.get("redirect"):
            problems.add(
                place,
                port,
                "the router redirects this port of all addresses to its web GUI; switch that off "
                "(System > Advanced > Admin Access > WebGUI redirect)",
            )
