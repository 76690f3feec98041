# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of pfsense_haproxy; the work is done by the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pfsense_haproxy
short_description: Manage HAProxy on a pfSense router
version_added: 0.1.0
description:
  - Sets the settings of the HAProxy package and makes backends with their servers and frontends, however many, with one
    read and at most one write.
  - A change makes HAProxy test the new configuration and then reload; established connections live on.
  - In backends and frontends only the given options are touched. Servers that were added by hand stay.
  - Frontends carry the mark of their owner in the description. Backends have none, so a comment in their advanced
    settings carries it and names the servers that are ours; leave it there.
  - Backends that are listed shall exist; with O(purge=true) one that is not listed any more but that a frontend still
    uses stays, with a warning.
  - An address and port that another frontend or pfSense's own web pages use is an error.
author:
  - pfrack.cluster contributors (@pfrack)
extends_documentation_fragment:
  - pfrack.cluster.router
  - pfrack.cluster.router.owned
  - pfrack.cluster.haproxy.backends
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
options:
  settings:
    description:
      - Settings of HAProxy as a whole. Only the given ones are touched.
    type: dict
    suboptions:
      enable:
        description:
          - Whether HAProxy runs.
        type: bool
      maxconn:
        description:
          - The most connections at one time. Set to 1000 when HAProxy is enabled and the router has no value yet.
        type: int
      nbthread:
        description:
          - The number of threads.
        type: int
      hard_stop_after:
        description:
          - How long an old process may keep its connections after a reload, such as V(15m).
        type: str
      terminate_on_reload:
        description:
          - End old connections at once when HAProxy reloads.
        type: bool
      local_stats_port:
        description:
          - The port on the loopback address for the statistics page in pfSense's pages.
        type: int
      log_target:
        description:
          - Where to send the log, a host or V(/var/run/log).
        type: str
      synchronise:
        description:
          - Whether pfSense sends HAProxy's configuration to the other router of a pair (high availability). For the
            first router of the two.
        type: bool
  frontends:
    description:
      - The frontends that shall exist.
    type: list
    elements: dict
    suboptions:
      name:
        description:
          - The name, of letters, digits, dots, hyphens and underscores.
        type: str
        required: true
      descr:
        description:
          - A description, shown on pfSense's pages in front of the mark.
        type: str
      mode:
        description:
          - V(http) understands requests, V(tcp) passes bytes on, V(https) passes TLS on and can tell names apart.
        type: str
        choices: [http, https, tcp]
        default: http
      listen:
        description:
          - The addresses and ports to listen on. When given, the list is exact.
        type: list
        elements: dict
        suboptions:
          address:
            description:
              - The address, usually a virtual IP, or a firewall alias.
            type: str
            required: true
          port:
            description:
              - The port.
            type: int
            required: true
          ssl:
            description:
              - Decrypt TLS here, with O(frontends[].certificate).
            type: bool
            default: false
          advanced:
            description:
              - Text at the end of the bind line.
            type: str
      backend:
        description:
          - The name of the backend that serves what no other rule claims. It has to exist or to be listed.
        type: str
      forward_for:
        description:
          - Tell servers the client's address in X-Forwarded-For. Only with O(frontends[].mode=http).
        type: bool
      client_timeout:
        description:
          - Milliseconds that a client may be silent; pfSense's default is 30000.
        type: int
      max_connections:
        description:
          - The most connections at one time.
        type: int
      http_close:
        description:
          - How connections are reused. Only with O(frontends[].mode=http).
        type: str
        choices: [http-keep-alive, http-server-close, httpclose]
      certificate:
        description:
          - The reference identifier (C(refid)) of a certificate in pfSense.
        type: str
      advanced_lines:
        description:
          - Further lines for the frontend's section of HAProxy's configuration.
        type: list
        elements: str
      status:
        description:
          - V(disabled) keeps the frontend in pfSense but out of HAProxy.
        type: str
        choices: [active, disabled]
        default: active
seealso:
  - module: pfrack.cluster.pfsense_virtual_ip
  - module: pfrack.cluster.pfsense_package
"""

EXAMPLES = r"""
- name: The load balancer of a Deis platform
  pfrack.cluster.pfsense_haproxy:
    settings:
      enable: true
    backends:
      - name: deis_http
        check: {type: HTTP, path: /health-check}
        connect_timeout: 2147483647
        server_timeout: 2147483647
        servers:
          - {name: node1, address: 10.10.0.20, port: 80}
          - {name: node2, address: 10.10.0.21, port: 80}
      - name: deis_ssh
        balance: leastconn
        check: {type: Basic}
        connect_timeout: 2147483647
        server_timeout: 2147483647
        servers:
          - {name: node1, address: 10.10.0.20, port: 2222}
          - {name: node2, address: 10.10.0.21, port: 2222}
    frontends:
      - name: deis_http
        mode: http
        listen: [{address: 10.10.0.5, port: 80}]
        backend: deis_http
        forward_for: true
        client_timeout: 2147483647
      - name: deis_ssh
        mode: tcp
        listen: [{address: 10.10.0.5, port: 2222}]
        backend: deis_ssh
        client_timeout: 2147483647

- name: Remove all backends and frontends that an earlier run made
  pfrack.cluster.pfsense_haproxy:
    purge: true
    backends: []
    frontends: []
"""

RETURN = r"""
created:
  description: Names of the backends and frontends that were made.
  type: list
  elements: str
  returned: success
  sample: ["deis_http", "deis_ssh", "deis_http", "deis_ssh"]
changed_entries:
  description: Names of the backends and frontends that were changed.
  type: list
  elements: str
  returned: success
  sample: []
removed:
  description: Names of the backends and frontends that were removed.
  type: list
  elements: str
  returned: success
  sample: []
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
  sample: ["haproxy"]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pfrack.cluster.plugins.module_utils.specs.pfsense_haproxy import SPEC


def main():
    module = AnsibleModule(**SPEC)
    module.fail_json(msg="this module runs on the controller, through its action plugin; call it by its full name")


if __name__ == "__main__":
    main()
