# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of etcd_snapshot; the work is done by the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: etcd_snapshot
short_description: Save all keys of an etcd cluster to the controller
version_added: 0.1.0
description:
  - Writes a snapshot, readable for its owner only. Its checksum is verified before it replaces an earlier file.
  - The playbook C(pfrack.cluster.etcd_restore) makes a cluster of it again.
author:
  - pfrack.cluster contributors (@pfrack)
extends_documentation_fragment:
  - pfrack.cluster.etcd
options:
  path:
    description: The file on the controller.
    type: path
    required: true
"""

EXAMPLES = r"""
- name: Save what is in etcd
  pfrack.cluster.etcd_snapshot:
    path: backup/etcd.snapshot
    endpoints: ["https://10.10.0.20:2379", "https://10.10.0.21:2379"]
    authority: .pfrack/etcd/ca.pem
    certificate: .pfrack/etcd/client.pem
    key: .pfrack/etcd/client.key
"""

RETURN = r"""
path:
  description: The file.
  type: str
  returned: success
size:
  description: Its size in bytes.
  type: int
  returned: success, not in check mode
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pfrack.cluster.plugins.module_utils.specs.etcd_snapshot import SPEC


def main():
    module = AnsibleModule(**SPEC)
    module.fail_json(msg="this module runs on the controller, through its action plugin; call it by its full name")


if __name__ == "__main__":
    main()
