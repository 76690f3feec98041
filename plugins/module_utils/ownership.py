# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The mark that says "pfrack made this", and lists in which only marked entries are ours."""

from __future__ import annotations

import re

from .errors import DesiredError

DEFAULT_OWNER = "pfrack"
# An owner also becomes a label of a domain name in the DNS forwarder's options.
_OWNER = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,38}[A-Za-z0-9])?")


class Mark:
    """The mark of one owner, kept at the end of a description."""

    def __init__(self, owner=DEFAULT_OWNER):
        if not _OWNER.fullmatch(owner):
            raise DesiredError(
                "owner: %s: must be 1 to 40 letters, digits and hyphens, with no hyphen at either end" % owner
            )
        self.owner = owner
        self.text = "[pfrack]" if owner == DEFAULT_OWNER else "[pfrack:%s]" % owner

    def owns(self, text):
        """Whether a description (None for a missing one) ends with this owner's mark."""
        text = (text or "").rstrip()
        return text == self.text or text.endswith(" " + self.text)

    def strip(self, text):
        """The description without this owner's mark."""
        text = (text or "").rstrip()
        return text[: -len(self.text)].rstrip() if self.owns(text) else text

    def stamp(self, text):
        """The description with this owner's mark, once."""
        return ("%s %s" % (self.strip(text), self.text)).lstrip()


def same_value(present, wanted, flag=False):
    """Whether an element already has the wanted value.

    pfSense's pages save an unused text as "", so "" and None (missing) are the same text.
    For a flag they are not: its mere presence means "on".
    """
    if flag:
        return (present is None) == (wanted is None) and (present or "") == (wanted or "")
    return (present or "") == (wanted or "")


def says_the_same(entry, wanted, flags=(), ignore=("descr",)):
    """Whether every element of `wanted` has its value in `entry`, apart from those in `ignore`."""
    return all(
        same_value(entry.get(name), value, name in flags) for name, value in wanted.items() if name not in ignore
    )


def update_entry(entry, wanted, flags=()):
    """`entry` with the elements of `wanted`; None removes one, elements that are not mentioned stay."""
    result = dict(entry)
    for name, value in wanted.items():
        if same_value(entry.get(name), value, name in flags):
            continue
        if value is None:
            result.pop(name, None)
        else:
            result[name] = value
    return result


def merge_owned(existing, wanted, key, mark, purge=False, assigned=(), flags=(), satisfied=None, describe=None):
    """The list that has all wanted entries and loses nothing that is not ours.

    existing: the entries as pfSense holds them. wanted: entries with their `descr` still without the mark.
    key(entry): what makes two entries the same one. purge: also drop entries of ours that are not wanted.
    assigned: elements that we choose for a new entry only (identifiers); an existing entry keeps its own.
    flags: elements that mean "on" by being there. satisfied(entry, wanted): whether an unmarked entry will do.
    describe(entry): how an error names an entry.

    Raises DesiredError when an unmarked entry is in the way, or an entry is wanted twice.
    """
    ignore = ("descr",) + tuple(assigned)
    satisfied = satisfied or (lambda entry, want: says_the_same(entry, want, flags, ignore))
    describe = describe or (lambda entry: str(key(entry)))
    problems = []
    wanted_by_key = {}
    for want in wanted:
        if key(want) in wanted_by_key:
            problems.append("%s: is listed twice; remove one of them" % describe(want))
        wanted_by_key[key(want)] = want
    ours = {key(entry) for entry in existing if mark.owns(entry.get("descr"))}

    result, seen = [], set()
    for entry in existing:
        identity = key(entry)
        want = wanted_by_key.get(identity)
        if not mark.owns(entry.get("descr")):
            result.append(entry)
            if want is None or identity in ours:
                continue
            seen.add(identity)
            if not satisfied(entry, want):
                problems.append(_contradiction(entry, want, describe, flags, ignore, mark))
        elif want is None or identity in seen:
            if not purge:
                result.append(entry)
        else:
            seen.add(identity)
            result.append(update_entry(entry, _stamped(want, mark, entry, assigned), flags))
    for identity, want in wanted_by_key.items():
        if identity not in seen:
            result.append(update_entry({}, _stamped(want, mark, {}, assigned), flags))
    if problems:
        raise DesiredError(problems)
    return result


def entry_changes(existing, merged, name, mark):
    """What a merge did to our entries: {"created", "changed_entries", "removed"}, each a list of name(entry)."""
    before = {name(entry): entry for entry in existing if mark.owns(entry.get("descr"))}
    after = {name(entry): entry for entry in merged if mark.owns(entry.get("descr"))}
    return {
        "created": [item for item in after if item not in before],
        "changed_entries": [item for item in after if item in before and after[item] != before[item]],
        "removed": [item for item in before if item not in after],
    }


def _stamped(want, mark, entry, assigned):
    result = {name: value for name, value in want.items() if name not in assigned or not entry.get(name)}
    result["descr"] = mark.stamp(want.get("descr"))
    return result


def _contradiction(entry, want, describe, flags, ignore, mark):
    differences = ", ".join(
        "%s is %s instead of %s" % (name, _quoted(entry.get(name), name), _quoted(value, name))
        for name, value in want.items()
        if name not in ignore and not same_value(entry.get(name), value, name in flags)
    )
    return (
        "%s: an entry that pfrack did not make (%s) is in the way%s; remove it, make the inventory say the same, "
        "or put %s at the end of its description to hand it over to pfrack"
        % (
            describe(want),
            entry.get("descr") or "without description",
            ": " + differences if differences else "",
            mark.text,
        )
    )


def _quoted(value, name):
    if value is not None and "password" in name:
        return "(secret)"
    return "missing" if value is None else '"%s"' % value
