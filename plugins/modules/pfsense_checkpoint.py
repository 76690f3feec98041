# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of pfsense_checkpoint; the work is done by the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pfsense_checkpoint
short_description: Make several changes of a pfSense router one transaction
version_added: 0.1.0
description:
  - After V(state=armed) every change that this run of ansible-playbook makes is journaled on the router.
    V(state=confirmed) keeps the changes, and fails when somebody saved over them. V(state=rolled_back) takes them back,
    files that were replaced included, and applies the services again.
  - A process on the router does the same as V(state=rolled_back) by itself when it hears nothing from the run for
    O(timeout) seconds, 30 seconds after a connection that ended without a word, and after a restart of the router.
  - Only what the run changed is taken back. What others saved meanwhile stays, and where they changed the very same
    place theirs is kept, with a warning and a notice in the GUI.
  - While a checkpoint is armed, other runs of this collection change nothing on the router and are told who holds it.
  - Packages that were installed stay installed.
  - Where pfSense sends its configuration to a second router (high availability), that one gets it as a whole, with
    V(state=confirmed), and the module waits for that. If it fails there is a warning.
author:
  - pfrack.cluster contributors (@pfrack)
extends_documentation_fragment:
  - pfrack.cluster.router
attributes:
  check_mode:
    support: full
    details: In check mode there is no checkpoint.
  diff_mode:
    support: partial
    details: Names the sections that differ when O(revision) is given.
options:
  state:
    description: What to do.
    type: str
    required: true
    choices: [armed, confirmed, rolled_back]
  timeout:
    description: Seconds without a request of this run after which the router goes back, 5 to 86400.
    type: int
    default: 600
  revision:
    description:
      - A revision of the router's own history, as M(pfrack.cluster.pfsense_revision_info) lists them, to return to
        with V(state=rolled_back). It replaces the whole configuration except the list of packages; files stay.
    type: str
  force:
    description: Also roll back a checkpoint that another run holds.
    type: bool
    default: false
  reason:
    description: Why, for the notice and the description of the revision.
    type: str
    default: ""
seealso:
  - module: pfrack.cluster.pfsense_revision_info
"""

EXAMPLES = r"""
- name: Arm a checkpoint
  pfrack.cluster.pfsense_checkpoint:
    state: armed
    timeout: 300

- name: Everything or nothing
  block:
    - name: Change something
      pfrack.cluster.pfsense_virtual_ip:
        virtual_ips:
          - address: 10.10.0.10

    - name: Keep it
      pfrack.cluster.pfsense_checkpoint:
        state: confirmed
  rescue:
    - name: Take it back
      pfrack.cluster.pfsense_checkpoint:
        state: rolled_back
"""

RETURN = r"""
checkpoint:
  description: The checkpoint.
  type: dict
  returned: with O(state=armed)
  sample: {id: 5f0c2a9d1b7e4c33, holder: "deis@laptop (process 4711)", since: 1764000000, timeout: 600}
changes:
  description: How many changes were confirmed.
  type: int
  returned: with O(state=confirmed)
  sample: 6
pair:
  description:
    - The address of the second router of a pair, and whether it has taken over the configuration; null when the answer
      that says so was lost.
  type: dict
  returned: with O(state=confirmed), when the configuration was changed and pfSense sends it on
  sample: {peer: 10.99.0.2, synchronised: true}
rolled_back:
  description: Whether there was something to go back to.
  type: bool
  returned: with O(state=rolled_back)
  sample: true
restored:
  description: Places of the configuration that were put back.
  type: list
  elements: str
  returned: with O(state=rolled_back)
  sample: [virtualip/vip]
kept:
  description: Places and files that somebody else changed since, and that were therefore left alone.
  type: list
  elements: str
  returned: with O(state=rolled_back)
  sample: []
applied:
  description: Services that were applied.
  type: list
  elements: str
  returned: with O(state=rolled_back)
  sample: [virtual_ip]
not_applied:
  description: Sections of a revision that take effect when they are saved in the GUI or after a reboot.
  type: list
  elements: str
  returned: with O(state=rolled_back)
  sample: []
files:
  description: How many files were put back.
  type: int
  returned: with O(state=rolled_back)
  sample: 2
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pfrack.cluster.plugins.module_utils.specs.pfsense_checkpoint import SPEC


def main():
    module = AnsibleModule(**SPEC)
    module.fail_json(msg="this module runs on the controller, through its action plugin; call it by its full name")


if __name__ == "__main__":
    main()
