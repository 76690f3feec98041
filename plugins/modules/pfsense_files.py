# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of pfsense_files; the work is done by the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pfsense_files
short_description: Keep a tree of files on a pfSense router equal to a local one
version_added: 0.1.0
description:
  - Compares a directory on the controller with one on the router by the hashes of the files, and brings over what
    differs.
  - All files are checked on the router before the first one is put into its place, so that nothing half-written is
    ever seen.
  - Symbolic links that leave the directory, links to directories, and special files are refused.
author:
  - pfrack.cluster contributors (@pfrack)
extends_documentation_fragment:
  - pfrack.cluster.router
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
options:
  src:
    description:
      - The directory on the controller whose content shall be on the router.
      - A relative path is looked for where Ansible looks for files of a role or playbook.
    type: path
    required: true
  dest:
    description:
      - The directory on the router, an absolute path without symbolic links. It is made when it is missing.
      - Directories of the system itself are refused.
    type: str
    required: true
  mode:
    description:
      - The permissions of the files, in octal and in quotes.
    type: raw
    default: "0644"
  directory_mode:
    description:
      - The permissions of directories that are made. Those that exist keep theirs.
    type: raw
    default: "0755"
  purge:
    description:
      - Remove files below O(dest) that are not in O(src), and directories that become empty.
      - Files that match O(exclude) stay.
    type: bool
    default: false
  exclude:
    description:
      - Shell patterns of files and directories to leave alone on both sides, compared with names and with paths
        below O(src).
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: The boot files, and no others
  pfrack.cluster.pfsense_files:
    src: build/tftpboot
    dest: /tftpboot
    purge: true
    exclude:
      - "*.md"
      - local/
"""

RETURN = r"""
uploaded:
  description: Paths below O(dest) of the files that were brought over, or would be in check mode.
  type: list
  elements: str
  returned: success
  sample: ["pxelinux.0", "pxelinux.cfg/default"]
removed:
  description: Paths below O(dest) of the files that were removed, or would be in check mode.
  type: list
  elements: str
  returned: success
  sample: []
bytes:
  description: The total size of the files that were brought over, or would be in check mode.
  type: int
  returned: success
  sample: 42784
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pfrack.cluster.plugins.module_utils.specs.pfsense_files import SPEC


def main():
    module = AnsibleModule(**SPEC)
    module.fail_json(msg="this module runs on the controller, through its action plugin; call it by its full name")


if __name__ == "__main__":
    main()
