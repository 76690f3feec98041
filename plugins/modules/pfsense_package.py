# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of pfsense_package; the work is done by the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pfsense_package
short_description: Install and remove packages of a pfSense router
version_added: 0.1.0
description:
  - Installs or removes packages with pfSense's own package manager and waits until it is done.
  - Installing takes minutes, needs the package repository, and lets the package write its own part of the
    configuration.
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
  name:
    description:
      - Packages by their short names, such as V(haproxy), V(tftpd) or V(Filer); capitals count.
      - An entry may list alternatives, such as V(haproxy|haproxy-devel). With O(state=present) any of them will
        do, and the
        first one is installed when there is none; with O(state=absent) all of them are removed.
    type: list
    elements: str
    required: true
  state:
    description:
      - Whether the packages shall be there. Removing a package keeps its settings in the configuration.
    type: str
    choices: [present, absent]
    default: present
  timeout:
    description:
      - How many seconds to wait for the package manager, which goes on by itself after that.
    type: int
    default: 600
seealso:
  - module: pfrack.cluster.pfsense_haproxy
  - module: pfrack.cluster.pfsense_tftp_server
"""

EXAMPLES = r"""
- name: HAProxy, whichever kind is there, and TFTP
  pfrack.cluster.pfsense_package:
    name:
      - haproxy|haproxy-devel
      - tftpd
"""

RETURN = r"""
installed:
  description: Packages that were installed, or would be in check mode.
  type: list
  elements: str
  returned: success
  sample: ["haproxy", "tftpd"]
removed:
  description: Packages that were removed, or would be in check mode.
  type: list
  elements: str
  returned: success
  sample: []
packages:
  description: The version of every package that is installed now, by its short name.
  type: dict
  returned: success
  sample: {"haproxy": "0.63_2", "tftpd": "0.1.3_4"}
revision:
  description: The revision of the configuration afterwards, the SHA-256 of C(config.xml).
  type: str
  returned: success
  sample: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pfrack.cluster.plugins.module_utils.specs.pfsense_package import SPEC


def main():
    module = AnsibleModule(**SPEC)
    module.fail_json(msg="this module runs on the controller, through its action plugin; call it by its full name")


if __name__ == "__main__":
    main()
