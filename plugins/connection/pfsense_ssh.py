# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: pfsense_ssh
short_description: Carry requests to a pfSense router over one SSH connection per play
author:
  - pfrack.cluster contributors (@pfrack)
description:
  - Connects to a pfSense router with SSH, starts one PHP agent there, and keeps both for the whole play.
  - The modules of this collection talk to the agent. Nothing is installed and nothing stays on the router.
  - Works for the users C(root) and C(admin). Needs the Python library paramiko on the controller.
  - Values that are not set here are taken from C(~/.ssh/config), as ssh itself does.
  - The connection is opened again once when it was cut between requests. A write that may have reached the router is
    never repeated; the error then says so.
version_added: 0.1.0
extends_documentation_fragment:
  - pfrack.cluster.persistent
requirements:
  - paramiko >= 3.4
options:
  host:
    description: Address or name of the router, or its name in C(~/.ssh/config).
    type: str
    default: inventory_hostname
    vars:
      - name: inventory_hostname
      - name: ansible_host
      - name: ansible_ssh_host
  port:
    description: SSH port of the router. Without it the one of C(~/.ssh/config), else 22.
    type: int
    ini:
      - section: defaults
        key: remote_port
    env:
      - name: ANSIBLE_REMOTE_PORT
    vars:
      - name: ansible_port
      - name: ansible_ssh_port
    keyword:
      - name: port
  remote_user:
    description: User to log in as, C(admin) or C(root). Without it the one of C(~/.ssh/config), else C(admin).
    type: str
    ini:
      - section: defaults
        key: remote_user
    env:
      - name: ANSIBLE_REMOTE_USER
    vars:
      - name: ansible_user
      - name: ansible_ssh_user
    cli:
      - name: user
    keyword:
      - name: remote_user
  password:
    description: Password of the user. Keys are tried first.
    type: str
    vars:
      - name: ansible_password
      - name: ansible_ssh_pass
      - name: ansible_ssh_password
  private_key_file:
    description: Private key to log in with.
    type: path
    ini:
      - section: defaults
        key: private_key_file
    env:
      - name: ANSIBLE_PRIVATE_KEY_FILE
    vars:
      - name: ansible_private_key_file
      - name: ansible_ssh_private_key_file
    cli:
      - name: private_key_file
        option: --private-key
  private_key_passphrase:
    description: Passphrase of the private keys.
    type: str
    vars:
      - name: ansible_private_key_passphrase
      - name: ansible_ssh_private_key_passphrase
  look_for_keys:
    description: Try C(id_ed25519), C(id_ecdsa) and C(id_rsa) in C(~/.ssh) when no key is named.
    type: bool
    default: true
    ini:
      - section: paramiko_connection
        key: look_for_keys
    env:
      - name: ANSIBLE_PARAMIKO_LOOK_FOR_KEYS
    vars:
      - name: ansible_pfsense_look_for_keys
  use_agent:
    description: Try the keys of the SSH agent.
    type: bool
    default: true
    vars:
      - name: ansible_pfsense_use_agent
  host_key_checking:
    description:
      - C(true) refuses a router whose host key is not known, C(accept-new) learns it at the first visit and refuses
        another one later, C(false) checks nothing.
      - Without it C(StrictHostKeyChecking) of C(~/.ssh/config), else C(true).
    type: str
    ini:
      - section: defaults
        key: host_key_checking
    env:
      - name: ANSIBLE_HOST_KEY_CHECKING
      - name: ANSIBLE_SSH_HOST_KEY_CHECKING
    vars:
      - name: ansible_host_key_checking
      - name: ansible_ssh_host_key_checking
  known_hosts_files:
    description: Files with known host keys. Without it those of C(~/.ssh/config), else OpenSSH's usual ones.
    type: list
    elements: path
    vars:
      - name: ansible_known_hosts_files
      - name: ansible_pfsense_known_hosts_files
  ssh_config_files:
    description: Files in the format of ssh_config to take values from. Empty to read none.
    type: list
    elements: path
    default:
      - ~/.ssh/config
      - /etc/ssh/ssh_config
    vars:
      - name: ansible_pfsense_ssh_config_files
  proxy_jump:
    description: Jump hosts as C([user@]host[:port]), separated by commas; C(none) to use none.
    type: str
    vars:
      - name: ansible_ssh_proxy_jump
      - name: ansible_pfsense_proxy_jump
  proxy_command:
    description: A command whose input and output reach the router's SSH port.
    type: str
    vars:
      - name: ansible_pfsense_proxy_command
      - name: ansible_paramiko_proxy_command
  connect_timeout:
    description: Seconds to wait for the connection. Without it the one of C(~/.ssh/config), else 10.
    type: int
    vars:
      - name: ansible_ssh_timeout
      - name: ansible_connect_timeout
  keepalive_interval:
    description: Seconds between signs of life, 0 for none. Without it C(ServerAliveInterval), else 15.
    type: int
    vars:
      - name: ansible_pfsense_keepalive_interval
