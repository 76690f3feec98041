# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the DNS forwarder and the DNS resolver have in common: switching, host records, blocks in free options."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from dataclasses import dataclass

from ..errors import DesiredError
from ..ownership import Mark, entry_changes, merge_owned
from . import container, items

DEFAULT_PORT = 53
_LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_NAME = re.compile(r"%s(\.%s)*" % (_LABEL, _LABEL))


@dataclass(frozen=True)
class Service:
    """One of the two services: its section and agent service, and the words that messages use."""

    section: str
    service: str
    title: str
    replace_option: str


FORWARDER = Service("dnsmasq", "dns_forwarder", "DNS forwarder", "replace_resolver")
RESOLVER = Service("unbound", "dns_resolver", "DNS resolver", "replace_forwarder")


def switch(section, other, mine, others, wanted, problems):
    """(section, other) with the wanted enable, port and registration; a conflict over the port is a problem."""
    result, other_result = dict(section), dict(other)
    port = wanted.get("port")
    if port is not None:
        if not 1 <= port <= 65535:
            problems.append("port: %s: must lie between 1 and 65535" % port)
        # pfSense keeps the default port as an empty or missing element.
        if _port(section) != port:
            result["port"] = str(port)
    for option, name in (("register_leases", "regdhcp"), ("register_static_mappings", "regdhcpstatic")):
        set_flag(result, name, wanted.get(option))
    set_flag(result, "enable", wanted.get("enable"))
    # Without a service that takes its place the other one stays.
    if wanted.get(mine.replace_option) and "enable" in result:
        set_flag(other_result, "enable", False)
    taken = "enable" in result and "enable" in other_result and _port(result) == _port(other_result)
    # A conflict that is there already is not ours to report unless we are asked to enable or move the service.
    if taken and (wanted.get("enable") or port is not None):
        problems.append(
            "enable: the %s is enabled on port %s too and only one of them can have it; set %s: true to switch the %s "
            "off in the same step, give another port, or keep the records in the %s"
            % (others.title, _port(result), mine.replace_option, others.title, others.title)
        )
    return result, other_result


def lease_warnings(before, after, mine, info):
    """Under Kea pfSense does not look at the flag; said once, when it is set."""
    if info.get("dhcp_backend") != "kea" or "regdhcp" in before or "regdhcp" not in after:
        return []
    way_out = "switch on DNS Registration in Services > DHCP Server" if mine is RESOLVER else "use the DNS resolver"
    return [
        "register_leases: with Kea as the DHCP server pfSense does not publish the names of leases in the %s by this "
        "setting; from pfSense 2.8 on: %s" % (mine.title, way_out)
    ]


def set_flag(section, name, value):
    """An element whose presence means "on"; None leaves it alone."""
    if value is True and name not in section:
        section[name] = ""
    elif value is False:
        section.pop(name, None)


def _port(section):
    text = str(section.get("port") or DEFAULT_PORT)
    return int(text) if text.isdigit() else text


def changed_sections(current, sections):
    """The sections, each as it was read when it is the same; a missing one must not become an empty one."""
    return {
        path: section if section != container(current.get(path)) else current.get(path)
        for path, section in sections.items()
    }


def switch_services(mine, others, before, after, other_before, other_after):
    """Services to apply: the one that gives up its port first, then the one that takes it."""
    services = [mine.service]
    if ("enable" in other_before) != ("enable" in other_after):
        services.insert(0, others.service)
    if ("enable" in before, before.get("port")) != ("enable" in after, after.get("port")):
        services.append("filter")
    return services


def hosts(section, wanted, problems):
    """(host records, their changes) with the wanted ones; `wanted["hosts"]` None leaves all of them alone."""
    existing = items(section.get("hosts"))
    mark = Mark(wanted.get("owner") or "pfrack")
    if wanted.get("hosts") is None:
        return existing, entry_changes(existing, existing, host_name, mark)
    present = {}
    for entry in existing:
        if mark.owns(entry.get("descr")):
            present[_host_key(entry)] = entry
    entries = [_host(entry, present, problems) for entry in wanted["hosts"]]
    entries = sorted((entry for entry in entries if entry), key=_host_key)
    try:
        merged = merge_owned(
            existing,
            entries,
            _host_key,
            mark,
            purge=bool(wanted.get("purge")),
            satisfied=_satisfied,
            describe=lambda entry: "hosts: %s" % host_name(entry),
        )
    except DesiredError as error:
        problems.extend(error.problems)
        merged = existing
    return merged, entry_changes(existing, merged, host_name, mark)


def host_name(entry):
    """The full name of a host record as pfSense holds it; `host` may be empty."""
    return ".".join(part for part in (entry.get("host"), entry.get("domain")) if part)


def _host(entry, present, problems):
    host, domain = entry.get("host") or "", entry.get("domain") or ""
    name = ".".join(part for part in (host, domain) if part)
    if host:
        _check_name(host, "hosts: %s/host" % name, problems)
    _check_name(domain, "hosts: %s/domain" % name, problems)
    address = check_address(entry.get("address"), "hosts: %s/address" % name, problems)
    if address is None:
        return None
    result = {"host": host, "domain": domain, "ip": address, "descr": entry.get("descr") or ""}
    if entry.get("aliases") is not None:
        known = container(present.get(_host_key(result))).get("aliases")
        aliases = [_alias(alias, name, items(container(known).get("item")), problems) for alias in entry["aliases"]]
        result["aliases"] = {"item": sorted(aliases, key=host_name)} if aliases else None
    return result


