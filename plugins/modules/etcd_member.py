# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of etcd_member; the work is done by the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: etcd_member
short_description: Add, promote and remove members of an etcd cluster safely
version_added: 0.1.0
description:
  - Makes one change of the membership, if the cluster survives it, also when the next machine fails.
  - A new member is a learner first, which has no vote. It gets one when it has caught up.
  - What would break the quorum is refused, with the way out.
author:
  - pfrack.cluster contributors (@pfrack)
extends_documentation_fragment:
  - pfrack.cluster.etcd
options:
  name:
    description: The name of the member.
    type: str
    required: true
  peer_url:
    description: The address for other members, such as V(https://10.10.0.22:2380). Needed with O(state=learner).
    type: str
  state:
    description:
      - V(learner) adds it, without a vote, unless it is a member. Start it afterwards, with RV(initial_cluster).
      - V(member) waits until it has caught up and gives it its vote.
      - V(absent) removes it.
    type: str
    choices: [learner, member, absent]
    default: learner
  replace:
    description:
      - With O(state=learner), a member of this name that is down is removed and added anew, because a blank machine
        takes its place.
    type: bool
    default: false
  timeout:
    description: Seconds to wait with O(state=member).
    type: int
    default: 120
"""

EXAMPLES = r"""
- name: Let node4 join, before it starts etcd
  pfrack.cluster.etcd_member:
    name: node4
    peer_url: https://10.10.0.23:2380
    endpoints: ["https://10.10.0.20:2379", "https://10.10.0.21:2379"]
    authority: .pfrack/etcd/ca.pem
    certificate: .pfrack/etcd/client.pem
    key: .pfrack/etcd/client.key
  register: joining

- name: Give it a vote
  pfrack.cluster.etcd_member:
    name: node4
    state: member
    endpoints: ["https://10.10.0.20:2379", "https://10.10.0.21:2379"]
    authority: .pfrack/etcd/ca.pem
    certificate: .pfrack/etcd/client.pem
    key: .pfrack/etcd/client.key
"""

RETURN = r"""
initial_cluster:
  description: What the member has to be started with, as C(ETCD_INITIAL_CLUSTER), with the state C(existing).
  type: str
  returned: success
  sample: node1=https://10.10.0.20:2380,node4=https://10.10.0.23:2380
members:
  description: The members, and whether each answers.
  type: list
  elements: dict
  returned: success
  sample:
    - {id: "1234", name: node1, peer_urls: ["https://10.10.0.20:2380"], learner: false, healthy: true, alarms: []}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pfrack.cluster.plugins.module_utils.specs.etcd_member import SPEC


def main():
    module = AnsibleModule(**SPEC)
    module.fail_json(msg="this module runs on the controller, through its action plugin; call it by its full name")


if __name__ == "__main__":
    main()
