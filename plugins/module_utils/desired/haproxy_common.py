# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Small things that HAProxy's backends and frontends share."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re

_NAME = re.compile(r"[a-zA-Z0-9._-]+")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")


def set_text(entry, name, value):
    """Set an element to a text or number; None leaves it alone, an empty text equals a missing one."""
    if value is not None and (entry.get(name) or "") != str(value):
        entry[name] = str(value)


def set_yes(entry, name, value):
    """Set an element that holds "yes" or is missing; None leaves it alone."""
    if value is True and not entry.get(name):
        entry[name] = "yes"
    elif value is False and entry.get(name):
        del entry[name]


def decode(text):
    """Lines of a base64 element. What is not base64 cannot come from pfSense and counts as one opaque line."""
    try:
        decoded = base64.b64decode(text or "", validate=True).decode("utf-8", "surrogateescape")
    except binascii.Error:
        decoded = text
    return decoded.replace("\r\n", "\n").split("\n") if decoded else []


def set_lines(entry, name, lines):
    """Set a base64 element to these lines; a different notation of the same lines stays."""
    if lines is not None and decode(entry.get(name)) != list(lines):
        if lines:
            entry[name] = base64.b64encode("\n".join(lines).encode("utf-8", "surrogateescape")).decode("ascii")
        else:
            entry[name] = ""


def check_name(value, where, problems):
    if not _NAME.fullmatch(value or ""):
        problems.append(
            "%s: %s: may hold only letters, digits, dots, hyphens and underscores" % (where, value or "(empty)")
        )


def check_number(value, lowest, highest, where, problems):
    if value is not None and not lowest <= value <= highest:
        problems.append("%s: %s: must lie between %s and %s" % (where, value, lowest, highest))


def check_host(value, where, problems):
    """An address or a host name; nothing that could become syntax."""
    try:
        ipaddress.ip_address(value)
    except ValueError:
        # Only digits and dots is an address that was mistyped.
        if not _HOST.fullmatch(value or "") or re.fullmatch(r"[0-9.]+", value):
            problems.append("%s: %s: is neither an address nor a host name" % (where, value or "(empty)"))


def check_line(value, where, problems):
    if value and ("\n" in value or "\r" in value):
        problems.append("%s: must be a single line" % where)


def check_lines(values, where, problems):
    for value in values or []:
        check_line(value, where, problems)


def twice(names):
    return sorted({name for name in names if names.count(name) > 1})


def natural(name):
    """A sort key that puts node2 before node10."""
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.split(r"([0-9]+)", name) if part]
