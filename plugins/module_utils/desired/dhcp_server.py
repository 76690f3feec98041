# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DHCP server of one interface: its scope, network boot, and the static mappings that are ours."""

from __future__ import annotations

import ipaddress
import re

from ..errors import DesiredError
from ..ownership import Mark, entry_changes, merge_owned
from . import Desired, container, dns_common, dns_resolver, items

# The DNS services are read because they may publish the names of static mappings.
PATHS = ("dhcpd",) + tuple(path for path in dns_resolver.PATHS if path != "dhcpd")

BOOT_FIELDS = {
    "next_server": "nextserver",
    "bios": "filename",
    "uefi32": "filename32",
    "uefi64": "filename64",
    "uefi_arm32": "filename32arm",
    "uefi_arm64": "filename64arm",
    "http_url": "uefihttpboot",
    "root_path": "rootpath",
}
_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
_HOSTNAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_DOMAIN = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*")
# Quotes and backslashes would end the string in dhcpd.conf; other characters are not safe in config.xml.
_TEXT = re.compile(r"[!#-\[\]-~]*")


def desire(current, wanted, info):
    """The section `dhcpd` with the wanted scope and mappings; raises DesiredError with every problem."""
    problems, warnings = [], []
    mark = Mark(wanted.get("owner") or "pfrack")
    interface, facts = _interface(wanted.get("interface") or "lan", info, problems)
    network = _network(interface, facts, problems)
    if problems:
        raise DesiredError(problems)

    dhcpd = container(current.get("dhcpd"))
    scope = container(dhcpd.get(interface))
    before = scope
    scope = _scope(scope, wanted, interface, network, problems)
    scope = _enabled(scope, before, wanted, interface, facts, problems)
    scope = _network_boot(scope, wanted.get("network_boot"), info, problems, warnings)

    existing = items(before.get("staticmap"))
    mappings = existing
    if wanted.get("static_mappings") is not None:
        entries = [_mapping(entry, problems) for entry in wanted["static_mappings"]]
        entries = [entry for entry in entries if entry]
        mappings = _mappings(existing, entries, mark, wanted, problems, warnings)
        _check_addresses(entries, mappings, scope, interface, network, info, mark, problems)
    if wanted.get("range"):
        _check_pool(scope, mappings, interface, info, problems)
    if problems:
        raise DesiredError(problems)

    if mappings != existing:
        scope["staticmap"] = sorted(mappings, key=_address_order)
        if not mappings:
            del scope["staticmap"]
    if scope != before:
        dhcpd[interface] = scope
    sections = {"dhcpd": dhcpd if scope != before else current.get("dhcpd")}
    if scope.get("staticmap") != before.get("staticmap"):
        unbound = dns_resolver.refreshed(current.get("unbound"), dict(current, **sections), info)
        sections.update(dns_common.changed_sections(current, {"unbound": unbound}))
    return Desired(
        sections=sections,
        services=_services(current, before, scope, info),
        warnings=warnings,
        entries=entry_changes(existing, mappings, _name, mark),
    )


def _interface(name, info, problems):
    """(id, facts) of an interface given by its id or, in any case, by its label."""
    interfaces = container(info.get("interfaces"))
    by_label = {(facts.get("descr") or "").lower(): key for key, facts in interfaces.items()}
    interface = name.lower() if name.lower() in interfaces else by_label.get(name.lower())
    if not name or interface is None:
        problems.append(
            "interface: %s: the router has no such interface; it has: %s" % (name, ", ".join(sorted(interfaces)))
        )
        return None, {}
    return interface, interfaces[interface]


def _network(interface, facts, problems):
    if interface is None:
        return None
    try:
        return ipaddress.IPv4Interface("%s/%s" % (facts.get("address"), facts.get("prefix"))).network
    except ValueError:
        problems.append(
            "interface: %s: has no static IPv4 address, so it can have no DHCP scope; give it one first" % interface
        )
        return None


def _ipv4(value, where, problems):
    try:
        return ipaddress.IPv4Address(value)
    except ValueError:
        problems.append("%s: %s: is not an IPv4 address" % (where, value))
        return None


def _scope(scope, wanted, interface, network, problems):
    """The scope with the wanted range and domain; an existing range stays when none is given."""
    result = dict(scope)
    wanted_range = wanted.get("range")
    if wanted_range:
        start = _ipv4(wanted_range.get("from"), "range.from", problems)
        end = _ipv4(wanted_range.get("to"), "range.to", problems)
        for option, address in (("from", start), ("to", end)):
            if address is not None and address not in network:
                problems.append(
                    "range.%s: %s: lies outside the subnet %s of %s" % (option, address, network, interface)
                )
        if start is not None and end is not None:
            if start > end:
                problems.append("range: %s to %s: begins after its end; swap the two" % (start, end))
            present = container(result.get("range"))
            if (present.get("from"), present.get("to")) != (str(start), str(end)):
                result["range"] = dict(present, **{"from": str(start), "to": str(end)})
    elif not _has_range(scope) and (
        wanted.get("enable") or wanted.get("network_boot") or wanted.get("static_mappings")
    ):
        problems.append("interface: %s: has no DHCP scope yet; give range.from and range.to to create one" % interface)
    domain = wanted.get("domain")
    if domain is not None and domain != (result.get("domain") or ""):
        if domain and not _DOMAIN.fullmatch(domain):
            problems.append("domain: %s: is not a domain name" % domain)
        result["domain"] = domain
    return result


