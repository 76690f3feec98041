# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of node_wait; the work is done by the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: node_wait
short_description: Wait until a node that has no Python is ready
version_added: 0.1.0
description:
  - Waits until a node answers over its SSH connection and a command succeeds there. Flatcar and Fedora CoreOS have no
    Python, which M(ansible.builtin.wait_for_connection) needs.
author:
  - pfrack.cluster contributors (@pfrack)
attributes:
  check_mode:
    description: Can run in check mode; it looks once then, and does not wait.
    support: full
  diff_mode:
    description: Returns what has changed in diff mode. Nothing is changed.
    support: none
options:
  command:
    description: A command of the shell that ends with 0 when the node is ready.
    type: str
    default: "true"
  reason:
    description: What to say when the node answers and the command does not succeed in time.
    type: str
    default: it is not ready
  timeout:
    description: Seconds that it may take.
    type: int
    default: 600
"""

EXAMPLES = r"""
- name: Wait until the node has been installed
  pfrack.cluster.node_wait:
    command: test -e /etc/systemd/system/pfrack-flannel.path
    reason: it runs, but it was not installed with this configuration
  become: true
"""

RETURN = r"""
stdout:
  description: What the command printed.
  type: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pfrack.cluster.plugins.module_utils.specs.node_wait import SPEC


def main():
    module = AnsibleModule(**SPEC)
    module.fail_json(msg="this module runs on the controller, through its action plugin; call it by its full name")


if __name__ == "__main__":
    main()
