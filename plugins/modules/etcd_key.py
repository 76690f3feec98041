# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of etcd_key; the work is done by the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: etcd_key
short_description: One key of etcd
version_added: 0.1.0
description:
  - Puts a value under a key of etcd (API v3), or removes the key. When somebody else writes at the same moment,
    it fails, and nothing of theirs is lost.
  - Values that are JSON are compared as what they say, not as text.
author:
  - pfrack.cluster contributors (@pfrack)
extends_documentation_fragment:
  - pfrack.cluster.etcd
attributes:
  diff_mode:
    description: Returns what has changed in diff mode.
    support: full
options:
  name:
    description: The key.
    type: str
    required: true
  value:
    description: Its value, as text.
    type: str
  state:
    description: Whether the key has to be there.
    type: str
    choices: [present, absent]
    default: present
  overwrite:
    description:
      - Whether a key that has another value gets this one. If not, it is an error that names both values.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: The network of flannel, unless there is one
  pfrack.cluster.etcd_key:
    name: /coreos.com/network/config
    value: '{"Network": "10.244.0.0/16", "Backend": {"Type": "vxlan"}}'
    overwrite: false
    endpoints: ["https://10.10.0.20:2379", "https://10.10.0.21:2379"]
    authority: .pfrack/etcd/ca.pem
    certificate: .pfrack/etcd/client.pem
    key: .pfrack/etcd/client.key
"""

RETURN = r"""
value:
  description: The value before the run; null when there was none.
  type: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pfrack.cluster.plugins.module_utils.specs.etcd_key import SPEC


def main():
    module = AnsibleModule(**SPEC)
    module.fail_json(msg="this module runs on the controller, through its action plugin; call it by its full name")


if __name__ == "__main__":
    main()
