# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of pfsense_dhcp_server; the work is done by the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pfsense_dhcp_server
short_description: Manage a DHCP scope, its network boot and its static mappings on a pfSense router
version_added: 0.1.0
description:
  - Sets up the DHCP server of one interface, with ISC or Kea as its back-end, with one read and at most one write.
  - What is not given stays as it is; an existing scope keeps its range.
  - Static mappings that were made by hand stay. One that maps a wanted MAC address to the wanted address counts as
    satisfied; one that maps it to another address is an error.
  - Under Kea pfSense ignores the network boot fields of static mappings, so this module sets network boot for the whole
    scope only, which both back-ends honour.
author:
  - pfrack.cluster contributors (@pfrack)
extends_documentation_fragment:
  - pfrack.cluster.router
  - pfrack.cluster.router.owned
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
options:
  interface:
    description:
      - The interface, as pfSense's identifier (V(lan), V(opt1)) or as the label that its pages show.
      - Case does not matter. It needs a static IPv4 address.
    type: str
    default: lan
  enable:
    description:
      - Whether the DHCP server serves the interface.
      - A scope that this module creates is enabled unless this is V(false).
    type: bool
  range:
    description:
      - The addresses that are given to clients without a static mapping.
      - Needed only to create a scope or to change its range. It may hold no virtual IP and no mapped address.
    type: dict
    suboptions:
      from:
        description:
          - The first address.
        type: str
        required: true
      to:
        description:
          - The last address.
        type: str
        required: true
  domain:
    description:
      - The domain name that clients get. An empty text stands for the router's own.
    type: str
  network_boot:
    description:
      - What clients that boot from the network are told. Only the given fields are touched; an empty text clears one.
      - pfSense sends nothing of it unless network booting is switched on, so that is done too when a field other than
        O(network_boot.tftp_server) is given.
    type: dict
    suboptions:
      next_server:
        description:
          - The IPv4 address of the TFTP server.
        type: str
      bios:
        description:
          - The boot file for BIOS clients and for all that none of the others is for.
        type: str
      uefi32:
        description:
          - The boot file for UEFI clients with 32 bits.
        type: str
      uefi64:
        description:
          - The boot file for UEFI clients with 64 bits.
        type: str
      uefi_arm32:
        description:
          - The boot file for ARM clients with 32 bits.
        type: str
      uefi_arm64:
        description:
          - The boot file for ARM clients with 64 bits.
        type: str
      http_url:
        description:
          - The URL for clients that boot over HTTP.
        type: str
      root_path:
        description:
          - The path of the root file system, DHCP option 17.
        type: str
      tftp_server:
        description:
          - The TFTP server as DHCP option 66, an address, a host name or a URL.
          - Kea, as pfSense sets it up, sends it only to clients of the dynamic pool; a warning says so.
        type: str
  static_mappings:
    description:
      - The static mappings that shall exist. They are stored in the order of their addresses, as pfSense's pages do.
    type: list
    elements: dict
    suboptions:
      mac_address:
        description:
          - The MAC address. It identifies the mapping.
        type: str
        required: true
      address:
        description:
          - The IPv4 address, in the subnet of the interface, outside the range and all pools, and used by nothing else.
          - Without it the client is known but gets a dynamic address.
        type: str
      hostname:
        description:
          - The host name, without a domain.
        type: str
      descr:
        description:
          - A description, shown on pfSense's pages in front of the mark.
        type: str
        default: ""
seealso:
  - module: pfrack.cluster.pfsense_tftp_server
"""

EXAMPLES = r"""
- name: Two nodes that boot from the network
  pfrack.cluster.pfsense_dhcp_server:
    network_boot:
      next_server: 10.10.0.1
      bios: pxelinux.0
      uefi64: ipxe.efi
    purge: true  # removes mappings that an earlier run made and that are not listed
    static_mappings:
      - {mac_address: "52:54:00:10:00:01", address: 10.10.0.20, hostname: node1}
      - {mac_address: "52:54:00:10:00:02", address: 10.10.0.21, hostname: node2}

- name: A scope for another interface
  pfrack.cluster.pfsense_dhcp_server:
    interface: opt1
    domain: cluster.example.net
    range:
      from: 10.20.0.100
      to: 10.20.0.199
"""

RETURN = r"""
created:
  description: Host names (or MAC addresses) of the static mappings that were made.
  type: list
  elements: str
  returned: success
  sample: ["node1", "node2"]
changed_entries:
  description: Host names (or MAC addresses) of the static mappings that were changed.
  type: list
  elements: str
  returned: success
  sample: []
removed:
  description: Host names (or MAC addresses) of the static mappings that were removed.
  type: list
  elements: str
  returned: success
  sample: []
revision:
  description: The revision of the configuration afterwards, the SHA-256 of C(config.xml).
  type: str
  returned: success
  sample: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
applied:
  description: The services that were applied.
  type: list
  elements: str
  returned: success
  sample: ["dhcp_server"]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pfrack.cluster.plugins.module_utils.specs.pfsense_dhcp_server import SPEC


def main():
    module = AnsibleModule(**SPEC)
    module.fail_json(msg="this module runs on the controller, through its action plugin; call it by its full name")


if __name__ == "__main__":
    main()
