# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which process a run comes from, so that a later one on the same machine knows that it has died."""

from __future__ import annotations

import hashlib
import os
import pathlib


def origin() -> str:
    """Like `0f3a… 4711 88213`: a place, a process there, when it started; "" where the system does not tell."""
    place, since = _place(), _started(os.getpid())
    return f"{place} {os.getpid()} {since}" if place and since else ""


def ended(text: str) -> bool:
    """Whether this was a process of ours, here, that is gone."""
    place, _space, process = text.partition(" ")
    pid, _space, since = process.partition(" ")
    return bool(place) and place == _place() and pid.isdigit() and _started(int(pid)) != since


def _place() -> str:
    """One boot of one machine, and of a container there. Of other users we may see no processes, so the user counts."""
    try:
        boot = pathlib.Path("/proc/sys/kernel/random/boot_id").read_text()
        text = f"{boot} {os.readlink('/proc/self/ns/pid')} {os.getuid()}"
    except OSError:
        return ""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _started(pid: int) -> str:
    try:
        words = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        # A dead process that nobody has asked for is still listed.
        return "" if words[0] in "ZX" else words[19]
    except (OSError, IndexError):
        return ""
