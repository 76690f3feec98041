# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cluster-wide settings of the inventory: reading and checking `cluster_*` and `dns_service`."""

from __future__ import annotations

import difflib

from ..errors import DesiredError
from ..ownership import Mark
from .addresses import Range, address_range, ipv4, is_domain
from .network import interface_id
from .presets import choose
from .validate import HIDDEN, anything, list_of_fields, one_of, read_fields, text, whole_number, yes_or_no


def _owner(value):
    try:
        return Mark(text(value)).owner
    except DesiredError:
        raise ValueError("is no name for a mark; use 1 to 40 letters, digits and hyphens") from None


def _domain(value):
    name = str(value).lower()
    if not is_domain(name) or "." not in name:
        raise ValueError("is no domain; write one such as cluster.example.org, without a dot at either end")
    return name


def _from_to(value):
    if not isinstance(value, dict) or set(value) != {"from", "to"}:
        raise ValueError("is no DHCP range; write {from: 10.10.0.100, to: 10.10.0.199}")
    return Range(ipv4(value["from"]), ipv4(value["to"]))


def _network_boot(value):
    if value is False:
        return {}
    if not isinstance(value, dict):
        raise ValueError("is not a set of fields; write `bios: pxelinux.0` and so on, or false to leave it alone")
    return value


def _admission_match(value):
    if not isinstance(value, dict) or set(value) - {"mac_addresses", "hostnames"}:
        raise ValueError('is no choice of machines; write {mac_addresses: ["52:54:00:*"], hostnames: ["worker*"]}')
    for patterns in value.values():
        if not isinstance(patterns, list) or not all(isinstance(pattern, str) for pattern in patterns):
            raise ValueError("takes lists of patterns; put each in quotes, with * for any characters")
    return value


_SETTINGS = {
    "cluster_name": _owner,
    "cluster_interface": text,
    "cluster_domain": _domain,
    "cluster_node_range": address_range,
    "cluster_virtual_ips": anything,
    "cluster_platform": anything,
    "cluster_platforms": anything,
    "cluster_services": anything,
    "cluster_network_boot": _network_boot,
    "cluster_dhcp_range": _from_to,
    "cluster_admission": one_of("inventory", "any"),
    "cluster_admission_match": _admission_match,
    "cluster_install": yes_or_no,
    "cluster_etcd": yes_or_no,
    "cluster_overlay": one_of("none", "flannel"),
    "cluster_kubernetes": one_of("k3s", "none"),
    "cluster_dns_wildcard": yes_or_no,
    "dns_service": one_of("auto", "forwarder", "resolver"),
}
_DEFAULTS = {
    "cluster_name": "pfrack",
    "cluster_interface": "lan",
    "cluster_admission": "inventory",
    "cluster_install": True,
    "cluster_etcd": False,
    "cluster_overlay": "none",
    "cluster_kubernetes": "k3s",
    "dns_service": "auto",
}
_NETWORK_BOOT = {
    field: text
    for field in (
        "next_server",
        "bios",
        "uefi32",
        "uefi64",
        "uefi_arm32",
        "uefi_arm64",
        "http_url",
        "root_path",
        "tftp_server",
    )
}
_VIRTUAL_IP = {
    "address": ipv4,
    "name": text,
    "descr": text,
    "interface": text,
    "prefix": whole_number(1, 32),
    "mode": one_of("ipalias", "carp"),
    "vhid": whole_number(1, 255),
    "advbase": whole_number(1, 254),
    "advskew": whole_number(0, 254),
    "password": anything,
}


def read_settings(problems, given):
    """The settings that are there, read and with defaults; other variables are ignored unless they look like typos."""
    settings = dict(_DEFAULTS)
    for name in sorted(given):
        value = given[name]
        if value is None:
            continue
        if name in _SETTINGS:
            read = problems.read(name, value, _SETTINGS[name])
            if read is not None:
                settings[name] = read
        elif name.startswith("cluster_"):
            near = difflib.get_close_matches(name, _SETTINGS, n=1, cutoff=0.85)
            if near:
                problems.add(name, HIDDEN, "there is no such setting; did you mean %s?" % near[0])
    settings["platform"] = choose(problems, given)
    if given.get("cluster_domain") is None:
        problems.add("cluster_domain", None, "nodes and services need a domain; set one such as cluster.example.org")
    if "cluster_network_boot" in settings:
        boot = settings["cluster_network_boot"]
        settings["cluster_network_boot"] = read_fields(problems, "cluster_network_boot", boot, _NETWORK_BOOT)
        settings["boot_untouched"] = given["cluster_network_boot"] is False
    return settings


