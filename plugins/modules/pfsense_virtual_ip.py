# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of pfsense_virtual_ip; the work is done by the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pfsense_virtual_ip
short_description: Manage virtual IPs of a pfSense router
version_added: 0.1.0
description:
  - Adds, changes and removes IP aliases and CARP addresses, however many, with one read and at most one write.
  - A virtual IP that was made by hand and already has the address, mode and interface that are wanted is left as it is.
    One that has the address but contradicts is an error.
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
  virtual_ips:
    description:
      - The virtual IPs that shall exist.
    type: list
    elements: dict
    required: true
    suboptions:
      address:
        description:
          - The IPv4 or IPv6 address. It identifies the entry.
        type: str
        required: true
      prefix:
        description:
          - The prefix length. The default is V(32) for IPv4 and V(128) for IPv6, which is right for a further address
            in the network of the interface.
          - A CARP address in the IPv4 network of its interface has that network's length by default.
        type: int
      interface:
        description:
          - The interface, as pfSense's identifier (V(lan), V(opt1)) or as the label that its pages show.
          - Case does not matter.
          - An IP alias may also stand on V(lo0) or on a CARP address (V(_vip) and its identifier).
        type: str
        default: lan
      descr:
        description:
          - A description, shown on pfSense's pages in front of the mark.
        type: str
        default: ""
      mode:
        description:
          - Whether the address belongs to this router alone (V(ipalias)) or moves between the routers of a
            high availability pair (V(carp)).
        type: str
        choices: [ipalias, carp]
        default: ipalias
      vhid:
        description:
          - The number of the CARP group, 1 to 255, unique on the interface. Needed with O(virtual_ips[].mode=carp).
        type: int
      advbase:
        description:
          - Seconds between CARP advertisements, 1 to 254.
        type: int
        default: 1
      advskew:
        description:
          - How much later than others this router advertises, 0 to 254; 0 on the primary.
        type: int
        default: 0
      password:
        description:
          - The secret that the routers of a CARP group share. Needed with O(virtual_ips[].mode=carp).
        type: str
seealso:
  - module: pfrack.cluster.pfsense_haproxy
"""

EXAMPLES = r"""
- name: An address for the load balancer
  pfrack.cluster.pfsense_virtual_ip:
    virtual_ips:
      - address: 10.10.0.5
        descr: Deis HA Proxy

- name: Exactly one CARP address, and none that an earlier run made
  pfrack.cluster.pfsense_virtual_ip:
    purge: true
    virtual_ips:
      - address: 10.10.0.6
        prefix: 24
        interface: LAN
        mode: carp
        vhid: 6
        password: "{{ carp_password }}"
"""

RETURN = r"""
created:
  description: Addresses of the virtual IPs that were made.
  type: list
  elements: str
  returned: success
  sample: ["10.10.0.5"]
changed_entries:
  description: Addresses of the virtual IPs that were changed.
  type: list
  elements: str
  returned: success
  sample: []
removed:
  description: Addresses of the virtual IPs that were removed.
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
  sample: ["virtual_ip", "filter"]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pfrack.cluster.plugins.module_utils.specs.pfsense_virtual_ip import SPEC


def main():
    module = AnsibleModule(**SPEC)
    module.fail_json(msg="this module runs on the controller, through its action plugin; call it by its full name")


if __name__ == "__main__":
    main()
