# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of node_files; the work is done by the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: node_files
short_description: Bring files to a node that has no Python
version_added: 0.1.0
description:
  - Copies files from the controller to a node over its SSH connection, with nothing but a shell there. Flatcar and
    Fedora CoreOS have no Python.
  - Each file appears whole, with its owner and mode, in the order of the list. Contents are never part of a command.
author:
  - pfrack.cluster contributors (@pfrack)
attributes:
  check_mode:
    description: Can run in check mode and return the changed status that a run would have, without changing anything.
    support: full
  diff_mode:
    description: Returns what has changed in diff mode. This module does not, because there may be secrets in the files.
    support: none
options:
  files:
    description: The files.
    type: list
    elements: dict
    required: true
    suboptions:
      path:
        description: The absolute path on the node. Its directory is made when it is missing.
        type: path
        required: true
      src:
        description: The file on the controller.
        type: path
      content:
        description: The text, instead of O(files[].src).
        type: str
      mode:
        description: The mode, as octal text.
        type: str
        default: "0644"
      owner:
        description: The user that it belongs to.
        type: str
        default: root
      keep:
        description: Leave a file that is there as it is.
        type: bool
        default: false
"""

EXAMPLES = r"""
- name: Give the node its key
  pfrack.cluster.node_files:
    files:
      - {path: /etc/ssl/etcd/server.key, src: .pfrack/etcd/node1.key, mode: "0400", owner: etcd}
  become: true
"""

RETURN = r"""
written:
  description: Paths of the files that are new or different.
  type: list
  elements: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pfrack.cluster.plugins.module_utils.specs.node_files import SPEC


def main():
    module = AnsibleModule(**SPEC)
    module.fail_json(msg="this module runs on the controller, through its action plugin; call it by its full name")


if __name__ == "__main__":
    main()
