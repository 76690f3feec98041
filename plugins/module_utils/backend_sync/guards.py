# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run must not do without being told to."""

from __future__ import annotations

import json

SERVING = ("", "active", "backup")
NAMES_SHOWN = 5


def some(names):
    """Names for a message, which stays readable with hundreds of them."""
    shown, more = ", ".join(names[:NAMES_SHOWN]), len(names) - NAMES_SHOWN
    return "%s and %d more" % (shown, more) if more > 0 else shown


def check_removal(pool, before, after, ours, up, allow_empty, max_removed, told=()):
    """Problems, one line each, of taking servers out of a pool.

    before, after: {name: status} of all servers of the pool, hand-made ones included. ours: names of ours before.
    up: names of servers that answer their health checks now, or None when unknown. told: names the user gave
    himself, which count for no share. max_removed: percent.
    """
    serving = [name for name, status in before.items() if status in SERVING]
    staying = {name: True for name, status in after.items() if status in SERVING}
    going = [name for name in serving if name not in staying]
    problems = []
    if not going or allow_empty:
        return problems
    if not staying:
        problems.append(
            "backend %s: nothing would serve it any more (%s would go); say allow_empty: true to do it nevertheless"
            % (pool, some(going))
        )
    elif up is not None and set(going) & set(up) and not set(staying) & set(up):
        problems.append(
            "backend %s: %s would go, and none of those that stay (%s) answers its health check; wait for them, or say "
            "allow_empty: true" % (pool, some(going), some(list(staying)))
        )
    own = set(ours)
    counted = [name for name in going if name in own and name not in told]
    limit = len([name for name in serving if name in own]) * max_removed / 100.0
    if not problems and len(counted) > max(limit, 1 if max_removed else 0):
        problems.append(
            "backend %s: %d of %d servers would go at once (%s), more than %d %%; check the inventory, or raise "
            "max_removed_percent" % (pool, len(counted), len(serving), some(counted), max_removed)
        )
    return problems


def still_in_grace(missing, noted, now, grace):
    """(servers that stay for now, what to note).

    missing: servers that are not wanted any more. noted: the text that an earlier call gave to note.
    now, grace: seconds. A server counts as gone when it was missing in every run for that long.
    """
    try:
        since = json.loads(noted) if noted else {}
    except ValueError:
        since = {}
    since = since if isinstance(since, dict) else {}
    noted_now = {}
    for server in missing:
        first = since.get(server)
        # A clock that was set back must not keep a server for ever.
        noted_now[server] = first if isinstance(first, (int, float)) and first <= now else now
    staying = [server for server in missing if now - noted_now[server] < grace]
    return staying, json.dumps(noted_now, sort_keys=True) if noted_now and grace else ""
