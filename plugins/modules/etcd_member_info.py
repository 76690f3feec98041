# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of etcd_member_info; the work is done by the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: etcd_member_info
short_description: Members of an etcd cluster
version_added: 0.1.0
description:
  - Asks an etcd cluster for its members, and each of them whether it is up. No answer at all is no error, unless
    members are waited for.
author:
  - pfrack.cluster contributors (@pfrack)
extends_documentation_fragment:
  - pfrack.cluster.etcd
options:
  healthy:
    description:
      - Names of members that have to be up, and to have a vote.
      - The task fails when one of them is not, after O(timeout).
    type: list
    elements: str
    default: []
  timeout:
    description: Seconds to wait for O(healthy).
    type: int
    default: 0
"""

EXAMPLES = r"""
- name: Wait for the cluster
  pfrack.cluster.etcd_member_info:
    healthy: [node1, node2]
    timeout: 300
    endpoints: ["https://10.10.0.20:2379", "https://10.10.0.21:2379"]
    authority: .pfrack/etcd/ca.pem
    certificate: .pfrack/etcd/client.pem
    key: .pfrack/etcd/client.key
"""

RETURN = r"""
reachable:
  description: Whether anybody answered.
  type: bool
  returned: success
reason:
  description: What kept etcd from answering.
  type: str
  returned: when it did not
members:
  description: The members, and whether each answers and has a leader. One with the alarm C(CORRUPT) counts as down.
  type: list
  elements: dict
  returned: success
  sample:
    - {id: "1234", name: node1, peer_urls: ["https://10.10.0.20:2380"], learner: false, healthy: true, alarms: []}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pfrack.cluster.plugins.module_utils.specs.etcd_member_info import SPEC


def main():
    module = AnsibleModule(**SPEC)
    module.fail_json(msg="this module runs on the controller, through its action plugin; call it by its full name")


if __name__ == "__main__":
    main()
