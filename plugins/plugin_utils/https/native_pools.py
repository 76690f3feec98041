# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HAProxy's pools as the REST API package shows them, and what it takes to change their servers through it."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import Any

from .errors import HttpsError

# Elements of a server that the package knows, and that we set; it keeps the others of a server, and shows them nobody.
SERVER_FIELDS = ("name", "status", "address", "port", "weight", "ssl", "advanced")
# Elements hold "yes" or are missing.
_FLAGS = ("ssl", "sslserververify")
# The package shows no identifiers of pools and servers. Nobody shall give them new ones.
_SOME_ID = "-"
_MARK = re.compile(r"(# \[pfrack(?::[A-Za-z0-9-]+)?\] servers:)(.*)")


@dataclass(frozen=True)
class Step:
    """One server to POST, PATCH or DELETE; `fields` as the package takes them."""

    method: str
    pool: str
    server: str
    fields: dict[str, Any]


def checked(shown: Any) -> list[dict[str, Any]]:
    """The package's answer, if it is a list of backends. Raises HttpsError."""
    if not isinstance(shown, list) or not all(map(_is_backend, shown)):
        raise HttpsError("unsupported", f"the REST API answered something that is no list of backends: {shown!r:.200}")
    return shown


def _is_backend(shown: Any) -> bool:
    if not isinstance(shown, dict) or not isinstance(shown.get("name"), str):
        return False
    servers = shown.get("servers") or []
    return (
        isinstance(shown.get("advanced_backend") or "", str)
        and isinstance(servers, list)
        and all(isinstance(server, dict) and isinstance(server.get("name"), str) for server in servers)
    )


def pools(backends: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The pools as config.xml holds them, as far as the package shows them."""
    result = []
    for backend in backends:
        pool = _texts(backend)
        if backend.get("advanced_backend"):
            pool["advanced_backend"] = base64.b64encode(backend["advanced_backend"].encode(errors="replace")).decode()
        servers = [_texts(server) for server in backend.get("servers") or []]
        pool["ha_servers"] = {"item": servers} if servers else ""
        result.append(pool)
    return result


def _texts(shown: dict[str, Any]) -> dict[str, Any]:
    entry = {"id": _SOME_ID}
    for name, value in shown.items():
        if name in _FLAGS:
            if value:
                entry[name] = "yes"
        elif name not in ("id", "parent_id", "serverid") and isinstance(value, (str, int)) and value is not False:
            entry[name] = str(value)
    return entry


def servers_of(pool: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """{name: server} of a pool."""
    inside = pool.get("ha_servers")
    return {entry["name"]: entry for entry in inside["item"]} if isinstance(inside, dict) else {}


def steps(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> list[Step]:
    """What to do to get from some pools to others: new servers first, those that go last.

    Raises HttpsError of kind privilege with everything that servers alone cannot do.
    """
    problems: list[str] = []
    found: list[Step] = []
    if [pool["name"] for pool in before] != [pool["name"] for pool in after]:
        problems.append("backends would be made, removed or moved")
    else:
        for old, new in zip(before, after, strict=True):
            problems += _pool_problems(old, new)
            found += _server_steps(old, new, problems)
    if problems:
        raise HttpsError("privilege", "; ".join(problems))
    return sorted(found, key=lambda step: ("POST", "PATCH", "DELETE").index(step.method))


def _pool_problems(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    where = f"backend {new['name']}"
    own = ("ha_servers", "advanced_backend")
    problems = [
        f"{where}: {name} changes"
        for name in sorted(set(old) | set(new))
        if name not in own and (old.get(name) or "") != (new.get(name) or "")
    ]
    (marks, rest), (wanted_marks, wanted_rest) = _marks(old), _marks(new)
    if rest != wanted_rest:
        problems.append(f"{where}: advanced_backend changes")
    for mark, names in wanted_marks.items():
        more = sorted(names - marks.get(mark, set()))
        if more:
            problems.append(
                f"{where}: its mark does not claim {', '.join(more)}: give the backend owned_names, such as "
                '["node*"], and run site.yml or pfsense_haproxy once with full rights'
            )
    return problems


def _marks(pool: dict[str, Any]) -> tuple[dict[str, set[str]], list[str]]:
    """({mark: names}, the other lines) of a pool's own lines."""
    marks: dict[str, set[str]] = {}
    rest = []
    lines = base64.b64decode(pool.get("advanced_backend") or "").decode(errors="replace").splitlines()
    for line in lines:
        found = _MARK.fullmatch(line)
        if found:
            marks.setdefault(found[1], set()).update(found[2].split())
        else:
            rest.append(line)
    return marks, rest


def _server_steps(old: dict[str, Any], new: dict[str, Any], problems: list[str]) -> list[Step]:
    pool = new["name"]
    before, after = servers_of(old), servers_of(new)
    result = [Step("DELETE", pool, name, {}) for name in before if name not in after]
    for name, entry in after.items():
        present = before.get(name, {})
        changed = [
            element
            for element in sorted(set(present) | set(entry))
            if element != "id" and (present.get(element) or "") != (entry.get(element) or "")
        ]
        unknown = [element for element in changed if element not in SERVER_FIELDS]
        if unknown:
            problems.append(f"backend {pool}: the API cannot set {', '.join(unknown)} of the server {name}")
        elif changed:
            fields = {element: _value(element, entry.get(element)) for element in changed}
            result.append(Step("PATCH" if present else "POST", pool, name, fields))
    return result


def _value(element: str, text: str | None) -> Any:
    if element in _FLAGS:
        return text == "yes"
    return int(text or 1) if element == "weight" else text or ""


def is_done(step: Step, shown: list[dict[str, Any]]) -> bool:
    """Whether the pools show what a step was to do."""
    server = next((servers_of(pool).get(step.server) for pool in shown if pool["name"] == step.pool), None)
    if server is None or step.method == "DELETE":
        return server is None and step.method == "DELETE"
    return all(_value(name, server.get(name)) == value for name, value in step.fields.items())


def undo(step: Step, before: list[dict[str, Any]]) -> Step | None:
    """What takes a step back; None for a server that is gone, of which the package shows only a part."""
    if step.method == "DELETE":
        return None
    if step.method == "POST":
        return Step("DELETE", step.pool, step.server, {})
    entry = next(servers_of(pool)[step.server] for pool in before if pool["name"] == step.pool)
    return Step("PATCH", step.pool, step.server, {name: _value(name, entry.get(name)) for name in step.fields})
