# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HAProxy's backends, which pfSense keeps as pools."""

from __future__ import annotations

import itertools
import re

from . import container
from .haproxy_common import (
    check_host,
    check_line,
    check_lines,
    check_name,
    check_number,
    natural,
    set_lines,
    set_text,
    set_yes,
    twice,
)
from .haproxy_marks import check_claims, mark_lines, own_lines, owned_servers, servers_of

FIRST_ID = 100
HIGHEST_MS = 2147483647
_PATH = re.compile(r"/[!#-\[\]-~]*")
_VERSION = re.compile(r"HTTP/[0-9](\.[0-9])?")


def merge(pools, frontends, wanted, mark, purge, problems, warnings):
    """(pools, their changes); `wanted` None leaves all of them alone."""
    if wanted is None:
        return pools, {"created": [], "changed_entries": [], "removed": []}
    wanted = sorted(wanted, key=lambda backend: natural(backend["name"]))
    for name in twice([backend["name"] for backend in wanted]):
        problems.append("backends: %s: is listed twice; remove one of them" % name)
    for backend in wanted:
        _check(backend, problems)
    by_name = {backend["name"]: backend for backend in wanted}
    # Identifiers of what goes now stay unused in this run: HAProxy would hand over the old server's state.
    used = {entry.get("id") for pool in pools for entry in [pool] + servers_of(pool)}
    free = (str(number) for number in itertools.count(FIRST_ID) if str(number) not in used)

    result, seen, removed = [], set(), []
    for pool in pools:
        name = pool.get("name")
        ours = owned_servers(pool, mark)
        if name in by_name and ours is None:
            seen.add(name)
            _check_foreign(pool, by_name[name], mark, problems)
        elif name in by_name:
            seen.add(name)
            pool = _update(pool, by_name[name], ours, mark, purge, problems)
        elif ours is not None and purge:
            users = [frontend.get("name") for frontend in frontends if uses_backend(frontend, name)]
            if not users:
                removed.append(name)
                continue
            warnings.append(
                "backend %s: stays although it is not listed any more, because the frontend %s uses it; "
                "give that another backend first" % (name, ", ".join(users))
            )
        result.append(pool)
    created = [backend["name"] for backend in by_name.values() if backend["name"] not in seen]
    for name in created:
        result.append(_update({"name": name}, by_name[name], [], mark, purge, problems))
    owned = [owned_servers(pool, mark) for pool in result]
    result = [pool if own is None else _with_ids(pool, own, free) for pool, own in zip(result, owned)]
    before = {pool["name"]: pool for pool in pools if pool.get("name")}
    changed = [pool["name"] for pool in result if pool.get("name") in before and pool != before[pool["name"]]]
    return result, {"created": created, "changed_entries": changed, "removed": removed}


def uses_backend(frontend, name):
    """Whether a frontend refers to a backend: as its default, in an action, or in a condition."""
    if isinstance(frontend, dict):
        return any(
            value == name
            and (element == "backend_serverpool" or element.endswith("backend"))
            or isinstance(value, (dict, list))
            and uses_backend(value, name)
            for element, value in frontend.items()
        )
    return isinstance(frontend, list) and any(uses_backend(entry, name) for entry in frontend)


def _update(pool, backend, ours, mark, purge, problems):
    result = dict(pool)
    _set_fields(result, backend)
    own_names = ours
    if backend.get("servers") is not None:
        servers, own_names = _merge_servers(pool, backend, ours, purge, problems)
        if servers != servers_of(pool):
            result["ha_servers"] = dict(container(pool.get("ha_servers")), item=servers)
    lines = mark_lines(pool, result, backend, own_names, mark, problems)
    rest = backend.get("advanced_lines")
    set_lines(result, "advanced_backend", lines + list(own_lines(pool, mark) if rest is None else rest))
    return result


def _set_fields(pool, backend):
    for option, name in (
        ("balance", "balance"),
        ("connect_timeout", "connection_timeout"),
        ("server_timeout", "server_timeout"),
        ("retries", "retries"),
    ):
        set_text(pool, name, backend.get(option))
    check = backend.get("check") or {}
    set_text(pool, "check_type", check.get("type"))
    set_text(pool, "checkinter", check.get("interval"))
    if check.get("type") == "HTTP":
        set_text(pool, "httpcheck_method", check.get("method"))
        set_text(pool, "monitor_uri", check.get("path"))
        set_text(pool, "monitor_httpversion", check.get("http_version"))
    # Without a method the generated check line is invalid and HAProxy refuses the whole configuration.
    if pool.get("check_type") == "HTTP" and not pool.get("httpcheck_method"):
        pool["httpcheck_method"] = "GET"
    advanced = backend.get("advanced_servers")
    set_lines(pool, "advanced", None if advanced is None else [advanced] if advanced else [])


