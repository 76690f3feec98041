# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How snippets are merged into a configuration: the later one wins, as in Ignition's own merging.

Maps are merged key by key. Lists of entries that have a name are merged entry by entry, by that name. Of other lists
the new values are appended. Anything else is replaced.
"""

from __future__ import annotations

import copy

# What identifies an entry, in this order.
_KEYS = ("path", "name", "device", "label")


def merge(base, snippet):
    """A new value: `base` with `snippet` laid over it. Null in a snippet says nothing."""
    if snippet is None:
        return copy.deepcopy(base)
    # A snippet alone is merged as well: it may name an entry twice.
    if isinstance(snippet, dict):
        base = base if isinstance(base, dict) else {}
        merged = {key: copy.deepcopy(value) for key, value in base.items() if key not in snippet}
        merged.update({key: merge(base.get(key), value) for key, value in snippet.items()})
        return {key: merged[key] for key in list(base) + [key for key in snippet if key not in base]}
    if isinstance(snippet, list):
        return _merge_lists(base if isinstance(base, list) else [], snippet)
    return snippet


def _merge_lists(base, snippet):
    result = copy.deepcopy(base)
    for item in (merge(None, entry) for entry in snippet):
        key = _key(item)
        places = [place for place, other in enumerate(result) if key is not None and _key(other) == key]
        if places:
            result[places[0]] = merge(result[places[0]], item)
        elif item not in result:
            result.append(item)
    return result


def _key(item):
    if isinstance(item, dict):
        for name in _KEYS:
            if name in item:
                return name, item[name]
    return None
