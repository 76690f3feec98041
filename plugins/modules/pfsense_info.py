# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of pfsense_info; the work is done by the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pfsense_info
short_description: Facts about a pfSense router
version_added: 0.1.0
description:
  - Returns what the other modules and roles know about a router, its version, interfaces, packages, services and
    addresses.
author:
  - pfrack.cluster contributors (@pfrack)
extends_documentation_fragment:
  - pfrack.cluster.router
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
    details: Never changes anything.
options:
  leases:
    description: Return the DHCP leases as well.
    type: bool
    default: false
    version_added: 0.1.0
seealso:
  - module: pfrack.cluster.pfsense_package
"""

EXAMPLES = r"""
- name: Ask the router
  pfrack.cluster.pfsense_info:
  register: facts

- name: Show the address of the LAN
  ansible.builtin.debug:
    msg: "{{ facts.router.interfaces.lan.address }}"
"""

RETURN = r"""
router:
  description: The facts.
  type: dict
  returned: success
  contains:
    version:
      description: The version of pfSense.
      type: str
      returned: success
      sample: 2.8.0-RELEASE
    product:
      description: The name of the product.
      type: str
      returned: success
      sample: pfSense
    php_version:
      description: The version of PHP.
      type: str
      returned: success
      sample: 8.3.19
    config_version:
      description: The format version of the configuration.
      type: str
      returned: success
      sample: "23.9"
    revision:
      description: The SHA-256 of C(config.xml).
      type: str
      returned: success
      sample: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
    hostname:
      description: The name of the router.
      type: str
      returned: success
      sample: router
    domain:
      description: The domain of the router.
      type: str
      returned: success
      sample: lab.example
    gateways:
      description: Whether there is an IPv4 gateway.
      type: bool
      returned: success
      sample: true
    dhcp_backend:
      description: The DHCP server in use, V(isc) or V(kea).
      type: str
      returned: success
      sample: isc
    interfaces:
      description: Interfaces by identifier.
      type: dict
      returned: success
      sample:
        lan: {descr: LAN, device: em1, address: 10.10.0.1, prefix: 24, enabled: true}
    packages:
      description: Versions of the installed packages by short name.
      type: dict
      returned: success
      sample: {haproxy: 0.63_2}
    dns:
      description: The DNS services, with the port of each.
      type: dict
      returned: success
      sample:
        forwarder: {enabled: false, port: 53}
        resolver: {enabled: true, port: 53}
    high_availability:
      description:
        - Where pfSense sends its configuration after each change, and which of the boxes for that are ticked,
          by their names in config.xml. The address is empty on a router that sends it to nobody.
      type: dict
      returned: success
      sample: {peer: 10.99.0.2, sections: [dhcpd, dnsforwarder, rules, virtualip]}
    virtual_ips:
      description: Virtual IPs; C(status) of a CARP address is C(MASTER), C(BACKUP) or C(INIT).
      type: list
      returned: success
      elements: dict
      sample:
        - address: 10.10.0.5
          prefix: 32
          interface: lan
          mode: ipalias
          descr: Deis HA Proxy [pfrack]
          uniqid: df5c3bdddf797
          status: ""
    leases:
      description: DHCP leases and static mappings. Texts in there may come from any DHCP client.
      type: list
      returned: when O(leases) is set
      elements: dict
      version_added: 0.1.0
      sample:
        - address: 10.10.0.100
          mac: "52:54:00:10:00:09"
          client_id: ""
          hostname: worker9
          descr: ""
          interface: ""
          type: dynamic
          state: active
          online: true
          starts: 1795527109
          ends: 1795534309
    static_mappings:
      description: Static mappings of the DHCP server by interface.
      type: dict
      returned: success
      sample:
        lan:
          - mac_address: "52:54:00:10:00:01"
            address: 10.10.0.20
            hostname: node1
            descr: node1 [pfrack]
    scopes:
      description: Scopes of the DHCP server by interface.
      type: dict
      returned: success
      sample:
        lan:
          enabled: true
          range: {from: 10.10.0.100, to: 10.10.0.199}
          pools: []
    haproxy:
      description: The load balancer.
      type: dict
      returned: success
      sample: {installed: true, version: 0.63_2, enabled: true, running: true}
    services:
      description: Which daemons run, by name.
      type: dict
      returned: success
      sample: {dhcpd: true, kea-dhcp4: false, dnsmasq: false, unbound: true, tftpd: true, haproxy: true}
    stopped:
      description: Daemons of DHCP, DNS and TFTP that are enabled and do not run.
      type: list
      elements: str
      returned: success
      sample: []
    webgui:
      description: Where the web pages of the router are, and whether port 80 redirects to them.
      type: dict
      returned: success
      sample: {protocol: https, port: 443, redirect: true}
    features:
      description: What differs between versions of pfSense and its packages.
      type: dict
      returned: success
      sample: {tftpd_enable_field: enable, custom_kea_config: true}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pfrack.cluster.plugins.module_utils.specs.pfsense_info import SPEC


def main():
    module = AnsibleModule(**SPEC)
    module.fail_json(msg="this module runs on the controller, through its action plugin; call it by its full name")


if __name__ == "__main__":
    main()
