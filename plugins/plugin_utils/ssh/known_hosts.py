# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""known_hosts as OpenSSH reads it: names, patterns, negation, hashes, [host]:port, @revoked. Needs no SSH library."""

from __future__ import annotations

import base64
import binascii
import fnmatch
import hashlib
import hmac
import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """One line: who it is about, the key, and where it stands."""

    names: str
    key_type: str
    key: str
    revoked: bool
    path: str
    line: int

    def about(self, name: str) -> bool:
        found = False
        for pattern in self.names.split(","):
            if pattern.startswith("|1|"):
                found = found or _hash_matches(pattern, name)
            elif pattern.startswith("!"):
                if fnmatch.fnmatchcase(name, _pattern(pattern[1:])):
                    return False
            else:
                found = found or fnmatch.fnmatchcase(name, _pattern(pattern))
        return found


def _pattern(text: str) -> str:
    # In known_hosts only * and ? are special; [host]:port is literal.
    return text.lower().replace("[", "[[]")


def _hash_matches(pattern: str, name: str) -> bool:
    try:
        salt, digest = (base64.b64decode(part) for part in pattern[3:].split("|"))
    except (ValueError, binascii.Error):
        return False
    return hmac.compare_digest(hmac.new(salt, name.encode(), hashlib.sha1).digest(), digest)


def lookup_name(host: str, port: int) -> str:
    """How known_hosts calls a host on a port."""
    host = host.lower()
    return host if port == 22 else f"[{host}]:{port}"


def read_entries(paths: list[str]) -> list[Entry]:
    """All entries of the files that exist; lines that make no sense are skipped, as OpenSSH does."""
    entries = []
    for path in paths:
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                lines = file.readlines()
        except OSError:
            continue
        for number, line in enumerate(lines, 1):
            fields = line.split()
            marker = fields.pop(0) if fields and fields[0].startswith("@") else ""
            if len(fields) < 3 or fields[0].startswith("#") or marker == "@cert-authority":
                continue
            entries.append(Entry(fields[0], fields[1], fields[2], marker == "@revoked", path, number))
    return entries


def known_entries(paths: list[str], name: str) -> list[Entry]:
    return [entry for entry in read_entries(paths) if entry.about(name)]


def add_entry(path: str, name: str, key_type: str, key: str) -> None:
    """Append a host, on a line of its own."""
    os.makedirs(os.path.dirname(path) or ".", mode=0o700, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "r+b") as file:
        size = file.seek(0, os.SEEK_END)
        broken = False
        if size:
            file.seek(-1, os.SEEK_END)
            broken = file.read(1) != b"\n"
        file.write((b"\n" if broken else b"") + f"{name} {key_type} {key}\n".encode())
