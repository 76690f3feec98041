# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of k3s_artifact; the work is done by the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: k3s_artifact
short_description: Verified releases of k3s, cached on the controller
version_added: 0.1.0
description:
  - Downloads k3s to the controller and compares it with the checksums of the release. What does not agree is not kept.
  - What is in the cache is not fetched again, so a second run needs no network.
  - With O(url) it also returns the parts of a node configuration with which the nodes fetch the files at their first
    boot, check them once more, and run k3s; see RV(group_snippets).
author:
  - pfrack.cluster contributors (@pfrack)
attributes:
  check_mode:
    description: Asks for the checksums, and changes nothing.
    support: full
  diff_mode:
    description: Returns what has changed in diff mode. This module does not.
    support: none
options:
  version:
    description: The version, such as V(v1.34.1+k3s1).
    type: str
    required: true
  arch:
    description: The architecture of the nodes.
    type: str
    choices: [x86-64, arm64]
    default: x86-64
    aliases: [architecture]
  images:
    description: Whether to fetch the container images of the release as well, for nodes without a way to the Internet.
    type: bool
    default: false
  sha256:
    description:
      - What the SHA-256 of the program has to be. The checksums lie on the same server as the program, so they show
        damage; a value of yours also shows a server that was taken over.
    type: str
    default: ''
  base_url:
    description: Where the releases lie; a directory for each version, named like it.
    type: str
    default: https://github.com/k3s-io/k3s/releases/download
  cache:
    description: The directory on the controller; the files lie below C(k3s).
    type: path
    default: ~/.cache/pfrack/artifacts
  url:
    description: Where the nodes will find RV(directory).
    type: str
    default: ''
  validate_certs:
    description: Whether the certificates of HTTPS servers are checked.
    type: bool
    default: true
  timeout:
    description: How many seconds a server may be silent.
    type: int
    default: 30
notes:
  - Proxies are taken from the environment of Ansible (E(HTTPS_PROXY), E(NO_PROXY)).
"""

EXAMPLES = r"""
- name: A release of k3s, and what the nodes do with it
  pfrack.cluster.k3s_artifact:
    version: v1.34.1+k3s1
    url: http://192.168.1.1:8080/k3s
  register: release

- name: Bring it to the router
  pfrack.cluster.pfsense_files:
    src: "{{ release.directory }}"
    dest: /tftpboot/pfrack/k3s
"""

RETURN = r"""
version:
  description: The version.
  type: str
  returned: success
  sample: v1.34.1+k3s1
directory:
  description: A directory of the controller that holds RV(path), and nothing else.
  type: str
  returned: success
  sample: /home/user/.cache/pfrack/artifacts/k3s/v1.34.1-k3s1/tree
path:
  description: The directory with the files.
  type: str
  returned: success
  sample: v1.34.1-k3s1
files:
  description: Name and SHA-256 of the V(program) and the V(images).
  type: dict
  returned: success
  sample: {program: {name: k3s, sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08}}
downloaded:
  description: The names of the files that were fetched, or would be in check mode.
  type: list
  elements: str
  returned: success
  sample: [k3s]
group_snippets:
  description: Parts of the configuration of nodes by group, see O(pfrack.cluster.node_config#module:group_snippets).
  type: dict
  returned: when O(url) is given
  sample: {cluster: [], controllers: [], workers: []}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pfrack.cluster.plugins.module_utils.specs.k3s_artifact import SPEC


def main():
    module = AnsibleModule(**SPEC)
    module.fail_json(msg="this module runs on the controller, through its action plugin; call it by its full name")


if __name__ == "__main__":
    main()
