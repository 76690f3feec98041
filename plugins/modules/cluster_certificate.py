# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of cluster_certificate; the work is done by the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cluster_certificate
short_description: Certificates of the cluster's own authority
version_added: 0.1.0
description:
  - Keeps a certificate authority and its certificates in a directory of the controller. What is missing, has other
    names or addresses, or ends soon is issued anew.
  - Certificates are for servers and clients alike. Keys are ECDSA P-256, readable for their owner only, and in no
    result and no diff.
  - Needs the Python package C(cryptography) on the controller, which C(paramiko) brings along.
author:
  - pfrack.cluster contributors (@pfrack)
attributes:
  check_mode:
    description: Can run in check mode and return the changed status that a run would have, without changing anything.
    support: full
  diff_mode:
    description: Returns what has changed in diff mode. This module does not, because there are secrets in its files.
    support: none
options:
  directory:
    description: The directory on the controller; it is made, for its owner only. Keep a copy of it.
    type: path
    required: true
  authority_name:
    description: The name of the authority when it is made. It lasts for ten years.
    type: str
    default: pfrack cluster
  certificates:
    description: The certificates. Others in the directory are left alone.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: The name, which is also that of the files.
        type: str
        required: true
      addresses:
        description: IP addresses that it is valid for.
        type: list
        elements: str
        default: []
      names:
        description: Names that it is valid for, besides O(certificates[].name).
        type: list
        elements: str
        default: []
  days:
    description: How long a new certificate is valid.
    type: int
    default: 365
  renew_before:
    description: A certificate that ends within so many days is replaced.
    type: int
    default: 60
"""

EXAMPLES = r"""
- name: Certificates for two machines
  pfrack.cluster.cluster_certificate:
    directory: .pfrack/etcd
    certificates:
      - {name: node1, addresses: [10.10.0.20]}
      - {name: client}
"""

RETURN = r"""
created_authority:
  description: Whether the authority is new.
  type: bool
  returned: success
authority:
  description: The file with the authority's certificate.
  type: str
  returned: success
issued:
  description: Names of the certificates that are new.
  type: list
  elements: str
  returned: success
certificates:
  description: The files of each certificate, and when it ends.
  type: dict
  returned: success
  sample: {node1: {certificate: .pfrack/etcd/node1.pem, key: .pfrack/etcd/node1.key, not_after: "2027-11-26T00:00:00Z"}}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pfrack.cluster.plugins.module_utils.specs.cluster_certificate import SPEC


def main():
    module = AnsibleModule(**SPEC)
    module.fail_json(msg="this module runs on the controller, through its action plugin; call it by its full name")


if __name__ == "__main__":
    main()
