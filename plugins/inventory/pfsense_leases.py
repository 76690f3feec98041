# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: pfsense_leases
short_description: Machines that hold a DHCP lease of a pfSense router
version_added: 0.1.0
author:
  - pfrack.cluster contributors (@pfrack)
description:
  - Asks a pfSense router, over SSH or its web server, for its DHCP leases and static mappings, of ISC's server or Kea,
    and for what its HAProxy thinks of the machines, and makes a host of each machine.
  - The name of the inventory file has to end with C(pfsense_leases.yml) or C(pfsense_leases.yaml).
  - A machine that asks several times, as boot firmware and then as a system, is one host with its newest address.
  - Dynamic leases are called C(node-) and their MAC address, because a machine chooses its DHCP host name itself.
    Static mappings are called by their host name.
  - Whatever a DHCP client sent stands in variables as text and is never a template.
  - Hosts are in the group C(leased) or C(static), and in C(healthy) or C(unhealthy) if HAProxy knows their address.
extends_documentation_fragment:
  - constructed
  - inventory_cache
  - pfrack.cluster.direct
requirements:
  - paramiko >= 3.4, over SSH
options:
  plugin:
    description: The name of this plugin.
    type: str
    required: true
    choices: [pfrack.cluster.pfsense_leases]
  mac_addresses:
    description: Only machines whose MAC address is like one of these; C(*) and C(?) stand for anything.
    type: list
    elements: str
    default: []
  hostnames:
    description: Only machines whose DHCP host name is like one of these; C(*) and C(?) stand for anything.
    type: list
    elements: str
    default: []
  networks:
    description: Only machines with an address in one of these networks, such as C(10.10.0.0/24).
    type: list
    elements: str
    default: []
  states:
    description: Only leases in these states.
    type: list
    elements: str
    choices: [active, static, reserved, expired]
    default: [active, static]
  dhcp_names:
    description:
      - Call machines with dynamic leases by the host name that they sent, where that is a host name and no other
        machine claims it.
      - A machine can then choose its name in your inventory. Names that are already there, and names of groups, are not
        given away; list this inventory after the others for that.
    type: bool
    default: false
"""

EXAMPLES = r"""
---
# rack.pfsense_leases.yml
plugin: pfrack.cluster.pfsense_leases
host: 10.10.0.1
remote_user: admin
private_key_file: ~/.ssh/id_ed25519
networks: [10.10.0.0/24]
mac_addresses: ["52:54:00:*"]
states: [active]
cache: true
cache_plugin: ansible.builtin.jsonfile
cache_connection: ~/.cache/pfrack-leases
cache_timeout: 60
compose:
  ansible_user: "'core'"
groups:
  waiting: haproxy_healthy is none
keyed_groups:
  - key: lease_state
    prefix: lease

---
# web.pfsense_leases.yml: without Secure Shell
plugin: pfrack.cluster.pfsense_leases
connection: pfrack.cluster.pfsense_xmlrpc
host: 10.10.0.1
password: "{{ lookup('ansible.builtin.env', 'ROUTER_PASSWORD') }}"
certificate_fingerprint: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
"""

from ansible.errors import AnsibleParserError
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable
from ansible.utils.unsafe_proxy import wrap_var
from ansible_collections.pfrack.cluster.plugins.module_utils.leases.health import health_of, server_states
from ansible_collections.pfrack.cluster.plugins.module_utils.leases.hosts import inventory_hosts
from ansible_collections.pfrack.cluster.plugins.module_utils.leases.lease import Match, read_leases
from ansible_collections.pfrack.cluster.plugins.module_utils.router import Router, RouterError
from ansible_collections.pfrack.cluster.plugins.plugin_utils.direct import OPTIONS, open_line

# Texts that a machine or an admin chose; everything else has a form that was checked.
FROM_OTHERS = ("dhcp_hostname", "dhcp_descr", "dhcp_interface", "haproxy_servers")


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):
    """Hosts from the router's leases."""

    NAME = "pfrack.cluster.pfsense_leases"

    def verify_file(self, path):
        return super().verify_file(path) and path.endswith(("pfsense_leases.yml", "pfsense_leases.yaml"))

    def parse(self, inventory, loader, path, cache=True):
        super().parse(inventory, loader, path, cache)
        self._read_config_data(path)
        try:
            found = self._cached(path, cache)
            leases = [lease for lease in read_leases(found) if self._match().accepts(lease)]
            health = health_of(server_states(found.get("state")))
        except RouterError as error:
            raise AnsibleParserError(f"{self._option('host')}: {error.kind}: {error.message}") from error
        except (ValueError, OSError) as error:
            raise AnsibleParserError(f"{path}: {error}") from error
        reserved = {"localhost", *inventory.hosts, *inventory.groups, "leased", "static", "healthy", "unhealthy"}
        for host in inventory_hosts(leases, health, self.get_option("dhcp_names"), reserved):
            self._add(host)

    def _add(self, host):
        strict = self.get_option("strict")
        name = host["name"]
        self.inventory.add_host(name)
        for group in host["groups"]:
            self.inventory.add_group(group)
            self.inventory.add_child(group, name)
        self.inventory.set_variable(name, "ansible_host", host["variables"]["ipv4_address"])
        for variable, value in host["variables"].items():
            self.inventory.set_variable(name, variable, wrap_var(value) if variable in FROM_OTHERS else value)
        known = self.inventory.get_host(name).get_vars()
        self._set_composite_vars(self.get_option("compose"), known, name, strict=strict)
        known = self.inventory.get_host(name).get_vars()
        self._add_host_to_composed_groups(self.get_option("groups"), known, name, strict=strict, fetch_hostvars=False)
        self._add_host_to_keyed_groups(
            self.get_option("keyed_groups"), known, name, strict=strict, fetch_hostvars=False
        )

    def _cached(self, path, cache):
        if not self.get_option("cache"):
            return self._ask()
        key = self.get_cache_key(path)
        if cache:
            try:
                return self._cache[key]
            except KeyError:
                pass
        self._cache[key] = self._ask()
        return self._cache[key]

    def _ask(self):
        """{leases, state}, as the agent answers them."""
        line = open_line({name: self._option(name) for name in OPTIONS}, self.display.vvv)
        try:
            router = Router(line.call)
            return {"leases": router.leases()["leases"], "state": router.haproxy_state().get("state")}
        finally:
            line.close()

    def _option(self, name):
        value = self.get_option(name)
        return self.templar.template(value) if isinstance(value, (str, list)) and value else value

    def _match(self):
        return Match(*(self.get_option(name) for name in ("mac_addresses", "hostnames", "networks", "states")))