def _alias(alias, owner, known, problems):
    host, domain = alias.get("host") or "", alias.get("domain") or ""
    if host:
        _check_name(host, "hosts: %s/aliases/host" % owner, problems)
    _check_name(domain, "hosts: %s/aliases/domain" % owner, problems)
    for present in known:
        if (present.get("host") or "", present.get("domain") or "") == (host, domain):
            return present
    return {"host": host, "domain": domain, "description": ""}


def _host_key(entry):
    """Two records of one name may stand beside each other when one is IPv4 and the other IPv6."""
    first = _addresses(entry)[:1]
    return (host_name(entry).lower(), 6 if first and ":" in first[0] else 4)


def _addresses(entry):
    return [address.strip() for address in (entry.get("ip") or "").split(",") if address.strip()]


def _satisfied(present, want):
    """A record that the admin made will do when it gives the wanted address and no other of its kind."""
    family = ":" in want["ip"]
    return [address for address in _addresses(present) if (":" in address) == family] == [want["ip"]]


def check_address(value, where, problems):
    """The address in its usual notation, or None after a problem was noted."""
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        problems.append("%s: %s: is neither an IPv4 nor an IPv6 address" % (where, value or "(empty)"))
        return None


def _check_name(value, where, problems):
    # Whatever is not a letter, digit, hyphen, underscore or dot could become syntax of the daemon's options.
    if len(value) > 253 or not _NAME.fullmatch(value):
        problems.append("%s: %s: is not a domain name of letters, digits and hyphens" % (where, value or "(empty)"))


def wildcards(wanted, problems):
    """[(domain, address)] in a fixed order, checked."""
    result = []
    for entry in wanted.get("wildcards") or []:
        domain = (entry.get("domain") or "").rstrip(".").lower()
        domain = domain[2:] if domain.startswith("*.") else domain
        _check_name(domain, "wildcards: %s/domain" % domain, problems)
        address = check_address(entry.get("address"), "wildcards: %s/address" % domain, problems)
        if address is None:
            continue
        if any(domain == name and (":" in address) == (":" in other) for name, other in result):
            problems.append("wildcards: %s: is listed twice; remove one of them" % domain)
        result.append((domain, address))
    return sorted(result)


def not_by_hand(entries, by_hand, title, problems):
    """The wildcards that nobody wrote by hand already; by_hand: [(domain, address)] of the rest of the options."""
    result = []
    for domain, address in entries:
        others = [other for name, other in by_hand if name == domain and (":" in other) == (":" in address)]
        if others and address not in others:
            problems.append(
                "wildcards: %s: the custom options of the %s already say %s, outside of our block; remove that line or "
                "make the inventory say the same" % (domain, title, ", ".join(others))
            )
        elif not others:
            result.append((domain, address))
    return result


class Block:
    """Our lines in a text that belongs to the admin; everything around them stays as it is, byte for byte.

    The line break before the block belongs to the block, so that taking it out gives back the admin's text.
    """

    def __init__(self, begin, end):
        self.begin, self.end = begin, end
        edge = r"(?:^|(?<=\s))%s(?=\s|$)"
        begin_pattern, end_pattern = edge % re.escape(begin), edge % re.escape(end)
        self._edges = [re.compile(begin_pattern), re.compile(end_pattern)]
        self._pattern = re.compile(r"(?:\r?\n)?%s(.*?)%s" % (begin_pattern, end_pattern), re.DOTALL)

    def lines(self, text):
        """The lines between the edges, or None when there is no block."""
        found = self._pattern.search(text)
        return [line.strip() for line in found.group(1).splitlines() if line.strip()] if found else None

    def broken(self, text):
        """Whether the edges do not come exactly as one pair."""
        counts = [len(edge.findall(text)) for edge in self._edges]
        return counts not in ([0, 0], [1, 1]) or (counts == [1, 1] and not self._pattern.search(text))

    def replace(self, text, lines):
        """The text with these lines as the block; without lines it has no block."""
        if lines == (self.lines(text) or []):
            return text
        block = "\n".join([self.begin] + list(lines) + [self.end]) if lines else ""
        found = self._pattern.search(text)
        if not found:
            return "%s\n%s" % (text, block) if text else block
        before, after = text[: found.start()], text[found.end() :]
        if block:
            return before + ("\n" if before else "") + block + after
        return before + (after if before else re.sub(r"\A\r?\n", "", after))


def decode_options(section, title, problems):
    """The admin's free options as text; pfSense 2.7 and newer keep them as base64."""
    try:
        return base64.b64decode(section.get("custom_options") or "", validate=True).decode("utf-8", "surrogateescape")
    except binascii.Error:
        problems.append(
            "wildcards: the custom options of the %s are not base64 as pfSense 2.7 and newer keep them; "
            "open its page in the GUI and save it once" % title
        )
        return ""


def put_options(section, present, text):
    """Set the free options when the text has changed; a missing element stays missing while there is nothing."""
    if text != present:
        section["custom_options"] = base64.b64encode(text.encode("utf-8", "surrogateescape")).decode("ascii")


def replace_block(section, block, lines, title, problems):
    """Make `lines` the block in the section's free options."""
    text = decode_options(section, title, problems)
    if block.broken(text):
        problems.append(
            'wildcards: the custom options of the %s hold only a part of our block, "%s" to "%s"; '
            "remove what is left of it there" % (title, block.begin, block.end)
        )
        return
    put_options(section, text, block.replace(text, lines))
