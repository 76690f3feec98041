# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who we are to a router: one name for everything that one ansible-playbook does, and for nothing else."""

from __future__ import annotations

import functools
import getpass
import os
import pathlib
import platform


@functools.lru_cache(maxsize=4)
def holder(pid: int | None = None) -> str:
    """Like `deis@laptop (ansible-playbook, process 4711, started 88213)`, in ASCII; actions run in its children."""
    pid = os.getppid() if pid is None else pid
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    since = started(pid)
    text = f"{user}@{platform.node()} (ansible-playbook, process {pid}{since and ', started ' + since})"
    return text.encode("ascii", "replace").decode("ascii")[:200]


def started(pid: int) -> str:
    """Tells a process from a later one with the same number, where the system has /proc."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError, ValueError):
        return ""
