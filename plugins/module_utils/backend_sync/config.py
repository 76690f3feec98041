# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The servers as config.xml should have them, and whether the running process can follow without a reload."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..desired import container, haproxy, haproxy_marks, items
from ..ownership import Mark

SECTION = haproxy.SECTION
PATHS = haproxy.PATHS
# What the runtime socket can change of a server that is there.
_AT_RUN_TIME = ("address", "port", "weight", "status")


@dataclass
class Wish:
    """What one run wants: backends as pfsense_haproxy takes them (None: servers stay as they are), nodes to take out
    for maintenance and to bring back."""

    owner: str
    backends: list = None
    drain: list = field(default_factory=list)
    undrain: list = field(default_factory=list)


def pools_of(section):
    """{name: pool} of the HAProxy section."""
    found = items(container(container(section).get("ha_pools")).get("item"))
    return {pool.get("name"): pool for pool in found if isinstance(pool, dict)}


def servers_of(pool):
    """{name: server entry} of a pool."""
    return {entry.get("name"): entry for entry in items(container(pool.get("ha_servers")).get("item"))}


def our_pools(section, mark):
    """{name: names of our servers} of the pools that carry the mark."""
    owned = {name: haproxy_marks.owned_servers(pool, mark) for name, pool in pools_of(section).items()}
    return {name: names for name, names in owned.items() if names is not None}


def missing_backends(section, wish):
    """Names of wanted backends that config.xml does not have; making them takes pfsense_haproxy."""
    present = pools_of(section)
    return [backend["name"] for backend in wish.backends or [] if backend["name"] not in present]


def desire(sections, wish, info):
    """The Desired of the section: wanted servers in their backends, nodes in maintenance disabled."""
    mark = Mark(wish.owner)
    present = pools_of(sections.get(SECTION))
    ours = our_pools(sections.get(SECTION), mark)
    backends = [backend for backend in wish.backends or [] if backend["name"] in present]
    named = {backend["name"] for backend in backends}
    # A backend that is only named keeps what it has; one that is not would be purged.
    backends += [{"name": name} for name in ours if name not in named]
    wanted = {"owner": wish.owner, "purge": True, "backends": backends}
    desired = haproxy.desire(sections, wanted, info)
    _set_status(desired.sections[SECTION], mark, wish.drain, "disabled", ("", "active", "backup"))
    _set_status(desired.sections[SECTION], mark, wish.undrain, "active", ("disabled",))
    return desired


def _set_status(section, mark, names, status, instead_of):
    ours = our_pools(section, mark)
    pools = []
    for pool in items(container(section.get("ha_pools")).get("item")):
        own_names = ours.get(pool.get("name")) or []
        servers = [
            dict(entry, status=status)
            if entry.get("name") in names
            and entry.get("name") in own_names
            and (entry.get("status") or "") in instead_of
            else entry
            for entry in items(container(pool.get("ha_servers")).get("item"))
        ]
        if servers and servers != pool["ha_servers"]["item"]:
            pool = dict(pool, ha_servers=dict(pool["ha_servers"], item=servers))
        pools.append(pool)
    if pools:
        section["ha_pools"] = dict(section["ha_pools"], item=pools)


def reload_reasons(before, after, mark):
    """Why the change of the section from `before` to `after` is none that the runtime socket can make."""
    reasons = []
    old_pools, new_pools = pools_of(before), pools_of(after)
    for name in sorted(set(_elements(before)) | set(_elements(after))):
        if name != "ha_pools" and _elements(before).get(name) != _elements(after).get(name):
            reasons.append("%s changes" % name)
    for name in old_pools:
        if name not in new_pools:
            reasons.append("backend %s goes" % name)
    for name, pool in new_pools.items():
        if name not in old_pools:
            reasons.append("backend %s is new" % name)
        else:
            reasons += _pool_reasons(name, old_pools[name], pool, mark)
    return reasons


def _elements(section):
    return section if isinstance(section, dict) else {}


def _pool_reasons(pool_name, old, new, mark):
    changed = [
        element
        for element in sorted(set(old) | set(new))
        if element not in ("ha_servers", "advanced_backend") and (old.get(element) or "") != (new.get(element) or "")
    ]
    if haproxy_marks.own_lines(old, mark) != haproxy_marks.own_lines(new, mark):
        changed.append("advanced_backend")
    reasons = ["backend %s: %s changes" % (pool_name, element) for element in changed]
    before, after = servers_of(old), servers_of(new)
    for name in [name for name in after if name in before]:
        differing = [
            element
            for element in sorted(set(before[name]) | set(after[name]))
            if (before[name].get(element) or "") != (after[name].get(element) or "")
            and (element not in _AT_RUN_TIME or element == "status" and _changes_role(before[name], after[name]))
        ]
        reasons += ["backend %s: %s of the server %s changes" % (pool_name, element, name) for element in differing]
    return reasons


def _changes_role(old, new):
    return "backup" in (old.get("status"), new.get("status")) and old.get("status") != new.get("status")
