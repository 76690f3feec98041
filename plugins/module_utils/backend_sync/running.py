# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the running HAProxy says, and what the lines of its file say, as the same kind of thing."""

from __future__ import annotations

import functools
import ipaddress
from dataclasses import dataclass

# Bits of srv_admin_state and srv_check_state in `show servers state`.
_FORCED_MAINTENANCE = 0x01
_ANY_MAINTENANCE = 0x01 | 0x02 | 0x20
_FORCED_DRAIN = 0x08
_CHECK_CONFIGURED = 0x02
_CHECK_ENABLED = 0x04
_UP = "2"
_STARTING = "1"


@dataclass
class Running:
    """A server of the running process; address and port as it has them now, resolved."""

    name: str
    id: str
    address: str
    port: str
    weight: str
    maintenance: bool
    drained: bool
    up: bool
    has_check: bool
    check_runs: bool
    by_name: bool

    @property
    def ready(self):
        """Whether nobody took it out by hand."""
        return not self.maintenance and not self.drained


@dataclass
class Line:
    """A server line of the file. `words` is all that stands behind the name; address may be a name."""

    name: str
    address: str
    port: str
    words: str
    id: str = ""
    weight: str = "1"
    check: bool = False
    disabled: bool = False


def read_state(text):
    """{backend: {server name: Running}} of `show servers state`."""
    result = {}
    columns = []
    for line in (text or "").splitlines():
        if line.startswith("#"):
            columns = line[1:].split()
        fields = line.split()
        if line.startswith("#") or len(fields) < 19 or not columns:
            continue
        row = dict(zip(columns, fields))
        try:
            admin, check = int(row["srv_admin_state"]), int(row["srv_check_state"])
            server = _server(row, admin, check)
        except (KeyError, ValueError):
            # What is not a server of a HAProxy that we know is none that we could change.
            continue
        result.setdefault(row.get("be_name", ""), {})[server.name] = server
    return result


def _server(row, admin, check):
    return Running(
        name=row["srv_name"],
        id=row["srv_id"],
        address=row["srv_addr"],
        port=row["srv_port"],
        weight=row["srv_uweight"],
        maintenance=bool(admin & _ANY_MAINTENANCE),
        drained=bool(admin & _FORCED_DRAIN),
        up=row["srv_op_state"] in (_UP, _STARTING) and not admin & (_ANY_MAINTENANCE | _FORCED_DRAIN),
        has_check=bool(check & _CHECK_CONFIGURED),
        check_runs=bool(check & _CHECK_ENABLED),
        by_name=row.get("srv_fqdn", "-") != "-",
    )


def read_lines(lines):
    """{backend: {server name: Line}} of the agent's `lines`; PHP sends an empty map as a list."""
    return {
        backend: {line.name: line for line in map(read_line, texts or []) if line}
        for backend, texts in (lines or {}).items()
    }


def read_line(text):
    """One line of the file without the word "server"; None when it is none."""
    words = text.split()
    if len(words) < 2:
        return None
    address, colon, port = words[1].rpartition(":")
    if not colon or not port.isdigit():
        address, port = words[1], ""
    line = Line(name=words[0], address=address.strip("[]"), port=port, words=" ".join(words[1:]))
    for word, value in zip(words[2:], words[3:] + [""]):
        if word == "id":
            line.id = value
        elif word == "weight":
            line.weight = value
        elif word == "check":
            line.check = True
        elif word == "disabled":
            line.disabled = True
    return line


def backends_of(pool_name, names):
    """How pfSense calls a pool in HAProxy; several with transparent client addresses, none while nothing uses it."""
    return [name for name in names if name in tuple(pool_name + end for end in ("_ipvANY", "_ipv4", "_ipv6"))]


def same_address(one, other):
    """Whether two texts are the same IP address; None when one of them is no address."""
    pair = _address(one), _address(other)
    return None if None in pair else pair[0] == pair[1]


@functools.lru_cache(maxsize=4096)
def _address(text):
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
