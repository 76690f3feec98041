# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of pfsense_dns_forwarder; the work is done by the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pfsense_dns_forwarder
short_description: Manage the DNS forwarder of a pfSense router
version_added: 0.1.0
description:
  - Sets up the DNS forwarder (dnsmasq) with its host records and wildcards, with one read and at most one write.
  - Settings that are not given stay as they are, and so does everything in the custom options outside our own lines.
  - Only one of DNS forwarder and DNS resolver can have port 53. On a fresh pfSense it is the resolver.
author:
  - pfrack.cluster contributors (@pfrack)
extends_documentation_fragment:
  - pfrack.cluster.router
  - pfrack.cluster.router.owned
  - pfrack.cluster.dns
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
options:
  enable:
    description:
      - Whether the DNS forwarder runs.
      - Enabling it while the DNS resolver has the same port is an error unless O(replace_resolver) is V(true).
    type: bool
  replace_resolver:
    description:
      - Switch the DNS resolver off in the same step. Does nothing while the DNS forwarder is off itself.
    type: bool
    default: false
notes:
  - The wildcards stand as C(address=) lines between two marker lines in the custom options of the forwarder.
  - Names below a wildcard that pfSense publishes itself keep their own addresses.
seealso:
  - module: pfrack.cluster.pfsense_dns_resolver
"""

EXAMPLES = r"""
- name: Every name of the platform leads to the load balancer
  pfrack.cluster.pfsense_dns_forwarder:
    register_leases: true
    register_static_mappings: true
    wildcards:
      - {domain: apps.example.net, address: 10.1.0.20}

- name: Use the DNS forwarder instead of the DNS resolver
  pfrack.cluster.pfsense_dns_forwarder:
    enable: true
    replace_resolver: true
    purge: true  # removes records that an earlier run made and that are not listed
    hosts:
      - {host: node1, domain: example.net, address: 10.1.0.11}
"""

RETURN = r"""
created:
  description: Full names of the host records that were made.
  type: list
  elements: str
  returned: success
  sample: ["node1.example.net"]
changed_entries:
  description: Full names of the host records that were changed.
  type: list
  elements: str
  returned: success
  sample: []
removed:
  description: Full names of the host records that were removed.
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
  sample: ["dns_forwarder"]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pfrack.cluster.plugins.module_utils.specs.pfsense_dns_forwarder import SPEC


def main():
    module = AnsibleModule(**SPEC)
    module.fail_json(msg="this module runs on the controller, through its action plugin; call it by its full name")


if __name__ == "__main__":
    main()
