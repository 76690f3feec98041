# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Firewall rules that let something in.

wanted: the options of pfsense_firewall_rule. A rule is identified by what it matches. New rules stand behind all
others, so the admin's come first and keep their order; pfSense takes the first rule that matches.
"""

from __future__ import annotations

import hashlib
import ipaddress

from ..errors import DesiredError
from ..ownership import Mark, entry_changes, merge_owned
from . import Desired, container, items
from .firewall_check import blocked_before, opens_management, read_ports

SECTION = "filter/rule"
SEPARATORS = "filter/separator"
# Read for what they say about access to the router; never changed.
PATHS = [SECTION, SEPARATORS, "system/ssh", "system/disablefilter"]
# pfSense's pages take the time in seconds and its own rules 1000000000; nothing else is in here before 2033.
FIRST_TRACKER, TRACKERS = 2000000000, 147000000


def desire(current, wanted, info):
    """The list of rules with the wanted ones in it. Raises DesiredError with every problem."""
    mark = Mark(wanted.get("owner") or "pfrack")
    existing = items(current.get(SECTION))
    problems, entries = [], []
    for option in wanted.get("rules") or []:
        entry, found = _entry(option, info)
        problems += found
        if entry:
            entries.append(entry)
            problems += opens_management(entry, _where(entry), current, info)
    if problems:
        raise DesiredError(problems)
    entries.sort(key=rule_name)
    merged = merge_owned(
        existing,
        entries,
        lambda entry: _identity(entry, mark),
        mark,
        purge=bool(wanted.get("purge")),
        # What a page of pfSense adds to a rule stays; so does the number by which logs know it.
        assigned=("tracker",),
        flags=("log", "disabled"),
        satisfied=lambda entry, want: True,
        describe=_where,
    )
    _number(merged, mark)
    sections = {SECTION: merged or None}
    separators = _shifted(container(current.get(SEPARATORS)), existing, merged)
    if separators is not None:
        sections[SEPARATORS] = separators
    warnings = blocked_before(merged, {_identity(entry, mark) for entry in entries}, lambda e: _identity(e, mark), mark)
    if entries and current.get("system/disablefilter") is not None:
        warnings.append(
            "packet filtering is switched off on the router (System > Advanced > Firewall & NAT): rules have no effect"
        )
    return Desired(
        sections=sections,
        services=["filter"],
        warnings=warnings,
        entries=entry_changes(existing, merged, rule_name, mark),
    )


def rule_name(entry):
    """How messages name a rule: `wan tcp any > wanip:443`."""
    return "%s %s %s > %s" % (
        entry.get("interface"),
        entry.get("protocol") or "any",
        _end(entry.get("source")),
        _end(entry.get("destination")),
    )


def _where(entry):
    return "rules: %s" % rule_name(entry)


def _end(end):
    end = container(end)
    name = end.get("address") or end.get("network") or "any"
    port = ":%s" % end["port"] if end.get("port") else ""
    return "%s%s%s" % ("not " if "not" in end else "", name, port)


def _identity(entry, mark):
    """What a rule matches and does. A rule that an admin has switched off is not the same as one that works."""
    off = entry.get("disabled") is not None and not mark.owns(entry.get("descr"))
    kind = (entry.get("type") or "pass", entry.get("ipprotocol") or "inet", entry.get("floating") or "", off)
    return (rule_name(entry), *kind, *(entry.get(name) or "" for name in ("gateway", "sched", "os", "tagged")))


def _entry(option, info):
    """(config.xml entry or None, problems) of one wanted rule."""
    interfaces = container(info.get("interfaces"))
    interface = _interface(option.get("interface") or "wan", interfaces)
    where = "rules: %s %s" % (option.get("interface") or "wan", option.get("port"))
    if interface is None:
        known = ", ".join("%s (%s)" % (name, facts.get("descr")) for name, facts in sorted(interfaces.items()))
        return None, ["%s: there is no interface %s; the router has %s" % (where, option.get("interface"), known)]
    problems = []
    if read_ports(option.get("port")) is None:
        problems.append(
            "%s: %s is no port; write one such as 443, or a range such as 8000-8010" % (where, option["port"])
        )
    source = option.get("source") or "any"
    destination = option.get("destination") or ""
    families = set()
    for name, value in (("source", "" if source == "any" else source), ("destination", destination)):
        try:
            families |= {ipaddress.ip_network(value, strict=True).version} if value else set()
        except ValueError as error:
            problems.append("%s: %s: %s is neither an address nor a network (%s)" % (where, name, value, error))
    if len(families) > 1:
        problems.append("%s: source and destination are of different IP versions; make two rules of it" % where)
    facts = container(interfaces[interface])
    if not destination and not facts.get("address"):
        problems.append("%s: interface %s has no IPv4 address; name a destination" % (where, interface))
    if problems:
        return None, problems
    if destination and destination == facts.get("address"):
        # The interface's own address by its name, so that the rule follows it.
        destination = ""
    target = {"address": destination} if destination else {"network": "%sip" % interface}
    return {
        "tracker": None,
        "type": "pass",
        "interface": interface,
        "ipprotocol": "inet6" if 6 in families else "inet",
        "statetype": "keep state",
        "protocol": option.get("protocol") or "tcp",
        "source": {"any": ""} if source == "any" else {"address": source},
        "destination": {**target, "port": option["port"]},
        "log": "" if option.get("log") else None,
        # Listed means in force: our rule that somebody switched off is switched on again.
        "disabled": None,
        "descr": option.get("descr") or "",
    }, []


def _interface(name, interfaces):
    for interface, facts in interfaces.items():
        if name.lower() in (interface.lower(), (container(facts).get("descr") or "").lower()):
            return interface
    return None


def _number(merged, mark):
    """Give new rules their trackers: the same every time, so that check mode predicts them, and unique."""
    taken = {str(entry.get("tracker")).lstrip("0") for entry in merged if entry.get("tracker")}
    for entry in merged:
        if entry.get("tracker") or not mark.owns(entry.get("descr")):
            continue
        digest = hashlib.sha256(("%s %s" % (rule_name(entry), entry["descr"])).encode()).digest()
        offset = int.from_bytes(digest[:8], "big") % TRACKERS
        while str(FIRST_TRACKER + offset) in taken:
            offset = (offset + 1) % TRACKERS
        entry["tracker"] = str(FIRST_TRACKER + offset)
        taken.add(entry["tracker"])


def _shifted(separators, before, after):
    """The coloured bars of the web GUI, which stand before the n-th rule of an interface, after rules went.

    None when they stay as they are.
    """
    kept = {id(entry) for entry in after} | {str(entry.get("tracker")) for entry in after if entry.get("tracker")}
    counts, gone = {}, {}
    for entry in before:
        group = "floatingrules" if entry.get("floating") == "yes" else (entry.get("interface") or "").lower()
        place = counts.get(group, 0)
        counts[group] = place + 1
        if id(entry) not in kept and str(entry.get("tracker")) not in kept:
            gone.setdefault(group, []).append(place)
    changed = False
    for group, places in gone.items():
        lines = container(separators.get(group))
        for name, line in lines.items():
            row = _row(line)
            if row is None:
                continue
            new = row - sum(1 for place in places if place < row)
            if new != row:
                lines[name] = {**line, "row": ["fr%d" % new] if isinstance(line["row"], list) else "fr%d" % new}
                changed = True
        if lines:
            separators[group] = lines
    return separators if changed else None


def _row(line):
    row = line.get("row") if isinstance(line, dict) else None
    row = row[0] if isinstance(row, list) and row else row
    return int(row[2:]) if isinstance(row, str) and row.startswith("fr") and row[2:].isdigit() else None
