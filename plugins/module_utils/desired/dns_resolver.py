# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DNS resolver (unbound): switch, host records, wildcards.

A wildcard is a redirect zone in a view of its own. In the global zones it would take the names below it along:
unbound refuses to start when a redirect zone holds any other name, such as that of a node, and pfSense adds such
names whenever a host or a static mapping is saved. In a view it cannot break the service, and `noview` lets each
known name out again. A client has one view only, so all owners share it; a comment says whose the zones behind it are.
"""

from __future__ import annotations

import ipaddress
import re

from ..errors import DesiredError
from ..ownership import DEFAULT_OWNER, Mark
from . import Desired, container, containers, dns_common, items

PATHS = ("unbound", "dnsmasq", "dhcpd", "interfaces")

BLOCK = dns_common.Block("# BEGIN [pfrack]", "# END [pfrack]")

_OWNER = re.compile(r"# (\[pfrack:[^\]]+\])")
_REDIRECT = re.compile(r'^\s*local-zone:\s*"?([^"\s]+?)\.?"?\s+redirect', re.MULTILINE)
_ADDRESS = re.compile(
    r"""^\s*local-data:\s*["']([^"'\s]+?)\.?\s+(?:[0-9]+\s+)?(?:IN\s+)?A(?:AAA)?\s+([^"'\s]+)""", re.MULTILINE
)
_RECORD = re.compile(r'local-data: "(\S+)\. 60 IN (?:A|AAAA) (\S+)"')


def desire(current, wanted, info):
    """The sections of both DNS services; raises DesiredError with every problem."""
    problems = []
    before, other_before = container(current.get("unbound")), container(current.get("dnsmasq"))
    section, other = dns_common.switch(
        before, other_before, dns_common.RESOLVER, dns_common.FORWARDER, wanted, problems
    )
    warnings = dns_common.lease_warnings(before, section, dns_common.RESOLVER, info)
    records, changes = dns_common.hosts(before, wanted, problems)
    if records:
        section["hosts"] = records
    else:
        section.pop("hosts", None)
    mark = Mark(wanted.get("owner") or DEFAULT_OWNER)
    if wanted.get("wildcards") is not None:
        entries = dns_common.wildcards(wanted, problems)
        text = dns_common.decode_options(section, dns_common.RESOLVER.title, [])
        owned = _owned(text)
        owned.pop(mark.text, None)
        entries = _not_others(entries, owned, problems)
        entries = dns_common.not_by_hand(
            entries, _wildcards(BLOCK.replace(text, [])), dns_common.RESOLVER.title, problems
        )
        lines = _view(dict(owned, **{mark.text: entries}), section, current, info)
        dns_common.replace_block(section, BLOCK, lines, dns_common.RESOLVER.title, problems)
        if entries and "regdhcp" in section and section.get("custom_options") != before.get("custom_options"):
            warnings += _lease_warnings(entries, current, info)
    else:
        section = refreshed(section, current, info)
    if problems:
        raise DesiredError(problems)
    return Desired(
        sections=dns_common.changed_sections(current, {"unbound": section, "dnsmasq": other}),
        services=dns_common.switch_services(
            dns_common.RESOLVER, dns_common.FORWARDER, before, section, other_before, other
        ),
        warnings=warnings,
        entries=changes,
    )


def _owned(text):
    """{mark: [(domain, address)]} of our view, whoever of us made them."""
    result, owner = {}, Mark().text
    for line in BLOCK.lines(text) or []:
        named, record = _OWNER.fullmatch(line), _RECORD.fullmatch(line)
        if named:
            owner = named.group(1)
        elif record:
            result.setdefault(owner, []).append((record.group(1), record.group(2)))
    return result


def _not_others(entries, owned, problems):
    """The wildcards that no other owner keeps already."""
    result = []
    for domain, address in entries:
        holders = {
            other: mark
            for mark, zones in owned.items()
            for name, other in zones
            if name == domain and (":" in other) == (":" in address)
        }
        if not holders:
            result.append((domain, address))
        elif address not in holders:
            problems.append(
                "wildcards: %s: leads to %s for %s already; take another domain"
                % (domain, ", ".join(sorted(holders)), ", ".join(sorted(set(holders.values()))))
            )
    return result


def _wildcards(text):
    """[(domain, address)] of redirect zones, whoever wrote them."""
    zones = {zone.lower() for zone in _REDIRECT.findall(text)}
    return [(name.lower(), address.lower()) for name, address in _ADDRESS.findall(text) if name.lower() in zones]


def refreshed(section, current, info):
    """The section with the known names in our view as they are now; wildcards and all else stay."""
    section = container(section)
    text = dns_common.decode_options(section, dns_common.RESOLVER.title, [])
    owned = _owned(text)
    if owned and not BLOCK.broken(text):
        dns_common.put_options(section, text, BLOCK.replace(text, _view(owned, section, current, info)))
    return section


def _view(owned, section, current, info):
    """Lines of unbound's configuration that answer the wildcards of all owners for the router's clients."""
    domains = {domain for entries in owned.values() for domain, _address in entries}
    if not domains:
        return []
    lines = ["view:", 'name: "pfrack"', "view-first: yes"]
    # The zones of the default owner carry no comment, so they come first.
    for mark in sorted(owned, key=lambda text: (text != Mark().text, text)):
        if owned[mark] and mark != Mark().text:
            lines.append("# %s" % mark)
        lines += _zones(sorted(owned[mark]))
    for name in sorted(_known_names(section, current, info)):
        parents = {name.split(".", count)[-1] for count in range(1, name.count(".") + 1)}
        if name not in domains and parents & domains:
            lines.append('local-zone: "%s." noview' % name)
    # Server options follow so that text of the admin behind the block stays in the section where it was.
    lines.append("server:")
    lines += ["access-control-view: %s pfrack" % network for network in _networks(section, current)]
    return lines


def _zones(entries):
    lines = []
    for domain in sorted({domain for domain, _address in entries}):
        lines.append('local-zone: "%s." redirect' % domain)
        for name, address in entries:
            if name == domain:
                kind = "AAAA" if ":" in address else "A"
                lines.append('local-data: "%s. 60 IN %s %s"' % (domain, kind, address))
    return lines


def _known_names(section, current, info):
    """Every name that pfSense publishes in the resolver by itself, in lower case."""
    system_domain = info.get("domain") or ""
    names = {"%s.%s" % (name, system_domain) for name in ("localhost", info.get("hostname")) if name}
    for entry in items(section.get("hosts")):
        names.add(dns_common.host_name(entry))
        names.update(dns_common.host_name(alias) for alias in items(container(entry.get("aliases")).get("item")))
    if "regdhcpstatic" in section or info.get("dhcp_backend") == "kea":
        for scope in containers(current.get("dhcpd")):
            for entry in items(scope.get("staticmap")):
                domain = entry.get("domain") or scope.get("domain") or system_domain
                if entry.get("hostname"):
                    names.add("%s.%s" % (entry["hostname"], domain))
    return {name.lower() for name in names if name}


def _lease_warnings(entries, current, info):
    domains = {scope.get("domain") or info.get("domain") for scope in containers(current.get("dhcpd"))}
    covered = sorted(domain for domain, _address in entries if domain in domains)
    return [
        "wildcards: %s: is also the domain of a DHCP scope; names of dynamic leases there resolve to the wildcard's "
        "address, because they are not known in advance" % domain
        for domain in covered
    ]


def _networks(section, current):
    """The networks to which pfSense opens the resolver, one view entry for each.

    unbound takes the view from the most specific access-control entry only, so these must be the same networks, and
    a network that pfSense has not opened would be closed by its view entry.
    """
    networks = []
    if "disable_auto_added_access_control" not in section:
        networks += ["127.0.0.1/32", "::1/128"]
        for interface in containers(current.get("interfaces")):
            if "enable" not in interface:
                continue
            for suffix in ("", "v6"):
                if not interface.get("gateway" + suffix):
                    networks.append("%s/%s" % (interface.get("ipaddr" + suffix), interface.get("subnet" + suffix)))
    for acl in items(section.get("acls")):
        if (acl.get("aclaction") or "").startswith("allow"):
            networks += ["%s/%s" % (row.get("acl_network"), row.get("mask")) for row in _rows(acl)]
    parsed = set()
    for network in networks:
        try:
            parsed.add(ipaddress.ip_network(network, strict=False))
        except ValueError:
            continue  # "dhcp" and the like: an address that is not ours to know
    return [str(network) for network in sorted(parsed, key=lambda item: (item.version, item))]


def _rows(acl):
    row = acl.get("row")
    return row if isinstance(row, list) else [row] if isinstance(row, dict) else []
