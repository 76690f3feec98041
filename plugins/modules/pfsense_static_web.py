# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of pfsense_static_web; the work is done by the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pfsense_static_web
short_description: Serve files over HTTP from a pfSense router to the nodes
version_added: 0.1.0
description:
  - Runs an nginx of its own on one inner address, for the big files that nodes need at boot. The web server of the GUI
    sends everybody to HTTPS with a certificate that boot firmware does not trust.
  - Files are served as they lie in O(directory), with C(HEAD) and ranges; names that begin with a dot are not.
  - The settings are kept in the configuration, the server has its line under Status > Services, starts at boot and is
    not touched by updates of packages. When its files were lost, the next run puts them back.
  - Everybody on that network can read the files. Firewall rules are not changed.
  - Who knows the name of a directory C(install/ID) may remove it with C(DELETE). So a machine takes back what it was
    installed with (see M(pfrack.cluster.boot_menu)); nothing else can be changed over HTTP.
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
  state:
    description:
      - V(absent) stops the server and removes its settings, script and logs. The files in O(directory) stay.
    type: str
    choices: [present, absent]
    default: present
  address:
    description:
      - The address to listen on, one of the router's, not on the interface C(wan). That of O(interface) when not set.
    type: str
  interface:
    description:
      - The interface, by pfSense's name (V(lan), V(opt1)), whose address is taken.
    type: str
    default: lan
  port:
    description:
      - The port to listen on. Those of the web GUI are refused.
    type: int
    default: 8080
  directory:
    description:
      - The directory whose content is served. It is made when it is missing.
    type: str
    default: /tftpboot/pfrack
seealso:
  - module: pfrack.cluster.pfsense_files
"""

EXAMPLES = r"""
- name: Serve images to the nodes
  pfrack.cluster.pfsense_static_web:
    address: 10.10.0.1

- name: Not any more
  pfrack.cluster.pfsense_static_web:
    state: absent
"""

RETURN = r"""
url:
  description: The URL of O(directory), empty when there is no server.
  type: str
  returned: success
  sample: http://10.10.0.1:8080
repaired:
  description: Whether the settings were right, but the server or its files were not.
  type: bool
  returned: success
  sample: false
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
  sample: ["static_web"]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pfrack.cluster.plugins.module_utils.specs.pfsense_static_web import SPEC


def main():
    module = AnsibleModule(**SPEC)
    module.fail_json(msg="this module runs on the controller, through its action plugin; call it by its full name")


if __name__ == "__main__":
    main()
