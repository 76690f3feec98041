# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two routers that stand in for each other: CARP addresses, and a configuration that pfSense takes across.

pair: {role: primary or secondary, primary, secondary: names, peer_address: where the other one is reached, peer_info:
the facts of the other one, None when this run does not reach it}.
"""

from __future__ import annotations

import ipaddress

from ..errors import DesiredError
from .compile import compile_cluster
from .network import interface_id

# Boxes of System > High Availability by their names in config.xml.
BOXES = {"virtualip": "Virtual IPs", "dhcpd": "DHCP Server settings", "dnsforwarder": "DNS Forwarder and DNS Resolver"}
RULES = {"rules": "Firewall rules"}
# What pfSense adds to the skew of addresses that it takes across, and the highest that there is.
SKEW, HIGHEST_SKEW = 100, 254


def read_pair(routers, variables, router):
    """(the pair of the router or None, problems). variables: {router: its variables}."""
    problems, secondaries = [], {}
    for host in routers:
        primary = variables[host].get("ha_primary")
        if primary is None:
            continue
        primary = str(primary)
        if primary not in routers or primary == host:
            known = ", ".join(name for name in routers if name != host) or "no other router"
            problems.append(
                "%s: ha_primary: %s: is no other host of the group routers, which has %s" % (host, primary, known)
            )
        elif variables[primary].get("ha_primary") is not None:
            problems.append("%s: ha_primary: %s: is a secondary itself; name the first one" % (host, primary))
        elif primary in secondaries:
            problems.append(
                "%s: ha_primary: %s: has %s already; pfSense makes pairs" % (host, primary, secondaries[primary])
            )
        else:
            secondaries[primary] = host
    mine = variables[router].get("ha_primary")
    if problems or (mine is None and router not in secondaries):
        return None, problems
    primary = router if mine is None else str(mine)
    return {
        "role": "primary" if mine is None else "secondary",
        "primary": primary,
        "secondary": secondaries[primary],
    }, []


def setting_problems(pair, first, second):
    """What the two have otherwise, which would go back and forth. Values stay hidden: passwords may be among them.

    first, second: {variable: value} of the primary and the secondary.
    """
    differing = sorted(name for name in {*first, *second} if first.get(name) != second.get(name))
    if not differing:
        return []
    return [
        "%s: %s: not the same as for %s: a pair has one configuration; set it for both, in group_vars and not in the "
        "host_vars of one" % (pair["secondary"], ", ".join(differing), pair["primary"])
    ]


def compile_pair(nodes, settings, info, groups, pair):
    """compile_cluster() for a router of a pair; both get the same specification, as far as it may be the same.

    Raises DesiredError with every problem, those of the pair included.
    """
    first = pair["role"] == "primary"
    peer = pair.get("peer_info")
    # One of them decides which node gets which address.
    decides, other = (info, peer) if first or peer is None else (peer, info)
    problems, spec = [], None
    try:
        spec = compile_cluster(nodes, settings, decides, groups, pair=_addresses(other, pair))
    except DesiredError as error:
        problems += error.problems
    if first or peer is not None:
        problems += _setup_problems(pair, decides, bool(spec and spec["firewall_rules"]))
    if spec and other is not None:
        problems += _difference_problems(pair, decides, other, spec)
    if problems:
        raise DesiredError(problems)
    role = pair["role"]
    if not first:
        spec["virtual_ips"] = [_raised(entry) for entry in spec["virtual_ips"]]
    return {**spec, "ha_role": role, "ha_alone": role == "secondary" and peer is None}


def _addresses(other, pair):
    """{address: words} that the other router has."""
    taken = {}
    for name, facts in sorted(((other or {}).get("interfaces") or {}).items()):
        if facts and facts.get("address"):
            taken[facts["address"]] = "%s's interface %s" % (pair["secondary"], name)
    peer_address = pair.get("peer_address")
    try:
        taken.setdefault(str(ipaddress.IPv4Address(str(peer_address))), "the other router of the pair")
    except ValueError:
        pass
    return taken


def _setup_problems(pair, info, with_rules):
    """What an admin has to set up once in the primary."""
    here = info.get("high_availability") or {}
    place = "%s: System > High Availability" % pair["primary"]
    if not here.get("peer"):
        return [
            "%s: Synchronize Config to IP: missing: %s is to follow this router; enter its address there, and the user "
            "and password to log in with" % (place, pair["secondary"])
        ]
    boxes = {**BOXES, **(RULES if with_rules else {})}
    lacking = [label for name, label in boxes.items() if name not in (here.get("sections") or [])]
    if not lacking:
        return []
    return ["%s: Select options to sync: %s: tick them, or %s lacks them when it has to stand in"
            % (place, ", ".join(lacking), pair["secondary"])]  # fmt: skip


def _difference_problems(pair, info, other, spec):
    """Why the secondary could not do what the primary does."""
    second, problems = pair["secondary"], []
    versions = info.get("config_version"), other.get("config_version")
    if versions[0] != versions[1]:
        problems.append(
            "%s: version: %s: has configuration version %s, %s has %s, and pfSense takes equal ones only; update "
            "one of the two" % (second, other.get("version"), versions[1], pair["primary"], versions[0])
        )
    if (other.get("high_availability") or {}).get("peer"):
        problems.append(
            "%s: System > High Availability: Synchronize Config to IP: %s: a secondary that sends its configuration "
            "makes a circle; empty that field" % (second, other["high_availability"]["peer"])
        )
    for interface in sorted({spec["interface"], *(entry["interface"] for entry in spec["virtual_ips"])}):
        problems += _interface_problems(pair, interface, info, other)
    gui = other.get("webgui") or {}
    for frontend in spec["frontends"]:
        port = frontend["listen"][0]["port"]
        if port and (port == gui.get("port") or (port == 80 and gui.get("redirect"))):
            problems.append(
                "%s: web GUI: %s: is the port of the service %s; move the GUI there too, as on %s"
                % (second, port, frontend["name"], pair["primary"])
            )
    return problems


def _interface_problems(pair, interface, info, other):
    second = pair["secondary"]
    if interface == "lo0":
        return []
    there = (other.get("interfaces") or {}).get(interface) or {}
    here = (info.get("interfaces") or {})[interface_id(interface, info.get("interfaces") or {})]
    if not there.get("address"):
        return [
            "%s: interface %s: missing or without address: pfSense pairs interfaces by their ids; assign it as on the "
            "other router" % (second, interface)
        ]
    if not here.get("address"):
        return [
            "%s: interface %s: has no IPv4 address: CARP needs one beside the virtual IP; set it on the router"
            % (pair["primary"], interface)
        ]
    ours, theirs = (ipaddress.ip_interface("%s/%s" % (facts["address"], facts["prefix"])) for facts in (here, there))
    if ours.network == theirs.network:
        return []
    return [
        "%s: interface %s: %s: is not in %s, as on the other router; pfSense pairs interfaces by their ids"
        % (second, interface, theirs, ours.network)
    ]


def _raised(entry):
    """As pfSense takes the address across."""
    if entry.get("mode") != "carp":
        return entry
    return {**entry, "advskew": min(HIGHEST_SKEW, (entry.get("advskew") or 0) + SKEW)}
