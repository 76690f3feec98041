# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading MAC addresses, IPv4 addresses, ranges and names as people write them."""

from __future__ import annotations

import ipaddress
import re

_MAC = re.compile(r"[0-9a-f]{2}(?:([:-])[0-9a-f]{2})(?:\1[0-9a-f]{2}){4}")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_DIGITS = re.compile(r"([0-9]+)")


def mac_address(value):
    """The MAC address in lower case with colons. Raises ValueError with what is wrong and what to do."""
    if isinstance(value, (int, float)):
        # YAML 1.1 reads 52:54:00:10:00:01 as a number to the base of 60.
        raise ValueError("YAML read this as a number; put the MAC address in quotes")
    text = str(value).strip().lower()
    if not _MAC.fullmatch(text):
        raise ValueError("is not a MAC address; write six pairs of hexadecimal digits such as 52:54:00:10:00:01")
    text = text.replace("-", ":")
    if text == "00:00:00:00:00:00":
        raise ValueError("is no machine's MAC address; write the one that stands on the network card")
    if int(text[:2], 16) & 1:
        raise ValueError("is a multicast MAC address; write the one that stands on the network card")
    return text


def ipv4(value):
    """The IPv4Address. Raises ValueError."""
    try:
        return ipaddress.IPv4Address(str(value).strip())
    except ValueError:
        raise ValueError("is not an IPv4 address; write one such as 10.10.0.20") from None


class Range:
    """All addresses from `first` to `last`, both included."""

    def __init__(self, first, last):
        if first > last:
            raise ValueError("ends before it starts; write the lower address first")
        self.first, self.last = first, last

    def __contains__(self, address):
        return self.first <= address <= self.last

    def __iter__(self):
        return map(ipaddress.IPv4Address, range(int(self.first), int(self.last) + 1))

    def __str__(self):
        return "%s-%s" % (self.first, self.last)

    def overlaps(self, other):
        return self.first <= other.last and other.first <= self.last


def address_range(value):
    """The Range written as "first-last". Raises ValueError."""
    first, dash, last = str(value).partition("-")
    if not dash:
        raise ValueError("is not a range; write the first and the last address, as in 10.10.0.20-10.10.0.99")
    try:
        return Range(ipv4(first), ipv4(last))
    except ValueError as error:
        if "before" in str(error):
            raise
        raise ValueError("is not a range; write the first and the last address, as in 10.10.0.20-10.10.0.99") from None


def is_label(text):
    """Whether DNS accepts the text as one label of a host name (RFC 1123)."""
    return bool(_LABEL.fullmatch(text.lower()))


def is_domain(text):
    return len(text) <= 253 and all(is_label(label) for label in text.split("."))


def natural(name):
    """A sort key that puts node2 before node10."""
    parts = _DIGITS.split(name)
    return [(part.isdigit(), int(part) if part.isdigit() else 0, part) for part in parts], name
