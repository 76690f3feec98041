# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of boot_trace_info; the work is done by the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: boot_trace_info
short_description: Where machines stand on their way from power-on to a running node
version_added: 0.1.0
description:
  - Reads the router's logs and leases, and says how far each machine has come since its last start, and what to do.
  - Which boot loader and which menu were fetched can only be told when the TFTP server logs, see
    O(pfrack.cluster.pfsense_tftp_server#module:logging).
author:
  - pfrack.cluster contributors (@pfrack)
extends_documentation_fragment:
  - pfrack.cluster.router
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
options:
  nodes:
    description: The machines.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: The name of the machine.
        type: str
        required: true
      mac_address:
        description: Its MAC address.
        type: str
        required: true
      address:
        description: Its IPv4 address. Without it that of its lease.
        type: str
        aliases: [ipv4_address]
  port:
    description: The TCP port on which a running node answers.
    type: int
    default: 22
"""

EXAMPLES = r"""
- name: Ask why node3 does not come up
  pfrack.cluster.boot_trace_info:
    nodes:
      - {name: node3, mac_address: "52:54:00:10:00:03", address: 10.10.0.22}
  register: trace
"""

RETURN = r"""
report:
  description: One line for each machine.
  type: list
  elements: str
  returned: success
  sample: ["node3: it fetched the kernel; the live system does not arrive: is the web server of the router reachable?"]
nodes:
  description:
    - By name, C(stage), C(text), C(advice), C(answers), C(addresses) and C(steps).
    - The stages are V(dhcp), V(loader), V(menu), V(kernel), V(initrd), V(config), V(installer), V(writing), V(image),
      V(installed) and V(running).
  type: dict
  returned: success
services:
  description: Whether C(dhcp), C(tftp) and C(web) run, and whether the TFTP server logs, C(tftp_logs).
  type: dict
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pfrack.cluster.plugins.module_utils.specs.boot_trace_info import SPEC


def main():
    module = AnsibleModule(**SPEC)
    module.fail_json(msg="this module runs on the controller, through its action plugin; call it by its full name")


if __name__ == "__main__":
    main()
