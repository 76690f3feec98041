# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of node_config; the work is done by the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: node_config
short_description: Configurations of nodes for their first boot
version_added: 0.1.0
description:
  - Writes one Ignition file (specification 3.3.0) for each node to a directory of the controller, or one cloud-config
    for historic CoreOS Container Linux. Files there that belong to no node are removed.
  - Every Ignition file is checked with C(ignition-validate) before any is written.
  - Works on the controller only; M(pfrack.cluster.boot_menu) publishes the files.
author:
  - pfrack.cluster contributors (@pfrack)
attributes:
  check_mode:
    description: Can run in check mode and return the changed status that a run would have, without changing anything.
    support: full
  diff_mode:
    description: Returns what has changed in diff mode. This module does not, because configurations hold secrets.
    support: none
options:
  nodes:
    description: The nodes.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: The host name.
        type: str
        required: true
      mac_address:
        description: The MAC address.
        type: str
        required: true
      address:
        description: The IPv4 address, for O(network=static).
        type: str
      groups:
        description: The groups that the node is in.
        type: list
        elements: str
        default: []
      node_snippets:
        description: As O(snippets), for this node only, and after those.
        type: list
        elements: raw
        default: []
  dest:
    description: The directory on the controller. It is made, readable for its owner only, when it is missing.
    type: path
    required: true
  default_node:
    description: Whether to make one for machines that nobody announced, named C(default), without a host name.
    type: bool
    default: false
  family:
    description: The operating system.
    type: str
    choices: [flatcar, fedora-coreos, coreos]
    default: flatcar
  domain:
    description: The domain of the nodes.
    type: str
  user:
    description: The user that gets the keys.
    type: str
    default: core
  ssh_authorized_keys:
    description: Public SSH keys of those who may log in.
    type: list
    elements: str
    required: true
  container_engine:
    description: Which container engine starts with the node.
    type: str
    choices: [docker, containerd, none]
    default: docker
  insecure_registries:
    description: Networks or hosts whose registries docker trusts without TLS.
    type: list
    elements: str
    default: []
  network:
    description: Whether a node asks DHCP for its address, or has it written in its configuration.
    type: str
    choices: [dhcp, static]
    default: dhcp
  prefix:
    description: The length of the network's prefix, for O(network=static).
    type: int
  gateway:
    description: The router of the nodes, for O(network=static).
    type: str
  nameservers:
    description: The name servers of the nodes, for O(network=static).
    type: list
    elements: str
    default: []
  automatic_reboots:
    description: Whether nodes restart by themselves to finish an update of the operating system.
    type: bool
    default: false
  etcd_group:
    description:
      - The group whose nodes are members of etcd. They get what lets etcd wait for its certificates, which
        C(playbooks/cluster.yml) brings. No node does when it is left out.
    type: str
  overlay:
    description: Whether all nodes get what lets flannel wait for the same.
    type: str
    choices: [none, flannel]
    default: none
  flannel_image:
    description: The image that flannel is started from, in place of the operating system's older one.
    type: str
    default: ghcr.io/flannel-io/flannel:v0.28.9
  units:
    description: Units of systemd.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The unit, such as C(etcd-member.service).
        type: str
        required: true
      enabled:
        description: Whether it starts with the node.
        type: bool
      mask:
        description: Whether it can never be started.
        type: bool
      contents:
        description: The text of the unit. Not needed for units that the operating system has.
        type: str
      dropins:
        description: Additions to the unit.
        type: list
        elements: dict
        suboptions:
          name:
            description: The file, such as C(10-options.conf).
            type: str
            required: true
          contents:
            description: The text.
            type: str
            required: true
  files:
    description: Files on the node.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: The absolute path.
        type: path
        required: true
      content:
        description: The text.
        type: str
        required: true
      mode:
        description: The permissions, in octal and in quotes.
        type: raw
        default: "0644"
  group_snippets:
    description:
      - As O(snippets), for the nodes of a group only, and before those. The keys are names of groups.
      - The group C(cluster) has all nodes. Machines that nobody announced are in C(cluster) and C(workers).
    type: dict
    default: {}
  snippets:
    description:
      - Parts of a configuration, in the format of O(family), that are laid over the generated one in this order.
      - Maps are merged key by key; lists of entries with a C(path), C(name), C(device) or C(label) are merged entry by
        entry; to other lists the new values are appended; anything else is replaced.
    type: list
    elements: raw
    default: []
  validator:
    description:
      - The program that checks Ignition files, as a name or a path on the controller.
      - V("") goes without, and leaves mistakes to be found by the nodes, which do not boot then.
    type: str
    default: ignition-validate
"""

EXAMPLES = r"""
- name: Make the configuration of a node that runs etcd
  pfrack.cluster.node_config:
    nodes:
      - {name: node1, mac_address: "52:54:00:10:00:01"}
    dest: build/node_config
    ssh_authorized_keys: ["ssh-ed25519 AAAA... me"]
    units:
      - {name: etcd-member.service, enabled: true}
    snippets:
      - storage: {directories: [{path: /srv/data}]}
"""

RETURN = r"""
dest:
  description: The directory.
  type: str
  returned: success
written:
  description: Names of the files that are new or different.
  type: list
  elements: str
  returned: success
removed:
  description: Names of the files that were removed.
  type: list
  elements: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pfrack.cluster.plugins.module_utils.specs.node_config import SPEC


def main():
    module = AnsibleModule(**SPEC)
    module.fail_json(msg="this module runs on the controller, through its action plugin; call it by its full name")


if __name__ == "__main__":
    main()
