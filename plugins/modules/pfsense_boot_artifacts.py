# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of pfsense_boot_artifacts; the work is done by the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pfsense_boot_artifacts
short_description: Keep releases of node operating systems on a pfSense router
version_added: 0.1.0
description:
  - Brings releases that M(pfrack.cluster.os_artifact) fetched to the router, as installers expect them -
    C(FAMILY/CHANNEL/BOARD/VERSION/FILE), with C(current) beside the versions, a link to the wanted one.
  - Only files that differ travel. An upload of a big one that was cut goes on where it ended. The free space is checked
    first, and nothing is visible before all of it is there and its hashes are right.
  - Versions that nobody wants any more stay until O(clean) finds that no file in O(referenced_in) names them.
author:
  - pfrack.cluster contributors (@pfrack)
extends_documentation_fragment:
  - pfrack.cluster.router
attributes:
  check_mode:
    support: full
    description: Counts releases that are not in the cache yet only by their link.
  diff_mode:
    support: full
options:
  releases:
    description:
      - The releases that are wanted, each as M(pfrack.cluster.os_artifact) returned it.
    type: list
    elements: dict
    required: true
  dest:
    description:
      - The directory on the router that holds all releases, and nothing else.
    type: str
    default: /tftpboot/pfrack/os
  url:
    description:
      - The URL at which nodes see O(dest), for RV(urls).
    type: str
    default: ''
  upload:
    description:
      - Whether releases are brought over.
    type: bool
    default: true
  point:
    description:
      - Whether C(current) leads to them. They have to be there, by O(upload) or an earlier task.
    type: bool
    default: true
  clean:
    description:
      - Whether releases that are not in O(releases) and that nothing refers to are removed. Do this after boot menus
        and node configurations were published.
    type: bool
    default: false
  referenced_in:
    description:
      - Directories on the router whose small files are searched for versions that are still in use.
    type: list
    elements: str
    default: [/tftpboot]
seealso:
  - module: pfrack.cluster.os_artifact
  - module: pfrack.cluster.pfsense_static_web
"""

EXAMPLES = r"""
- name: Fetch the release
  pfrack.cluster.os_artifact:
    version: 4593.2.5
  register: release

- name: Offer it to the nodes
  pfrack.cluster.pfsense_boot_artifacts:
    releases: ["{{ release }}"]
"""

RETURN = r"""
uploaded:
  description: Paths below O(dest) of the files that were brought over, or would be in check mode.
  type: list
  elements: str
  returned: success
  sample: [flatcar/stable/amd64-usr/4593.2.5/version.txt]
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
  sample: 541065216
pointed:
  description: The links that were changed, or would be in check mode.
  type: list
  elements: str
  returned: success
  sample: [flatcar/stable/amd64-usr/current]
urls:
  description:
    - Where nodes find the releases, by architecture - their files by what they are, C(version), and C(base), which is
      what installers take as their base URL. Needs O(url).
  type: dict
  returned: success
  sample:
    x86-64:
      base: http://10.10.0.1:8080/os/flatcar/stable/amd64-usr
      version: 4593.2.5
      kernel: http://10.10.0.1:8080/os/flatcar/stable/amd64-usr/4593.2.5/flatcar_production_pxe.vmlinuz
kept:
  description: Releases that are not wanted but still in use, each with the files that name it.
  type: dict
  returned: success
  sample: {"flatcar/stable/amd64-usr/4593.2.4": [/tftpboot/pfrack/boot/52-54-00-10-00-01.ipxe]}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pfrack.cluster.plugins.module_utils.specs.pfsense_boot_artifacts import SPEC


def main():
    module = AnsibleModule(**SPEC)
    module.fail_json(msg="this module runs on the controller, through its action plugin; call it by its full name")


if __name__ == "__main__":
    main()
