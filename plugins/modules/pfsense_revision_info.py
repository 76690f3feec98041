# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of pfsense_revision_info; the work is done by the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pfsense_revision_info
short_description: The history of a pfSense router's configuration
version_added: 0.1.0
description:
  - Returns the revisions that pfSense keeps of C(config.xml), and the checkpoint that is armed.
author:
  - pfrack.cluster contributors (@pfrack)
extends_documentation_fragment:
  - pfrack.cluster.router
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
    details: Never changes anything.
options: {}
seealso:
  - module: pfrack.cluster.pfsense_checkpoint
"""

EXAMPLES = r"""
- name: Ask for the history
  pfrack.cluster.pfsense_revision_info:
  register: known

- name: Show it
  ansible.builtin.debug:
    var: known.revisions
"""

RETURN = r"""
current:
  description: The present configuration.
  type: dict
  returned: success
  sample: {time: "2026-11-24 13:22:10", config_version: "23.9", description: "(system): pfrack: HAProxy"}
revisions:
  description: Earlier ones, newest first.
  type: list
  elements: dict
  returned: success
  sample:
    - revision: "1764000000"
      time: "2026-11-24 13:20:00"
      config_version: "23.9"
      description: "admin@10.10.0.2: an admin clicks"
checkpoint:
  description: The checkpoint that is armed, if any.
  type: dict
  returned: success
  sample: {id: 5f0c2a9d1b7e4c33, holder: "deis@laptop (ansible-playbook, process 4711)", changes: 3, watched: true}
rolled_back:
  description: How the last checkpoint was rolled back, if it was and no later one was armed.
  type: dict
  returned: success
  sample: {holder: "deis@laptop (process 4711)", at: 1764000000, why: no word from the run for 600 seconds}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pfrack.cluster.plugins.module_utils.specs.pfsense_revision_info import SPEC


def main():
    module = AnsibleModule(**SPEC)
    module.fail_json(msg="this module runs on the controller, through its action plugin; call it by its full name")


if __name__ == "__main__":
    main()