def _merge_servers(pool, backend, ours, purge, problems):
    """(servers, names of ours): servers of the admin stay, ours are updated in place, new ones follow."""
    wanted = {server["name"]: server for server in sorted(backend["servers"], key=lambda entry: natural(entry["name"]))}
    result, own_names, seen, own = [], [], set(), set(ours)
    for entry in servers_of(pool):
        name = entry.get("name")
        server = wanted.get(name)
        if name in own:
            if server is None and purge:
                continue
            own_names.append(name)
            entry = _server(entry, server) if server else entry
        elif server and not _same_target(entry, server):
            problems.append(
                "backends: %s/servers: %s: a server of this name that pfrack did not make goes to %s:%s instead of "
                "%s:%s; rename or remove it"
                % (backend["name"], name, entry.get("address"), entry.get("port"), server["address"], server["port"])
            )
        seen.add(name)
        result.append(entry)
    for name, server in wanted.items():
        if name not in seen:
            own_names.append(name)
            result.append(_server({}, server))
    return result, sorted(set(own_names), key=natural)


def _server(entry, server):
    result = dict(entry)
    # One that was taken out for maintenance stays out until it is brought back explicitly.
    set_text(result, "status", server.get("status") or entry.get("status") or "active")
    for option, name in (
        ("name", "name"),
        ("address", "address"),
        ("port", "port"),
        ("weight", "weight"),
        ("max_connections", "maxconn"),
        ("advanced", "advanced"),
    ):
        set_text(result, name, server.get(option))
    set_yes(result, "ssl", server.get("ssl"))
    set_yes(result, "checkssl", server.get("check_ssl"))
    return result


def _same_target(entry, server):
    return (entry.get("address"), str(entry.get("port"))) == (server["address"], str(server["port"]))


def _with_ids(pool, own, free):
    """The pool with an identifier, taken from `free`, for itself and each server of ours that has none."""
    result = dict(pool)
    if not result.get("id"):
        result["id"] = next(free)
    servers = [
        entry if entry.get("id") or entry.get("name") not in own else dict(entry, id=next(free))
        for entry in servers_of(pool)
    ]
    if servers != servers_of(pool):
        result["ha_servers"] = dict(container(pool.get("ha_servers")), item=servers)
    return result


def _check_foreign(pool, backend, mark, problems):
    """A pool that the admin made will do when it says what is wanted and has all wanted servers."""
    same = dict(pool)
    _set_fields(same, backend)
    differing = sorted(name for name in same if same[name] != pool.get(name))
    present = {entry.get("name"): entry for entry in servers_of(pool)}
    for server in backend.get("servers") or []:
        if server["name"] not in present or not _same_target(present[server["name"]], server):
            differing.append("server %s" % server["name"])
    if differing:
        problems.append(
            "backends: %s: a backend that pfrack did not make has this name and differs in %s; rename or remove it, "
            'make the inventory say the same, or put the line "# %s servers:" into its advanced settings to hand it '
            "over to pfrack" % (backend["name"], ", ".join(differing), mark.text)
        )


def _check(backend, problems):
    where = "backends: %s" % backend["name"]
    check_name(backend["name"], "%s/name" % where, problems)
    for option in ("connect_timeout", "server_timeout"):
        check_number(backend.get(option), 0, HIGHEST_MS, "%s/%s" % (where, option), problems)
    check_number(backend.get("retries"), 0, 65535, "%s/retries" % where, problems)
    check_line(backend.get("advanced_servers"), "%s/advanced_servers" % where, problems)
    check_lines(backend.get("advanced_lines"), "%s/advanced_lines" % where, problems)
    check = backend.get("check") or {}
    check_number(check.get("interval"), 1, HIGHEST_MS, "%s/check/interval" % where, problems)
    if check.get("path") and not _PATH.fullmatch(check["path"]):
        problems.append("%s/check/path: %s: must begin with / and hold no spaces or quotes" % (where, check["path"]))
    if check.get("http_version") and not _VERSION.fullmatch(check["http_version"]):
        problems.append("%s/check/http_version: %s: must look like HTTP/1.1" % (where, check["http_version"]))
    check_claims(backend, problems)
    servers = backend.get("servers") or []
    for name in twice([server["name"] for server in servers]):
        problems.append("%s/servers: %s: is listed twice; remove one of them" % (where, name))
    for server in servers:
        place = "%s/servers: %s" % (where, server["name"])
        check_name(server["name"], "%s/name" % place, problems)
        if len(server["name"]) < 2:
            problems.append("%s/name: must have at least two characters" % place)
        check_host(server["address"], "%s/address" % place, problems)
        check_number(server["port"], 1, 65535, "%s/port" % place, problems)
        check_number(server.get("weight"), 0, 256, "%s/weight" % place, problems)
        check_number(server.get("max_connections"), 0, HIGHEST_MS, "%s/max_connections" % place, problems)
        check_line(server.get("advanced"), "%s/advanced" % place, problems)