"""

EXAMPLES = r"""
# inventory/hosts.yml
all:
  children:
    routers:
      hosts:
        router1:
          ansible_host: 10.10.0.1
          ansible_connection: pfrack.cluster.pfsense_ssh
          ansible_user: admin
          ansible_private_key_file: ~/.ssh/id_ed25519
"""

import base64

from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.module_utils.common.text.converters import to_bytes, to_text
from ansible_collections.pfrack.cluster.plugins.plugin_utils.agent_bundle import agent_source
from ansible_collections.pfrack.cluster.plugins.plugin_utils.keeper import KeeperError
from ansible_collections.pfrack.cluster.plugins.plugin_utils.kept_connection import KeptConnection
from ansible_collections.pfrack.cluster.plugins.plugin_utils.ssh.errors import SshError
from ansible_collections.pfrack.cluster.plugins.plugin_utils.ssh.link import Link
from ansible_collections.pfrack.cluster.plugins.plugin_utils.ssh.settings import build_settings


class Connection(KeptConnection):
    """One SSH connection and one agent per play."""

    transport = "pfrack.cluster.pfsense_ssh"
    OPTIONS = (
        "host",
        "port",
        "remote_user",
        "password",
        "private_key_file",
        "private_key_passphrase",
        "look_for_keys",
        "use_agent",
        "host_key_checking",
        "known_hosts_files",
        "ssh_config_files",
        "proxy_jump",
        "proxy_command",
        "connect_timeout",
        "keepalive_interval",
    )

    @staticmethod
    def make_line(options, log):
        try:
            import paramiko  # noqa: F401
        except ImportError as exc:
            message = f"the Python library paramiko is missing on the controller: {exc}. Install it with pip"
            raise SshError("unsupported", message) from exc
        try:
            source = agent_source()
        except (OSError, ValueError) as exc:
            raise SshError("internal", f"the agent is not complete: {exc}") from exc
        return Link(build_settings(options), source, log)

    def exec_command(self, cmd, in_data=None, sudoable=True):
        """A shell command on the router, for ansible.builtin.raw; texts are base64 because they may be anything."""
        data = base64.b64encode(to_bytes(in_data)).decode() if in_data else ""
        try:
            answer = self.ask("run", to_text(cmd), data)
        except KeeperError as exc:
            raise AnsibleConnectionFailure(str(exc)) from exc
        if not answer["ok"]:
            raise AnsibleConnectionFailure(answer["error"]["message"])
        result = answer["result"]
        return result["code"], base64.b64decode(result["stdout"]), base64.b64decode(result["stderr"])

    def put_file(self, in_path, out_path):
        raise AnsibleError(
            "this connection runs no Python modules on the router: use the modules of pfrack.cluster or raw, "
            "and for other modules connection ssh"
        )

    def fetch_file(self, in_path, out_path):
        raise AnsibleError("this connection fetches no files from the router: use raw, or connection ssh")
