# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of pfsense_tftp_server; the work is done by the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pfsense_tftp_server
short_description: Manage the TFTP server of a pfSense router
version_added: 0.1.0
description:
  - Sets the settings of the package C(tftpd). Only the given ones are touched.
  - The files that it serves lie in C(/tftpboot) on the router; see M(pfrack.cluster.pfsense_files).
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
  enable:
    description:
      - Whether the TFTP server runs.
    type: bool
  address:
    description:
      - The address to listen on; an empty text stands for all.
    type: str
  ipv4_only:
    description:
      - Listen on IPv4 only.
    type: bool
  block_size:
    description:
      - The largest block that clients may ask for, 512 to 65464 bytes.
    type: int
  logging:
    description:
      - Log each request.
    type: bool
  allow_uploads:
    description:
      - Let clients write files.
    type: bool
seealso:
  - module: pfrack.cluster.pfsense_files
  - module: pfrack.cluster.pfsense_package
"""

EXAMPLES = r"""
- name: Serve boot files to the rack
  pfrack.cluster.pfsense_tftp_server:
    enable: true
    address: 10.10.0.1
"""

RETURN = r"""
revision:
  description: The revision of the configuration afterwards, the SHA-256 of C(config.xml).
  type: str
  returned: success
  sample: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
applied:
  description: The services that were applied.
  type: list
  elements: str
  returned: success
  sample: ["tftp_server"]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pfrack.cluster.plugins.module_utils.specs.pfsense_tftp_server import SPEC


def main():
    module = AnsibleModule(**SPEC)
    module.fail_json(msg="this module runs on the controller, through its action plugin; call it by its full name")


if __name__ == "__main__":
    main()
