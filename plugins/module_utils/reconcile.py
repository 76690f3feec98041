# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare sections as they are with sections as they should be.

A section is the value at a path of config.xml: text, a dict of elements, or a list. None means missing.
pfSense forgets empty lists and reads an empty dict back as "", so those count as the same here.
"""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass, field


@dataclass
class Change:
    """Operations for the agent, in order, and the sections that differ before and after them."""

    operations: list = field(default_factory=list)
    before: dict = field(default_factory=dict)
    after: dict = field(default_factory=dict)

    def __bool__(self):
        return bool(self.operations)


def reconcile(current, desired):
    """The Change that makes the sections of `desired` true; sections that only `current` has stay as they are."""
    change = Change()
    for section, wanted in desired.items():
        before, after = canonical(current.get(section)), canonical(wanted)
        if isinstance(wanted, dict) and after == "" and before is None:
            # A missing container is empty already.
            continue
        operations = _compare(split_path(section), before, after)
        if operations:
            change.operations += operations
            change.before[section] = current.get(section)
            change.after[section] = wanted
    return change


def canonical(value):
    """The value as pfSense would read it back."""
    if isinstance(value, dict):
        elements = {name: canonical(element) for name, element in value.items()}
        return {name: element for name, element in elements.items() if element is not None} or ""
    if isinstance(value, (list, tuple)):
        return [canonical(item) for item in value if item is not None] or None
    return value


def split_path(section):
    """Path elements of "installedpackages/haproxy"; digits are list indexes; "" is the whole configuration."""
    return [int(part) if part.isdigit() else part for part in section.split("/")] if section else []


def _compare(path, current, wanted):
    if current == wanted:
        return []
    if wanted is None:
        return [{"op": "delete", "path": path}]
    if isinstance(current, dict) and isinstance(wanted, dict):
        operations = []
        for name, element in wanted.items():
            operations += _compare(path + [name], current.get(name), element)
        for name in current:
            if name not in wanted:
                operations.append({"op": "delete", "path": path + [name]})
        return operations
    if isinstance(current, list) and isinstance(wanted, list):
        return [{"op": "arrange", "path": path, "items": _arrangement(current, wanted)}]
    return [{"op": "set", "path": path, "value": wanted}]


def _arrangement(current, wanted):
    places = {}
    for index, item in enumerate(current):
        places.setdefault(_fingerprint(item), []).append(index)
    result = []
    for item in wanted:
        unused = places.get(_fingerprint(item))
        result.append({"keep": unused.pop(0)} if unused else {"value": item})
    return result


def _fingerprint(value):
    return json.dumps(value, sort_keys=True)


def apply_operations(sections, operations):
    """A copy of the sections after the operations, as the agent would make them."""
    root = {"sections": copy.deepcopy(sections)}
    prefixes = sorted(((split_path(section), section) for section in sections), key=lambda pair: -len(pair[0]))
    for operation in operations:
        path = operation["path"]
        section, rest = _locate(prefixes, path)
        parent, name = _parent(root, ["sections", section] + rest)
        if operation["op"] == "set":
            _put(parent, name, copy.deepcopy(operation["value"]))
        elif operation["op"] == "delete":
            _remove(parent, name)
        elif operation["op"] == "arrange":
            old = _get(parent, name) or []
            _put(
                parent,
                name,
                [old[item["keep"]] if "keep" in item else copy.deepcopy(item["value"]) for item in operation["items"]],
            )
        else:
            raise ValueError("unknown operation %s" % operation["op"])
    return root["sections"]


def _locate(prefixes, path):
    for prefix, section in prefixes:
        if path[: len(prefix)] == prefix:
            return section, path[len(prefix) :]
    raise ValueError("no section holds the path %s" % "/".join(map(str, path)))


def _parent(root, path):
    """The container of the last path element; missing and empty ones on the way are made."""
    here = root
    for name, following in zip(path, path[1:]):
        below = _get(here, name)
        if below in (None, "", [], {}):
            below = [] if isinstance(following, int) else {}
            _put(here, name, below)
        here = below
    return here, path[-1]


def _get(container, name):
    if isinstance(container, list):
        return container[name] if name < len(container) else None
    return container.get(name)


def _put(container, name, value):
    if isinstance(container, list) and name == len(container):
        container.append(value)
    else:
        container[name] = value


def _remove(container, name):
    if isinstance(container, list):
        if name < len(container):
            del container[name]
    else:
        container.pop(name, None)
