# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of pfsense_firewall_rule; the work is done by the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pfsense_firewall_rule
short_description: Manage firewall rules of a pfSense router that let something in
version_added: 0.1.0
description:
  - Adds, changes and removes pass rules, however many, with one read and at most one write, and waits until
    the router's packet filter has them.
  - A rule is identified by what it matches. New rules stand behind all others. Rules of the admin are neither
    changed nor moved, and the bars between them in the web GUI stay where they are.
  - A rule that was made by hand and says the same as a wanted one is left as it is and counts for it.
  - A rule that would open the router's web pages or its SSH server to another interface than LAN is refused.
  - A rule that an earlier one blocks is a warning that names it.
  - There are no block rules here. Which of them has an effect depends on its place among the admin's rules.
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
  rules:
    description:
      - The rules that shall exist.
    type: list
    elements: dict
    required: true
    suboptions:
      interface:
        description:
          - Where the connections come in, as pfSense's identifier (V(wan), V(opt1)) or as the label on its pages.
          - Case does not matter.
        type: str
        default: wan
      protocol:
        description:
          - The protocol.
        type: str
        choices: [tcp, udp, tcp/udp]
        default: tcp
      source:
        description:
          - Who may connect, V(any), an address, or a network such as V(203.0.113.0/24).
        type: str
        default: any
      destination:
        description:
          - Where to, an address or a network.
          - Without it the address of the interface, which the rule then follows.
        type: str
      port:
        description:
          - The port, or a range such as V(8000-8010).
        type: str
        required: true
      descr:
        description:
          - A description, shown on pfSense's pages in front of the mark.
        type: str
        default: ""
      log:
        description:
          - Whether the router logs what this rule lets in.
        type: bool
        default: false
seealso:
  - module: pfrack.cluster.pfsense_haproxy
"""

EXAMPLES = r"""
- name: Let everybody reach the web service on the address of WAN
  pfrack.cluster.pfsense_firewall_rule:
    rules:
      - port: 80
        descr: web

- name: Exactly this one, and none that an earlier run made
  pfrack.cluster.pfsense_firewall_rule:
    purge: true
    rules:
      - interface: WAN
        source: 203.0.113.0/24
        destination: 198.51.100.10
        port: 443
        log: true
"""

RETURN = r"""
created:
  description: The rules that were made, as interface, protocol, source and destination.
  type: list
  elements: str
  returned: success
  sample: ["wan tcp any > wanip:80"]
changed_entries:
  description: The rules that were changed.
  type: list
  elements: str
  returned: success
  sample: []
removed:
  description: The rules that were removed.
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
  sample: ["filter"]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pfrack.cluster.plugins.module_utils.specs.pfsense_firewall_rule import SPEC


def main():
    module = AnsibleModule(**SPEC)
    module.fail_json(msg="this module runs on the controller, through its action plugin; call it by its full name")


if __name__ == "__main__":
    main()
