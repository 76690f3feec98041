# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation that the modules of both DNS services share."""

from __future__ import annotations


class ModuleDocFragment:
    """Records that either service answers with."""

    DOCUMENTATION = r"""
options:
  port:
    description:
      - The port to listen on; pfSense's default is 53.
    type: int
  register_leases:
    description:
      - Publish the host names of dynamic DHCP leases. Works with ISC as the DHCP server; with Kea a warning says so.
    type: bool
  register_static_mappings:
    description:
      - Publish the host names of static DHCP mappings.
    type: bool
  wildcards:
    description:
      - Domains of which every name, and the domain itself, resolves to an address.
      - When given, the list is exact; an empty one removes all wildcards of O(owner).
    type: list
    elements: dict
    suboptions:
      domain:
        description:
          - The domain, as C(apps.example.net) or C(*.apps.example.net).
        type: str
        required: true
      address:
        description:
          - The IPv4 or IPv6 address.
        type: str
        required: true
  hosts:
    description:
      - Host records that shall exist. A record is identified by its full name and the kind of its address.
      - A record that was made by hand and gives the wanted address counts as satisfied; one that gives another
        is an error.
    type: list
    elements: dict
    suboptions:
      host:
        description:
          - The name of the host without its domain; empty for a record of the domain itself.
        type: str
        default: ""
      domain:
        description:
          - The domain.
        type: str
        required: true
      address:
        description:
          - The IPv4 or IPv6 address.
        type: str
        required: true
      descr:
        description:
          - A description, shown on pfSense's pages in front of the mark.
        type: str
        default: ""
      aliases:
        description:
          - Further names of the host. When given, the list is exact.
        type: list
        elements: dict
        suboptions:
          host:
            description:
              - The name of the host without its domain.
            type: str
            default: ""
          domain:
            description:
              - The domain.
            type: str
            required: true
"""