def read_virtual_ips(problems, given, settings, network, interfaces):
    """The virtual IPs in the option format of pfsense_virtual_ip, each with its `name` as well."""
    result, names, addresses = [], set(), set()
    for number, entry in enumerate(list_of_fields(problems, "cluster_virtual_ips", given), start=1):
        name = entry.get("name")
        place = "cluster_virtual_ips[%s]" % (name if name and isinstance(name, str) else number)
        fields = {
            "interface": settings["cluster_interface"],
            **read_fields(problems, place, entry, _VIRTUAL_IP),
        }
        fields.setdefault("name", "ingress" if number == 1 else "ingress%d" % number)
        if fields["name"] in names:
            problems.add(place + ".name", fields["name"], "is the name of two virtual IPs; rename one")
        names.add(fields["name"])
        if entry.get("address") is None:
            problems.add(place + ".address", None, "a virtual IP needs one; write an unused address")
        if "address" not in fields:
            continue
        if fields["address"] in addresses:
            problems.add(place + ".address", fields["address"], "is there twice; remove one")
        addresses.add(fields["address"])
        _place_on_interface(problems, place, fields, network, interfaces, "prefix" in entry)
        for needed in ("vhid", "password") if fields.get("mode") == "carp" else ():
            if needed not in fields:
                problems.add("%s.%s" % (place, needed), None, "a CARP address needs one; add it")
        if "descr" not in fields:
            preset = settings["platform"]["virtual_ip_descr"]
            fields["descr"] = preset if preset and number == 1 else fields["name"]
        result.append(fields)
    return result


def _place_on_interface(problems, place, fields, network, interfaces, meant_elsewhere):
    if fields["interface"].lower() != "lo0":
        found = problems.read(place + ".interface", fields["interface"], lambda name: interface_id(name, interfaces))
        fields["interface"] = found or fields["interface"]
    if network is None or fields["interface"] != network.interface:
        return
    objection = network.objection(fields["address"])
    if objection and meant_elsewhere and fields["address"] not in network.network:
        return
    if objection:
        problems.add(place + ".address", fields["address"], objection)


def check_ranges(problems, settings, network):
    """cluster_node_range and cluster_dhcp_range must lie in the interface's network and keep apart."""
    for name in ("cluster_node_range", "cluster_dhcp_range"):
        chosen = settings.get(name)
        if chosen and not (chosen.first in network.network and chosen.last in network.network):
            problems.add(
                name,
                chosen,
                "is not within %s's network %s; choose addresses in there" % (network.interface, network.network),
            )
    nodes = settings.get("cluster_node_range")
    for pool in network.pools:
        if nodes and nodes.overlaps(pool):
            problems.add("cluster_node_range", nodes, "overlaps the DHCP pool %s; shrink one of them" % pool)
    pool = settings.get("cluster_dhcp_range")
    if pool is None and not network.has_scope():
        problems.add(
            "cluster_dhcp_range",
            None,
            "the router's DHCP server is off on %s; set {from: ..., to: ...} to switch it on with this pool"
            % network.interface,
        )


def dns_service(problems, chosen, dns):
    """forwarder or resolver: the one that is chosen, or for auto the one that answers now."""
    if chosen != "auto":
        return chosen
    running = [name for name in ("resolver", "forwarder") if (dns.get(name) or {}).get("enabled")]
    if not running:
        problems.add("dns_service", chosen, "the router runs neither of its DNS services; set forwarder or resolver")
        return None
    # With both on, the one on the standard port is the one that clients ask.
    return next((name for name in running if str(dns[name].get("port") or 53) == "53"), running[0])
