# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of node_reboot; the work is done by the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: node_reboot
short_description: Restart a node that has no Python
version_added: 0.1.0
description:
  - Restarts a node over its SSH connection, with nothing but a shell there, and waits until it has started anew.
    Flatcar and Fedora CoreOS have no Python, which M(ansible.builtin.reboot) needs.
author:
  - pfrack.cluster contributors (@pfrack)
attributes:
  check_mode:
    description: Can run in check mode and return the changed status that a run would have, without changing anything.
    support: full
  diff_mode:
    description: Returns what has changed in diff mode. There is nothing to show here.
    support: none
options:
  command:
    description: What restarts the node.
    type: str
    default: systemctl reboot
  identity:
    description: A command whose output is another one after each start.
    type: str
    default: cat /proc/sys/kernel/random/boot_id
  timeout:
    description: Seconds that it may take.
    type: int
    default: 600
"""

EXAMPLES = r"""
- name: Restart the node
  pfrack.cluster.node_reboot:
  become: true
"""

RETURN = r"""
elapsed:
  description: How many seconds it took.
  type: int
  returned: when it was restarted
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pfrack.cluster.plugins.module_utils.specs.node_reboot import SPEC


def main():
    module = AnsibleModule(**SPEC)
    module.fail_json(msg="this module runs on the controller, through its action plugin; call it by its full name")


if __name__ == "__main__":
    main()
