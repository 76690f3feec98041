# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation that the router modules share."""

from __future__ import annotations


class ModuleDocFragment:
    """Attributes of every module that works on a router."""

    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in check mode and return the changed status that a run would have, without changing anything.
  diff_mode:
    description: Returns what has changed, or would change in check mode, in diff mode.
  platform:
    description: The platform that the module manages.
    support: full
    platforms: pfSense
notes:
  - Needs a connection of this collection, C(pfrack.cluster.pfsense_ssh), C(pfrack.cluster.pfsense_xmlrpc) or
    C(pfrack.cluster.pfsense_rest).
  - Runs on the controller and needs nothing but pfSense itself on the router; pfSense 2.7 or newer.
"""

    OWNED = r"""
options:
  owner:
    description:
      - Whose entries these are. The name becomes part of the mark that every entry made here carries,
        C([pfrack]) for the default, else C([pfrack:NAME]).
      - Only entries with this mark are ever changed or removed.
      - Letters, digits and hyphens.
    type: str
    default: pfrack
  purge:
    description:
      - Remove entries that carry the mark of O(owner) and are not listed.
    type: bool
    default: false
"""
