# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of haproxy_backend_sync; the work is done by the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: haproxy_backend_sync
short_description: Let the servers of HAProxy's backends follow the nodes without a reload
version_added: 0.1.0
description:
  - Compares the wanted servers with C(config.xml) and with the running HAProxy and makes both agree in names,
    addresses, ports, ids, weights and checks. C(config.xml) is written once, and only if it changes; the running
    process is changed through its runtime socket, so that no client notices. Both are read back afterwards.
  - Works in backends that exist and are ours; M(pfrack.cluster.pfsense_haproxy) makes them. Servers that were added by
    hand are left alone.
  - A server that leaves is drained first. New servers join before old ones go.
  - Where the runtime socket cannot make a change, HAProxy is reloaded gracefully, and the result says why.
  - A node that is drained stays in maintenance (the status C(disabled) in pfSense) until it is undrained, whatever else
    runs meanwhile.
  - A run that was killed leaves nothing that the next one does not finish.
  - Over P(pfrack.cluster.pfsense_rest#connection) an API key that may only edit HAProxy's servers is enough. Then
    HAProxy is reloaded gracefully, new servers are not probed, O(grace) is refused, and only servers can be added whose
    names the backend claims with O(backends[].owned_names).
author:
  - pfrack.cluster contributors (@pfrack)
extends_documentation_fragment:
  - pfrack.cluster.router
  - pfrack.cluster.haproxy.backends
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
options:
  drain:
    description:
      - Names of servers to take out of all our backends for maintenance. Their sessions may end first.
    type: list
    elements: str
    default: []
  undrain:
    description:
      - Names of servers to bring back. Each serves as soon as HAProxy's own health check finds it up.
    type: list
    elements: str
    default: []
  drain_timeout:
    description:
      - Seconds that sessions of a server that leaves may go on. Those that are left then are ended, except on servers
        that only go into maintenance.
    type: int
    default: 30
  probe:
    description:
      - Ask new servers from the router's side first, and do not add those that do not answer. Where the backend's
        check is C(HTTP) without TLS the probe is the same request, else it opens a connection.
      - Without it a new server of a backend with health checks gets no request before a check found it up.
    type: bool
    default: true
  probe_timeout:
    description:
      - Seconds to wait for answers to the probes.
    type: int
    default: 2
  grace:
    description:
      - Seconds that a server stays after it was first missing from O(backends), for sources that flap. The times are
        kept on the router, in C(/tmp), so that several controllers agree and a restart of the router begins anew.
    type: int
    default: 0
  busy_timeout:
    description:
      - Seconds to wait while another run, such as C(site.yml) of a colleague, holds the router. After that it is an
        error that names the other run; nothing was changed then.
    type: int
    default: 60
  max_removed_percent:
    description:
      - The share of our servers of a backend that may go at once. More is an error before anything is changed.
    type: int
    default: 50
  allow_empty:
    description:
      - Whether a backend may lose its last server, or its last server that answers.
    type: bool
    default: false
  owner:
    description:
      - Whose backends these are, as for M(pfrack.cluster.pfsense_haproxy).
    type: str
    default: pfrack
seealso:
  - module: pfrack.cluster.pfsense_haproxy
"""

EXAMPLES = r"""
- name: Exactly these nodes serve the web
  pfrack.cluster.haproxy_backend_sync:
    backends:
      - name: web
        servers:
          - {name: node1, address: 10.10.0.20, port: 80}
          - {name: node2, address: 10.10.0.21, port: 80}

- name: Take node2 out for maintenance
  pfrack.cluster.haproxy_backend_sync:
    drain: [node2]
    drain_timeout: 300
"""

RETURN = r"""
route:
  description: How the running HAProxy was changed.
  type: str
  choices: [none, runtime, reload]
  returned: success
  sample: runtime
reasons:
  description: Why HAProxy had to be reloaded.
  type: list
  elements: str
  returned: success
  sample: ["backend web: checkinter changes"]
added:
  description: Servers that joined, as backend/server.
  type: list
  elements: str
  returned: success
  sample: ["web/node3"]
removed:
  description: Servers that left.
  type: list
  elements: str
  returned: success
  sample: []
drained:
  description: Servers that went into maintenance.
  type: list
  elements: str
  returned: success
  sample: []
updated:
  description: Servers whose address, port, weight or options changed, or that came back from maintenance.
  type: list
  elements: str
  returned: success
  sample: []
not_added:
  description: New servers that did not answer, and what their probe said.
  type: dict
  returned: success
  sample: {"web/node4": "no answer in time"}
in_grace:
  description: Servers that are missing from O(backends) but still within O(grace).
  type: list
  elements: str
  returned: success
  sample: []
missing_backends:
  description: Backends that the router does not have yet.
  type: list
  elements: str
  returned: success
  sample: []
sessions_cut:
  description: How many sessions of which server O(drain_timeout) ended.
  type: dict
  returned: success
  sample: {}
revision:
  description: The revision of the configuration afterwards, the SHA-256 of C(config.xml).
  type: str
  returned: success
  sample: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pfrack.cluster.plugins.module_utils.specs.haproxy_backend_sync import SPEC


def main():
    module = AnsibleModule(**SPEC)
    module.fail_json(msg="this module runs on the controller, through its action plugin; call it by its full name")


if __name__ == "__main__":
    main()
