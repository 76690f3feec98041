# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The mark in a pool: a pool has no description, so a comment among its own lines says what is ours.

`# [pfrack] servers: node1 node2` names our servers. A pattern among the names, such as `node*` or `*`, is a claim:
servers with such names are ours whoever adds them, so who may edit servers only needs to write no mark.
"""

from __future__ import annotations

import fnmatch
import re

from . import container, items
from .haproxy_common import decode, natural

# HAProxy refuses lines longer than 2048 characters.
LONGEST_LINE = 990
_CLAIM = re.compile(r"[a-zA-Z0-9._-]*\*[a-zA-Z0-9._*-]*")


def servers_of(pool):
    """The entries of a pool's servers."""
    return items(container(pool.get("ha_servers")).get("item"))


def marked_names(pool, mark):
    """The names and patterns of the mark, in their order; None when the pool is not ours."""
    lines, prefix = _marked_lines(pool, mark), _prefix(mark)
    return [name for line in lines for name in line[len(prefix) :].split()] if lines else None


def owned_servers(pool, mark):
    """Names of our servers in a pool of ours, in its order; None when the pool is not ours."""
    marked = marked_names(pool, mark)
    if marked is None:
        return None
    names, claims = _apart(marked)
    # There may be a thousand.
    names = set(names)
    present = [entry.get("name") or "" for entry in servers_of(pool)]
    return [name for name in present if name in names or claimed(name, claims)]


def claimed(name, claims):
    """Whether a server's name is one of these patterns, in which * stands for anything."""
    return any(fnmatch.fnmatchcase(name, claim) for claim in claims)


def own_lines(pool, mark):
    """The pool's own lines of configuration without the mark."""
    return [line for line in decode(pool.get("advanced_backend")) if not line.startswith(_prefix(mark))]


def _marked_lines(pool, mark):
    return [line for line in decode(pool.get("advanced_backend")) if line.startswith(_prefix(mark))]


def _prefix(mark):
    return "# %s servers:" % mark.text


def _apart(marked):
    """(names, patterns) of a mark."""
    return [name for name in marked if "*" not in name], [name for name in marked if "*" in name]


def mark_lines(pool, after, backend, own_names, mark, problems):
    """The lines that say what is ours in the pool as it will be."""
    marked, claims_before = _apart(marked_names(pool, mark) or [])
    claims = claims_before
    if backend.get("owned_names") is not None:
        claims = sorted(set(backend["owned_names"]), key=natural)
        _check_takeover(pool, backend["name"], claims, own_names, mark, problems)
    names = [name for name in own_names if not claimed(name, claims)]
    if after.get("ha_servers") == pool.get("ha_servers") and claims == claims_before and set(names) <= set(marked):
        # Names without a server do no harm: who may edit servers only leaves them behind.
        return _marked_lines(pool, mark) or _lines([], mark)
    return _lines(claims + names, mark)


def _check_takeover(pool, where, claims, own_names, mark, problems):
    """Only servers that are ours already, or nobody's, can be claimed."""
    ours = set(owned_servers(pool, mark) or []) | set(own_names)
    for name in [entry.get("name") or "" for entry in servers_of(pool)]:
        if name not in ours and claimed(name, claims):
            problems.append(
                "backends: %s/owned_names: %s: the server %s, which pfrack did not make, has such a name; rename or "
                "remove it, or claim fewer names" % (where, " ".join(claims), name)
            )


def _lines(names, mark):
    """The comment that says what is ours, in as many lines as it takes; at least one."""
    prefix = _prefix(mark)
    lines = [prefix]
    for name in names:
        if len(lines[-1]) + 1 + len(name) > LONGEST_LINE:
            lines.append(prefix)
        lines[-1] += " " + name
    return lines


def check_claims(backend, problems):
    """What is no pattern is a name, and names go into the mark by themselves."""
    for claim in backend.get("owned_names") or []:
        if not _CLAIM.fullmatch(claim):
            problems.append(
                "backends: %s/owned_names: %s: must be a pattern with a star, such as node*, of letters, digits, dots, "
                "hyphens and underscores" % (backend["name"], claim)
            )
