# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of os_artifact; the work is done by the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: os_artifact
short_description: Fetch a verified release of a node operating system into a cache on the controller
version_added: 0.1.0
description:
  - Downloads the live system for network boot and the disk image of one version of Flatcar Container Linux, Fedora
    CoreOS or the historic CoreOS Container Linux, from the vendor or from a mirror in the vendor's layout.
  - All files of the version are asked for before the first is loaded, because vendors have published releases
    without some of them.
  - Every file must be signed, and the signature must lead to the vendor's primary key, which is pinned by its
    fingerprint; signing subkeys may change. Where the vendor publishes checksums these must match too. A file that is
    not what was signed is deleted, and the task fails.
  - A download that was cut goes on where it ended. What is in the cache is not fetched again, so a second run needs no
    network.
  - Runs on the controller, whatever the connection of the host, and needs C(gpg) there.
author:
  - pfrack.cluster contributors (@pfrack)
attributes:
  check_mode:
    support: full
    description: Asks the server what is there, and changes nothing.
  diff_mode:
    support: full
    description: Names the files that are fetched.
options:
  family:
    description:
      - The operating system.
    type: str
    choices: [flatcar, fedora-coreos, coreos]
    default: flatcar
  channel:
    description:
      - The vendor's channel or stream; V(stable) when empty.
      - V(stable), V(beta), V(alpha), V(lts) for V(flatcar); V(stable), V(testing), V(next) for V(fedora-coreos);
        V(stable), V(beta), V(alpha) for V(coreos).
    type: str
    default: ''
    aliases: [stream]
  version:
    description:
      - A version, or V(current) for the newest one. V(current) is asked for once; later runs take the version in
        O(record).
      - For the V(lts) channel of Flatcar also V(current-2024) and the like.
    type: str
    default: current
  arch:
    description:
      - The architecture of the nodes; the names V(x86_64), V(amd64) and V(aarch64) mean the same two.
    type: str
    choices: [x86-64, arm64, x86_64, amd64, aarch64]
    default: x86-64
    aliases: [architecture]
  base_url:
    description:
      - A mirror with the vendor's layout below it; C({channel}) is replaced. The vendor's own host when empty.
      - Required for V(coreos), whose hosts are gone.
    type: str
    default: ''
  parts:
    description:
      - Which files are fetched. V(pxe) is the live system, V(disk) the image that is installed.
      - Both are always of the same version.
    type: list
    elements: str
    choices: [pxe, disk]
    default: [pxe, disk]
  key:
    description:
      - The vendor's public keys, a file or a directory on the controller or a URL; the vendor's own address when empty.
      - All files of a directory are read, for vendors with one key for each release, such as V(fedora-coreos).
      - A copy from a URL is kept in the cache, and fetched again when a signature needs a newer one.
      - It need not come over a safe way, because only keys with a pinned fingerprint count.
    type: str
    default: ''
  fingerprints:
    description:
      - Fingerprints of the primary keys that may have signed the release, instead of the vendor's, for images of your
        own.
    type: list
    elements: str
    default: []
  allow_expired_key:
    description:
      - Accept signatures of a key that has expired since, if they were made before that. Needed for old releases, and
        for all of V(coreos).
    type: bool
    default: false
  cache:
    description:
      - The directory on the controller that holds the releases.
    type: path
    default: ~/.cache/pfrack/artifacts
  record:
    description:
      - A small file on the controller that remembers which version V(current) was; a good place is beside the
        inventory. Nothing is remembered when empty.
    type: path
    default: ''
  update:
    description:
      - Ask what V(current) is, even if it is recorded.
    type: bool
    default: false
  prune:
    description:
      - Remove the other versions of the stream from O(cache) afterwards, and downloads of them that were not finished.
        Versions that O(record) names stay.
      - Leave it off when several inventories share the cache.
    type: bool
    default: false
  validate_certs:
    description:
      - Whether the certificates of HTTPS servers are checked. The signatures are checked in any case.
    type: bool
    default: true
  timeout:
    description:
      - How many seconds a server may be silent.
    type: int
    default: 30
notes:
  - Proxies are taken from the environment of Ansible (E(HTTPS_PROXY), E(NO_PROXY)).
"""

EXAMPLES = r"""
- name: The stable Flatcar release of today, and the same one from now on
  pfrack.cluster.os_artifact:
    record: "{{ inventory_dir }}/.pfrack/artifacts.json"
  register: release

- name: A pinned release for arm64 from a mirror
  pfrack.cluster.os_artifact:
    version: 4593.2.5
    arch: arm64
    base_url: https://mirror.example.org/flatcar/{channel}
"""

RETURN = r"""
version:
  description: The version that the other values are about.
  type: str
  returned: success
  sample: 4593.2.5
directory:
  description: The directory on the controller that holds the files of the version.
  type: str
  returned: success
  sample: /home/user/.cache/pfrack/artifacts/tree/flatcar/stable/amd64-usr/4593.2.5
path:
  description: The place of the version below a web root.
  type: str
  returned: success
  sample: flatcar/stable/amd64-usr/4593.2.5
stream_path:
  description: The directory above it, with all versions of the stream; what installers take as their base URL.
  type: str
  returned: success
  sample: flatcar/stable/amd64-usr
files:
  description: The names of the files by what they are, V(kernel), V(initrd), V(rootfs), V(image), V(version).
  type: dict
  returned: success
  sample: {kernel: flatcar_production_pxe.vmlinuz, image: flatcar_production_image.bin.bz2}
family:
  description: The operating system.
  type: str
  returned: success
  sample: flatcar
channel:
  description: The channel or stream.
  type: str
  returned: success
  sample: stable
arch:
  description: The architecture, V(x86-64) or V(arm64).
  type: str
  returned: success
  sample: x86-64
downloaded:
  description: The names of the files that were fetched, or would be in check mode.
  type: list
  elements: str
  returned: success
  sample: []
bytes:
  description: The total size of the files that were fetched, or would be in check mode.
  type: int
  returned: success
  sample: 541065216
sizes:
  description: The bytes of each of them, and of its signature.
  type: dict
  returned: success
  sample: {}
pruned:
  description: The versions that were removed from O(cache), or would be in check mode.
  type: list
  elements: str
  returned: success
  sample: []
signed_by:
  description: Fingerprints of the primary keys that signed the files.
  type: list
  elements: str
  returned: success
  sample: [F88CFEDEFF29A5B4D9523864E25D9AED0593B34A]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pfrack.cluster.plugins.module_utils.specs.os_artifact import SPEC


def main():
    module = AnsibleModule(**SPEC)
    module.fail_json(msg="this module runs on the controller, through its action plugin; call it by its full name")


if __name__ == "__main__":
    main()
