# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of pfsense_boot_loaders; the work is done by the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pfsense_boot_loaders
short_description: Put boot loaders for network boot on a pfSense router
version_added: 0.1.0
description:
  - Takes PXELINUX with its modules, and iPXE for BIOS and UEFI, from the Debian packages C(pxelinux),
    C(syslinux-common) and C(ipxe) on the controller or from a directory, and keeps them on the router.
  - Files of different versions do not work together. So all come from one place, packages of different versions are
    refused, and all files are put into their places in one step.
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
  firmware:
    description:
      - The kinds of firmware whose loaders are wanted.
      - V(uefi_arm64) gets C(ipxe-arm64.efi).
    type: list
    elements: str
    choices: [bios, uefi64, uefi_arm64]
    default: [bios, uefi64]
  path:
    description:
      - A directory on the controller with the files, side by side or as in the packages. The installed packages when
        empty.
    type: path
    default: ''
  dest:
    description:
      - The directory on the router, the root of the TFTP server.
    type: str
    default: /tftpboot
seealso:
  - module: pfrack.cluster.pfsense_tftp_server
"""

EXAMPLES = r"""
- name: Boot loaders from the controller's packages
  pfrack.cluster.pfsense_boot_loaders:

- name: Boot loaders of our own
  pfrack.cluster.pfsense_boot_loaders:
    firmware: [uefi64, uefi_arm64]
    path: files/loaders
"""

RETURN = r"""
loaders:
  description: The names of all loaders that are kept on the router.
  type: list
  elements: str
  returned: success
  sample: [ldlinux.c32, pxelinux.0]
uploaded:
  description: The names of those that were brought over, or would be in check mode.
  type: list
  elements: str
  returned: success
  sample: []
versions:
  description: The versions of the packages, empty with O(path).
  type: dict
  returned: success
  sample: {ipxe: 1.0.0+git-20250106.ef0b49b, pxelinux: 3:6.04~git20190206.bf6db5b4+dfsg1-3.1}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pfrack.cluster.plugins.module_utils.specs.pfsense_boot_loaders import SPEC


def main():
    module = AnsibleModule(**SPEC)
    module.fail_json(msg="this module runs on the controller, through its action plugin; call it by its full name")


if __name__ == "__main__":
    main()
