# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Virtual IPs: IP aliases and CARP addresses.

wanted: the options of pfsense_virtual_ip. An entry is identified by its address.
"""

from __future__ import annotations

import hashlib
import ipaddress

from ..errors import DesiredError
from ..ownership import Mark, entry_changes, merge_owned
from . import Desired, container, items

SECTION = "virtualip/vip"
PATHS = [SECTION]
CARP_RANGES = (("vhid", 1, 255), ("advbase", 1, 254), ("advskew", 0, 254))


def desire(current, wanted, info):
    """The list of virtual IPs with the wanted ones in it. Raises DesiredError with every problem."""
    mark = Mark(wanted.get("owner") or "pfrack")
    existing = items(current.get(SECTION))
    interfaces = container(info.get("interfaces"))
    problems, entries = [], []
    for option in wanted.get("virtual_ips") or []:
        entry, found = _entry(option, mark, interfaces, existing)
        problems += found
        if entry:
            entries.append(entry)
    if problems:
        raise DesiredError(problems)
    entries.sort(key=_order)
    merged = merge_owned(
        existing,
        entries,
        _key,
        mark,
        purge=bool(wanted.get("purge")),
        assigned=("uniqid",),
        satisfied=_satisfied,
        describe=lambda entry: "virtual_ips: %s" % entry.get("subnet"),
    )
    problems = _shared_vhids(merged, entries) + _orphans(existing, merged)
    if problems:
        raise DesiredError(problems)
    return Desired(
        sections={SECTION: merged},
        services=["virtual_ip", "filter"],
        warnings=_pool_warnings(entries, info),
        entries=entry_changes(existing, merged, lambda entry: entry.get("subnet"), mark),
    )


def uniqid(owner, address):
    """The identifier of a new virtual IP: the same every time, so that check mode predicts it."""
    return hashlib.sha1(("pfrack:%s:%s" % (owner, address)).encode()).hexdigest()[:13]


def _entry(option, mark, interfaces, existing):
    """(config.xml entry or None, problems) of one wanted virtual IP."""
    where = "virtual_ips: %s" % option["address"]
    try:
        address = ipaddress.ip_address(option["address"])
    except ValueError:
        return None, ["%s: is not an IP address" % where]
    mode = option.get("mode") or "ipalias"
    interface = _interface_id(option.get("interface") or "lan", interfaces, existing)
    prefix = option.get("prefix")
    if prefix is None:
        prefix = _usual_prefix(mode, address, container(interfaces.get(interface)))
    problems = []
    if interface is None:
        known = ", ".join("%s (%s)" % (name, facts.get("descr")) for name, facts in sorted(interfaces.items()))
        problems.append("%s: interface %s does not exist; the router has %s" % (where, option.get("interface"), known))
    elif interface not in interfaces and mode == "carp":
        problems.append("%s: a CARP address needs a real interface, not %s" % (where, interface))
    elif interface in interfaces:
        problems += _interface_problems(where, interfaces[interface], interface, address)
    problems += _address_problems(where, address, prefix, interfaces)
    entry = {
        "mode": mode,
        "interface": interface,
        "uniqid": uniqid(mark.owner, str(address)),
        "descr": option.get("descr") or "",
        "type": "single",
        "subnet_bits": str(prefix),
        "subnet": str(address),
        "vhid": None,
        "advbase": None,
        "advskew": None,
        "password": None,
    }
    if mode == "carp":
        problems += _carp_problems(where, option)
        entry.update(
            {
                "vhid": str(option.get("vhid")),
                "advbase": str(_default(option, "advbase", 1)),
                "advskew": str(_default(option, "advskew", 0)),
                "password": option.get("password"),
            }
        )
    return entry, problems


def _usual_prefix(mode, address, facts):
    """A further address stands alone; CARP, which is announced to a network, has the mask of that network."""
    if mode == "carp" and facts.get("address") and facts.get("prefix"):
        network = ipaddress.ip_network("%s/%s" % (facts["address"], facts["prefix"]), strict=False)
        if address in network:
            return network.prefixlen
    return address.max_prefixlen


def _default(option, name, default):
    return default if option.get(name) is None else option[name]


def _interface_id(name, interfaces, existing):
    """The id of an interface given by id or label; `lo0` and the CARP addresses of the router are parents too."""
    wanted = name.lower()
    parents = ["lo0"] + ["_vip%s" % vip.get("uniqid") for vip in existing if vip.get("mode") == "carp"]
    for interface in list(interfaces) + parents:
        if interface.lower() == wanted:
            return interface
    for interface, facts in interfaces.items():
        if (facts.get("descr") or "").lower() == wanted:
            return interface
    return None


def _interface_problems(where, facts, interface, address):
    problems = []
    if not facts.get("enabled"):
        problems.append("%s: interface %s is switched off; enable it first" % (where, interface))
    # The facts tell nothing of IPv6 addresses of an interface.
    if address.version == 4 and not facts.get("address"):
        problems.append("%s: interface %s has no address; give it one first" % (where, interface))
    return problems


def _address_problems(where, address, prefix, interfaces):
    if not 1 <= prefix <= address.max_prefixlen:
        return ["%s: prefix %s is not between 1 and %d" % (where, prefix, address.max_prefixlen)]
    if address.is_multicast or address.is_unspecified:
        return ["%s: is not an address of a host" % where]
    problems = []
    networks = {ipaddress.ip_network("%s/%d" % (address, prefix), strict=False): "its prefix"}
    for interface, facts in interfaces.items():
        if not facts.get("address"):
            continue
        own = ipaddress.ip_interface("%s/%s" % (facts["address"], facts.get("prefix") or 32))
        if own.ip == address:
            problems.append("%s: is the address of interface %s; choose another one" % (where, interface))
        networks[own.network] = "interface %s" % interface
    for network, name in networks.items():
        if network.version != address.version or network.prefixlen >= network.max_prefixlen - 1:
            continue
        if address == network.network_address:
            problems.append("%s: is the network address of %s (%s)" % (where, network, name))
        elif address.version == 4 and address == network.broadcast_address:
            problems.append("%s: is the broadcast address of %s (%s)" % (where, network, name))
    return problems


def _carp_problems(where, option):
    problems = []
    for name, low, high in CARP_RANGES:
        value = option.get(name)
        if value is None and name == "vhid":
            problems.append("%s: mode carp needs vhid" % where)
        elif value is not None and not low <= value <= high:
            problems.append("%s: %s %s is not between %d and %d" % (where, name, value, low, high))
    if not option.get("password"):
        problems.append("%s: mode carp needs password" % where)
    return problems


def _key(entry):
    try:
        return str(ipaddress.ip_address(entry.get("subnet") or ""))
    except ValueError:
        return entry.get("subnet")


def _order(entry):
    address = ipaddress.ip_address(entry["subnet"])
    return address.version, int(address)


def _satisfied(entry, wanted):
    names = ["mode", "interface"] + (["vhid"] if wanted["mode"] == "carp" else [])
    return all(entry.get(name) == wanted[name] for name in names)


def _shared_vhids(merged, wanted):
    mine = {_key(entry) for entry in wanted}
    groups = {}
    for entry in merged:
        if entry.get("mode") == "carp":
            groups.setdefault((entry.get("interface"), entry.get("vhid")), []).append(entry)
    return [
        "virtual_ips: %s: vhid %s is used twice on interface %s; give each its own"
        % (" and ".join(entry.get("subnet") for entry in group), vhid, interface)
        for (interface, vhid), group in groups.items()
        if len(group) > 1 and any(_key(entry) in mine for entry in group)
    ]


def _orphans(existing, merged):
    """Problems when a CARP address goes (or stops being one) while an alias still stands on it."""
    gone = {"_vip%s" % entry.get("uniqid"): entry for entry in existing if entry.get("mode") == "carp"}
    for entry in merged:
        if entry.get("mode") == "carp":
            gone.pop("_vip%s" % entry.get("uniqid"), None)
    return [
        "virtual_ips: %s: cannot be removed while %s stands on it; move that one to an interface first"
        % (gone[entry["interface"]].get("subnet"), entry.get("subnet"))
        for entry in merged
        if entry.get("interface") in gone
    ]


def _pool_warnings(entries, info):
    warnings = []
    scopes = container(info.get("scopes"))
    for entry in entries:
        scope = container(scopes.get(entry["interface"]))
        for pool in [container(scope.get("range"))] + [
            container(pool.get("range") or pool) for pool in items(scope.get("pools"))
        ]:
            if _inside(entry["subnet"], pool.get("from"), pool.get("to")):
                warnings.append(
                    "virtual_ips: %s: lies inside the DHCP range %s-%s of interface %s; a client may be given it"
                    % (entry["subnet"], pool["from"], pool["to"], entry["interface"])
                )
    return warnings


def _inside(address, low, high):
    try:
        first, here, last = (ipaddress.ip_address(value) for value in (low, address, high))
    except ValueError:
        return False
    return first.version == here.version == last.version and first <= here <= last
