# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every area of the desired state shares.

Each area is a module with `PATHS` (or `paths(wanted)`) and `desire(current, wanted, info) -> Desired`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ..errors import DesiredError


@dataclass
class Desired:
    """The sections as they should be, and what has to happen when they change.

    sections: section path -> value; services: names that the agent applies; warnings: sentences for the user;
    entries: {"created", "changed_entries", "removed"} -> names, for areas that own entries.
    """

    sections: dict
    services: list = field(default_factory=list)
    warnings: list = field(default_factory=list)
    entries: dict = field(default_factory=dict)


def desire(area, sections, wanted, info):
    """What area.desire() gives; a section that is built like none of pfSense's is a DesiredError, too."""
    try:
        return area.desire(sections, wanted, info)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        problem = (
            "%s: config.xml holds something there that pfSense itself does not write (%s: %s); look at it in the GUI "
            "and save the page once, or report this. Nothing was changed"
        )
        raise DesiredError(problem % (", ".join(sections), type(error).__name__, error)) from error


def container(value):
    """A copy of an element that holds named elements; pfSense gives back an empty one as "" or not at all."""
    if value in (None, "", []):
        return {}
    if not isinstance(value, dict):
        raise TypeError("%s stands where named elements should be" % _kind(value))
    return dict(value)


def containers(value):
    """What in an element holds named elements itself, such as the scopes in `dhcpd`; only to look at."""
    return [element for element in container(value).values() if isinstance(element, dict)]


def items(value):
    """A copy of an element that is a list of entries; pfSense gives back an empty one as "" or not at all."""
    if value in (None, "", {}):
        return []
    if not isinstance(value, (list, tuple)):
        raise TypeError("%s stands where a list should be" % _kind(value))
    for entry in value:
        if not isinstance(entry, dict):
            raise TypeError("%s stands in a list of entries" % _kind(entry))
    return list(value)


def _kind(value):
    # Not the value itself: it may be a secret.
    return "a text" if isinstance(value, str) else "a list" if isinstance(value, (list, tuple)) else "an element"
