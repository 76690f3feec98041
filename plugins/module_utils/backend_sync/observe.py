# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One look at the running HAProxy and at the file that its next start reads."""

from __future__ import annotations

from dataclasses import dataclass

from ..router import RouterError
from .config import our_pools, pools_of, servers_of
from .running import backends_of, read_lines, read_state, same_address


@dataclass
class View:
    """state: {backend: {name: Running}}, None when nobody answers on the socket; lines: {backend: {name: Line}}.

    blind: why nobody may look at the process, so that only reloads are left; unapplied: whether one is due.
    """

    revision: str
    pids: list
    version: str
    state: dict
    lines: dict
    notes: dict
    blind: str = ""
    unapplied: bool = False


def look(router, notes=()):
    """The View now, with what earlier runs noted under these names."""
    seen = router.haproxy_state(notes)
    state = seen.get("state")
    return View(
        revision=seen["revision"],
        pids=seen.get("pids") or [],
        version=seen.get("version") or "",
        state=None if state is None else read_state(state),
        lines=read_lines(seen["lines"]),
        notes=seen["notes"],
        blind=seen.get("blind") or "",
        unapplied=bool(seen.get("unapplied")),
    )


def look_at(router, revision, notes=()):
    """The View of this revision; kind `conflict` when config.xml is another one by now."""
    view = look(router, notes)
    if view.revision != revision:
        raise RouterError("conflict", "the configuration of the router changes while it is looked at")
    return view


def meant_to_run(section, view):
    """Whether HAProxy serves here; on the backup of a CARP pair pfSense does not start it."""
    section = section if isinstance(section, dict) else {}
    return "enable" in section and not ("carpdev" in section and not view.pids)


def up(view, pool_name):
    """Names of servers of a pool that take requests now; None when nobody knows."""
    if view.state is None:
        return None
    found = [view.state[backend] for backend in backends_of(pool_name, view.state)]
    return [name for servers in found for name, server in servers.items() if server.up] if found else None


def stale(view, section, mark):
    """Whether the file lacks something that config.xml says about our servers, as after a run that was killed."""
    pools = pools_of(section)
    for pool_name, names in our_pools(section, mark).items():
        entries = servers_of(pools[pool_name])
        for backend in backends_of(pool_name, view.lines):
            lines = view.lines[backend]
            if any(_differs(entries.get(name), lines.get(name)) for name in names):
                return True
            # The file names a server with several addresses name_0, name_1 and so on.
            if any(name not in entries and name.rpartition("_")[0] not in entries for name in lines):
                return True
    return False


def _differs(entry, line):
    wanted = entry is not None and (entry.get("status") or "") != "inactive"
    if not wanted or line is None:
        # A host name that does not resolve has no line, and one with several addresses has several.
        literal = wanted and same_address(entry.get("address"), "::") is not None
        return literal if line is None else not wanted
    return (
        same_address(entry.get("address"), line.address) is False
        or (entry.get("port") or "") != line.port
        or (entry.get("weight") or "1") != line.weight
        or (entry.get("status") == "disabled") != line.disabled
    )
