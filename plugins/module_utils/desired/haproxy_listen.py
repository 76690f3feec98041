# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a frontend listens: pfSense's keys for addresses, ports and ranges of ports."""

from __future__ import annotations

import ipaddress

from . import container, items

# An address key that pfSense cannot resolve makes HAProxy listen everywhere.
_EVERYWHERE = "0.0.0.0"
_KEYS = {"any_ipv4": "0.0.0.0", "any_ipv6": "::", "localhost_ipv4": "127.0.0.1", "localhost_ipv6": "::1"}


def listeners(frontend, info):
    """[(address, range of ports)] of a frontend; ports that are named by an alias are not known here."""
    result = []
    for entry in items(container(frontend.get("a_extaddr")).get("item")):
        address = _address(entry, container(info.get("interfaces")))
        result += [(address, ports) for ports in _ports(entry.get("extaddr_port"))]
    return result


def overlaps(one, other):
    """Whether two listeners want the same port of the same address."""
    return _same_address(one[0], other[0]) and one[1].start < other[1].stop and other[1].start < one[1].stop


def same_listeners(one, other):
    """Whether two lists of listen addresses say the same, in any order."""

    def comparable(addresses):
        return sorted(
            (
                _literal(entry),
                str(entry.get("extaddr_port")),
                bool(entry.get("extaddr_ssl")),
                entry.get("extaddr_advanced") or "",
            )
            for entry in items(container(addresses).get("item"))
        )

    return comparable(one) == comparable(other)


def _literal(entry):
    key = entry.get("extaddr") or "custom"
    if key == "custom":
        return entry.get("extaddr_custom") or ""
    return key[: -len("_ipv4")] if key.endswith("_ipv4") and "." in key else _KEYS.get(key, key)


def _address(entry, interfaces):
    literal = _literal(entry)
    if literal.endswith("_ipv4"):
        return container(interfaces.get(literal[: -len("_ipv4")])).get("address") or _EVERYWHERE
    return literal


def _ports(text):
    result = []
    for part in (text or "").split(","):
        bounds = part.strip().replace("-", ":").split(":")
        if all(bound.isdigit() for bound in bounds) and len(bounds) <= 2:
            result.append(range(int(bounds[0]), int(bounds[-1]) + 1))
    return [ports for ports in result if ports]


def _same_address(one, other):
    if one == other:
        return True
    try:
        first, second = ipaddress.ip_address(one), ipaddress.ip_address(other)
    except ValueError:
        return False
    return first.version == second.version and (first == second or first.is_unspecified or second.is_unspecified)