def _has_range(scope):
    present = container(scope.get("range"))
    return bool(present.get("from") and present.get("to"))


def _enabled(scope, before, wanted, interface, facts, problems):
    """A scope that we create is enabled unless the user says otherwise."""
    enable = wanted.get("enable")
    if enable is None and not _has_range(before) and wanted.get("range"):
        enable = True
    if enable and facts.get("enabled") is False:
        problems.append("enable: interface %s is switched off; enable it first" % interface)
    if enable and "enable" not in scope:
        scope = dict(scope, enable="")
    elif enable is False and "enable" in scope:
        scope = {name: value for name, value in scope.items() if name != "enable"}
    return scope


def _network_boot(scope, boot, info, problems, warnings):
    if not boot:
        return scope
    given = {name: boot[name] for name in BOOT_FIELDS if boot.get(name) is not None}
    for name, value in list(given.items()) + [("tftp_server", boot.get("tftp_server") or "")]:
        if not _TEXT.fullmatch(value):
            problems.append(
                "network_boot.%s: %r: may hold only printable ASCII without spaces, quotes and backslashes"
                % (name, value)
            )
    if given.get("next_server"):
        _ipv4(given["next_server"], "network_boot.next_server", problems)
    if given.get("http_url") and not re.match(r"https?://", given["http_url"]):
        problems.append("network_boot.http_url: %s: must begin with http:// or https://" % given["http_url"])
    result = dict(scope)
    for name, value in given.items():
        if (result.get(BOOT_FIELDS[name]) or "") != value:
            result[BOOT_FIELDS[name]] = value
    if given:
        # pfSense sends none of the fields while the flag is missing.
        if any(result.get(field) for field in BOOT_FIELDS.values()):
            result.setdefault("netboot", "")
        else:
            result.pop("netboot", None)
    tftp_server = boot.get("tftp_server")
    if tftp_server is not None and (result.get("tftp") or "") != tftp_server:
        result["tftp"] = tftp_server
    if tftp_server and info.get("dhcp_backend") == "kea":
        warnings.append(
            "network_boot.tftp_server: Kea, as pfSense sets it up, sends option 66 to clients of the dynamic pool only "
            "and not to hosts with a static mapping; network_boot.next_server reaches all of them"
        )
    return result


def _mapping(entry, problems):
    """A static mapping as pfSense holds it, or None when the MAC address is malformed."""
    mac = (entry.get("mac_address") or "").strip().lower().replace("-", ":")
    hostname = entry.get("hostname") or ""
    name = hostname or mac
    if not _MAC.fullmatch(mac):
        problems.append("%s/mac_address: %s: is not a MAC address like 52:54:00:12:34:56" % (name, mac or "(empty)"))
        return None
    if int(mac[:2], 16) & 1:
        problems.append("%s/mac_address: %s: is a multicast address, no network card has it" % (name, mac))
    if hostname and not _HOSTNAME.fullmatch(hostname):
        problems.append(
            "%s/hostname: %s: must be one label of letters, digits and hyphens, without a domain" % (mac, hostname)
        )
    address = entry.get("address") or ""
    if address:
        parsed = _ipv4(address, "%s/address" % name, problems)
        address = str(parsed) if parsed else ""
    return {"mac": mac, "ipaddr": address, "hostname": hostname, "descr": entry.get("descr") or ""}


def _mappings(existing, entries, mark, wanted, problems, warnings):
    entries = sorted(entries, key=lambda entry: (_address_order(entry), entry["mac"]))
    names = {}
    for entry in entries:
        names.setdefault(entry["hostname"].lower(), []).append(entry["mac"])
    for name, macs in names.items():
        if name and len(set(macs)) > 1:
            problems.append("%s/hostname: %s all have it; give each its own" % (name, ", ".join(macs)))

    def satisfied(present, want):
        if (present.get("ipaddr") or "") != want["ipaddr"]:
            return False
        if want["hostname"] and (present.get("hostname") or "") != want["hostname"]:
            warnings.append(
                "%s: the mapping of %s was not made by pfrack and names the host %s; its name stays"
                % (want["hostname"], want["mac"], present.get("hostname") or "(nothing)")
            )
        return True

    try:
        return merge_owned(
            existing, entries, _mac_key, mark, purge=bool(wanted.get("purge")), satisfied=satisfied, describe=_label
        )
    except DesiredError as error:
        problems.extend(error.problems)
        return existing


