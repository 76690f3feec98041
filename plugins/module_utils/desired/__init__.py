# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every area of the desired state shares.

Each area is a module with `PATHS` (or `paths(wanted)`) and `desire(current, wanted, info) -> Desired`.
"""

from __future__ import annotations

from dataclasses import dataclass, field


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


def container(value):
    """A copy of an element that holds named elements; pfSense gives back an empty one as "" or not at all."""
    return dict(value) if isinstance(value, dict) else {}


def items(value):
    """A copy of an element that is a list; pfSense gives back an empty one as "" or not at all."""
    return list(value) if isinstance(value, list) else []
