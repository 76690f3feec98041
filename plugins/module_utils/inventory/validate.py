# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of single values. Every problem is collected, so that the user sees all of them at once."""

from __future__ import annotations

import difflib
import re

from ..redact import redact, without_secret_words

# Stands for a value that may hold a secret: what is in the wrong place may be anything.
HIDDEN = "(hidden)"
_FIELD = re.compile(r".*[./](\w+)")


class Problems:
    """A list of lines `place: value: what is wrong; way out`. Values that may hold a secret are hidden."""

    def __init__(self):
        self.lines = []

    def add(self, place, value, problem):
        self.lines.append("%s: %s: %s" % (place, _shown(place, value), problem))

    def read(self, place, value, reader):
        """reader(value), or None with its ValueError noted."""
        try:
            return reader(value)
        except ValueError as error:
            self.add(place, value, error)
            return None


def _shown(place, value):
    if value is None:
        return "missing"
    unreadable = isinstance(value, (dict, list, tuple)) or isinstance(value, str) and not value.isprintable()
    if unreadable or value == HIDDEN:
        return HIDDEN
    field = _FIELD.fullmatch(place)
    return without_secret_words(redact(value, field.group(1) if field else ""))


def suggestion(word, known):
    """A sentence that names the known word that was probably meant, or all of them."""
    spelled = {str(item).lower(): str(item) for item in known}
    near = difflib.get_close_matches(str(word).lower(), spelled, n=1)
    return "did you mean %s?" % spelled[near[0]] if near else "use one of: %s" % ", ".join(sorted(known))


def whole_number(low, high):
    """A reader of whole numbers from `low` to `high`; digits in quotes will do, as templates make them."""

    def read(value):
        text = str(value)
        if isinstance(value, (bool, float)) or not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
            raise ValueError("is not a whole number from %d to %d; write such a number" % (low, high))
        return int(text)

    return read


def one_of(*choices):
    def read(value):
        if not isinstance(value, str) or value not in choices:
            raise ValueError("is not known here; " + suggestion(value, [item for item in choices if item]))
        return value

    return read


def yes_or_no(value):
    words = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
    if str(value).lower() not in words:
        raise ValueError("is neither true nor false; write one of them")
    return words[str(value).lower()]


def text(value):
    if not isinstance(value, str) or not value.isprintable():
        raise ValueError("is not a line of text; write one, in quotes")
    return value


def anything(value):
    return value


def read_fields(problems, place, given, readers):
    """The values of the dict `given`, each read by its reader in `readers` ({field: reader}).

    A field that is null or missing is left out, an unknown or wrong one becomes a problem and is left out.
    """
    if not isinstance(given, dict):
        problems.add(place, HIDDEN, "is not a set of fields; write `field: value` lines")
        return {}
    result = {}
    for field, value in given.items():
        where = "%s.%s" % (place, field)
        if field not in readers:
            problems.add(where, HIDDEN, "there is no such field; " + suggestion(field, readers))
        elif value is not None:
            read = problems.read(where, value, readers[field])
            if read is not None:
                result[field] = read
    return result


def list_of_fields(problems, place, given):
    """The items of a list of dicts; anything else is a problem and counts as an empty list."""
    if given is None:
        return []
    if not isinstance(given, list) or not all(isinstance(item, dict) for item in given):
        problems.add(place, HIDDEN, "is not a list of entries; start each entry with a dash")
        return []
    return given
