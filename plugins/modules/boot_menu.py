# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of boot_menu; the work is done by the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: boot_menu
short_description: Boot menus of machines that boot from the network
version_added: 0.1.0
description:
  - Renders the menus of all machines for PXELINUX and iPXE, with what is needed to install them, and publishes what
    differs in one step. Configurations are published before the menus that lead to them.
  - An installation is asked for once, when a node is new, or by O(reprovision). The machine withdraws it when it is
    installed, and boots its disk from then on, whatever the boot order of its firmware is.
  - Files of others are never replaced, unless O(take_over) says so.
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
  nodes:
    description: All machines that shall have a menu. Those that are not listed lose it.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: The name of the machine.
        type: str
        required: true
      mac_address:
        description: The MAC address that it boots with.
        type: str
        required: true
      architecture:
        description: Its processor.
        type: str
        choices: [x86-64, arm64]
        default: x86-64
      install_os:
        description: Whether the machine is ever installed. If not, its menu leads to its disk.
        type: bool
        default: true
      install_disk:
        description:
          - The disk to install to. A device, best by a stable name such as C(/dev/disk/by-id/nvme-XYZ), or a rule.
          - V(only) is the only disk of the machine, and refuses to choose among several. V(smallest), V(largest) and
            V(first_nvme), by its place in the machine, choose one.
        type: str
        default: only
      install_wipe:
        description: Whether data of others on this disk may be lost.
        type: bool
        default: false
  configs:
    description:
      - A directory on the controller with the nodes' configurations, as M(pfrack.cluster.node_config) writes them. For
        O(admission=any) with one for C(default) as well.
    type: path
    required: true
  changed_configs:
    description:
      - What M(pfrack.cluster.node_config) would write there. In check mode it wrote nothing, so these are known to
        differ without being read.
    type: list
    elements: str
    default: []
  family:
    description: The operating system.
    type: str
    choices: [flatcar, fedora-coreos, coreos]
    default: flatcar
  releases:
    description:
      - Where its files are, for each processor; as RV(pfrack.cluster.pfsense_boot_artifacts#module:urls).
      - Each has C(version), C(base), the URL below which the installer finds C(VERSION/) with the disk image, and the
        URLs C(kernel), C(initrd) and, for Fedora CoreOS, C(rootfs) of the live system.
    type: dict
    required: true
  url:
    description: The URL under which nodes reach the router's web server for files, without a path.
    type: str
    required: true
  tftp_address:
    description: The address of the TFTP server.
    type: str
    required: true
  reprovision:
    description: Names of nodes to install once more. What is on their disks is lost.
    type: list
    elements: str
    default: []
  admission:
    description: Whether machines that are in no list install themselves, when their disk cannot be booted.
    type: str
    choices: [inventory, any]
    default: inventory
  default_menu:
    description: Whether to publish the menu of those machines, and what iPXE runs by itself.
    type: bool
    default: true
  default_architecture:
    description: The processor that those machines have.
    type: str
    choices: [x86-64, arm64]
    default: x86-64
  title:
    description: The title of that menu, in one line.
    type: str
    default: This machine is not in the inventory
  timeout:
    description: How many seconds that menu waits.
    type: int
    default: 10
  console:
    description: Values of the kernel argument C(console). The last one is where messages go.
    type: list
    elements: str
    default: []
  kernel_arguments:
    description:
      - More arguments for the kernel of the live system, each without spaces.
      - Settings of iPXE such as C(${net0/mac}) stand for their values.
    type: list
    elements: str
    default: []
  serial:
    description: Whether PXELINUX speaks to the first serial port as well, with 115200 baud.
    type: bool
    default: false
  user:
    description: The user of the live system that gets the keys.
    type: str
    default: core
  ssh_authorized_keys:
    description: Public SSH keys that may look at the live system while it installs.
    type: list
    elements: str
    default: []
  least_disk_size:
    description: The rules of O(nodes[].install_disk) pass over disks with less bytes.
    type: int
    default: 8000000000
  take_over:
    description: Whether to replace files of others at the places of the menus.
    type: bool
    default: false
  owner:
    description:
      - Whose menus these are. Two clusters behind one router need two names, and only one of them can have the
        O(default_menu).
    type: str
    default: pfrack
"""

EXAMPLES = r"""
- name: Let node1 install itself
  pfrack.cluster.boot_menu:
    nodes:
      - name: node1
        mac_address: "52:54:00:10:00:01"
        install_disk: /dev/disk/by-id/nvme-XYZ
    configs: build/node_config
    releases:
      x86-64:
        version: 4593.2.5
        base: http://10.10.0.1:8080/os
        kernel: http://10.10.0.1:8080/os/4593.2.5/flatcar_production_pxe.vmlinuz
        initrd: http://10.10.0.1:8080/os/4593.2.5/flatcar_production_pxe_image.cpio.gz
    url: http://10.10.0.1:8080
    tftp_address: 10.10.0.1
"""

RETURN = r"""
nodes:
  description:
    - What is known of each node. V(waiting) for its installation, V(installed) when it has withdrawn it, V(disk) when
      it is never installed.
  type: dict
  returned: success
  sample: {node1: waiting}
uploaded:
  description: Files below the root of the TFTP server that were brought over, or would be in check mode.
  type: list
  elements: str
  returned: success
removed:
  description: Files that were removed, or would be in check mode.
  type: list
  elements: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pfrack.cluster.plugins.module_utils.specs.boot_menu import SPEC


def main():
    module = AnsibleModule(**SPEC)
    module.fail_json(msg="this module runs on the controller, through its action plugin; call it by its full name")


if __name__ == "__main__":
    main()