def _check_addresses(entries, mappings, scope, interface, network, info, mark, problems):
    """Each wanted address must be free, in the subnet and outside the pools."""
    holders = {}
    for entry in entries + [entry for entry in mappings if not mark.owns(entry.get("descr"))]:
        if entry.get("ipaddr"):
            holders.setdefault(entry["ipaddr"], {})[_mac_key(entry)] = _label(entry)
    # Ours that stay but are not listed (no purge) also hold their address.
    listed = {entry["mac"] for entry in entries}
    for entry in mappings:
        if _mac_key(entry) not in listed and entry.get("ipaddr"):
            holders.setdefault(entry["ipaddr"], {})[_mac_key(entry)] = _label(entry)
    taken = {vip.get("address"): vip for vip in items(info.get("virtual_ips"))}
    router = container(container(info.get("interfaces")).get(interface)).get("address")
    for entry in entries:
        address = entry["ipaddr"]
        if not address:
            continue
        where = "%s/address: %s" % (_label(entry), address)
        number = ipaddress.IPv4Address(address)
        others = sorted(label for mac, label in holders[address].items() if mac != entry["mac"])
        if others:
            problems.append("%s: is also mapped to %s; give one of them another address" % (where, ", ".join(others)))
        if number not in network:
            problems.append("%s: lies outside the subnet %s of %s" % (where, network, interface))
        elif network.prefixlen < 31 and number in (network.network_address, network.broadcast_address):
            problems.append("%s: is the network or broadcast address of %s" % (where, network))
        if address == router:
            problems.append("%s: is the router's own address on %s" % (where, interface))
        if address in taken:
            problems.append(
                '%s: is the virtual IP "%s"; choose another address' % (where, taken[address].get("descr") or "")
            )
        for name, start, end in _pools(scope):
            if start <= number <= end:
                problems.append(
                    "%s: lies inside the %s %s-%s of %s; choose one outside, or make the range smaller"
                    % (where, name, start, end, interface)
                )


def _check_pool(scope, mappings, interface, info, problems):
    """A range that the user gives may hold neither a virtual IP nor a mapped address nor touch another pool."""
    pools = _pools(scope)
    if not pools or pools[0][0] != "range":
        return
    start, end = pools[0][1:]
    for vip in items(info.get("virtual_ips")):
        if vip.get("interface") == interface and _inside(vip.get("address"), start, end):
            problems.append(
                'range: %s-%s: holds the virtual IP %s "%s"; choose a range without it'
                % (start, end, vip["address"], vip.get("descr") or "")
            )
    for entry in mappings:
        if _inside(entry.get("ipaddr"), start, end):
            problem = "range: %s-%s: holds the address %s that is mapped to %s; choose a range without it"
            problems.append(problem % (start, end, entry["ipaddr"], _label(entry)))
    for name, first, last in pools[1:]:
        if start <= last and first <= end:
            problems.append("range: %s-%s: overlaps the %s %s-%s" % (start, end, name, first, last))


def _inside(address, start, end):
    try:
        return start <= ipaddress.IPv4Address(address) <= end
    except ValueError:
        return False


def _pools(scope):
    """[(name, first address, last address)] of the range and the further pools; malformed ones are left out."""
    named = [("range", scope)]
    named += [('pool "%s"' % (pool.get("descr") or ""), pool) for pool in items(scope.get("pool"))]
    result = []
    for name, holder in named:
        bounds = container(holder.get("range"))
        try:
            result.append((name, ipaddress.IPv4Address(bounds.get("from")), ipaddress.IPv4Address(bounds.get("to"))))
        except ValueError:
            continue
    return result


def _services(current, before, after, info):
    """As pfSense's own pages: mappings also concern the DNS service that publishes them, the scope the filter."""
    services = []
    if before.get("staticmap") != after.get("staticmap"):
        for path, service in (("dnsmasq", "dns_forwarder"), ("unbound", "dns_resolver")):
            section = container(current.get(path))
            # Kea can register mappings in the resolver whatever the resolver's own flag says.
            registers = "regdhcpstatic" in section or (path == "unbound" and info.get("dhcp_backend") == "kea")
            if "enable" in section and registers:
                services.append(service)
    services.append("dhcp_server")
    if ("enable" in before) != ("enable" in after):
        services.append("filter")
    return services


def _mac_key(entry):
    return (entry.get("mac") or "").lower() or ("cid", entry.get("cid"))


def _name(entry):
    return entry.get("hostname") or entry.get("mac") or entry.get("cid") or ""


def _label(entry):
    """How problems name a mapping."""
    hostname = entry.get("hostname")
    identity = entry.get("mac") or entry.get("cid") or "?"
    return "%s (%s)" % (hostname, identity) if hostname else identity


def _address_order(entry):
    try:
        return int(ipaddress.IPv4Address(entry.get("ipaddr")))
    except ValueError:
        return 0
