# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of haproxy_server_info; the work is done by the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: haproxy_server_info
short_description: The servers of the running HAProxy, and whether they are up
version_added: 0.1.0
description:
  - Reads the state of all servers from HAProxy's runtime socket, and waits until some of them are up when asked to.
author:
  - pfrack.cluster contributors (@pfrack)
extends_documentation_fragment:
  - pfrack.cluster.router
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
options:
  up:
    description:
      - Names of servers that have to take requests in every backend that has them, or C(BACKEND/NAME) for one backend
        alone. The task fails when one of them does not, after O(timeout).
    type: list
    elements: str
    default: []
  timeout:
    description:
      - Seconds to wait for O(up).
    type: int
    default: 0
"""

EXAMPLES = r"""
- name: Wait until the node serves again
  pfrack.cluster.haproxy_server_info:
    up: [node3]
    timeout: 300
"""

RETURN = r"""
servers:
  description: Each server as C(BACKEND/NAME). C(up) says whether it takes requests, C(ready) that nobody took it out.
  type: dict
  returned: success
  sample: {"deis_http_ipvANY/node1": {"up": true, "ready": true}}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pfrack.cluster.plugins.module_utils.specs.haproxy_server_info import SPEC


def main():
    module = AnsibleModule(**SPEC)
    module.fail_json(msg="this module runs on the controller, through its action plugin; call it by its full name")


if __name__ == "__main__":
    main()
