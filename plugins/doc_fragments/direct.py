# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of lines to a router outside of tasks, see plugin_utils/direct.py."""

from __future__ import annotations


class ModuleDocFragment:
    """How to reach the router; the names are those of the connection plugins."""

    DOCUMENTATION = r"""
options:
  connection:
    description: How to reach the router, as in C(ansible_connection).
    type: str
    choices: [pfrack.cluster.pfsense_ssh, pfrack.cluster.pfsense_xmlrpc, pfrack.cluster.pfsense_rest]
    default: pfrack.cluster.pfsense_ssh
  host:
    description: Address or name of the router; over SSH also its name in C(~/.ssh/config).
    type: str
    required: true
  port:
    description: Port of the router's SSH server or web GUI. Without it the one of C(~/.ssh/config), else 22 or 443.
    type: int
  remote_user:
    description: User to log in as, C(admin) or C(root). Without it the one of C(~/.ssh/config), else C(admin).
    type: str
    aliases: [user]
  password:
    description: Password of the user; may be a template. Over SSH keys are tried first.
    type: str
  private_key_file:
    description: SSH. Private key to log in with.
    type: str
  private_key_passphrase:
    description: SSH. Passphrase of the private key; may be a template.
    type: str
  host_key_checking:
    description:
      - SSH. V(true) refuses a router whose host key is not known, V(accept-new) learns it at the first visit, V(false)
        checks nothing. Without it C(StrictHostKeyChecking) of C(~/.ssh/config), else V(true).
    type: str
  known_hosts_files:
    description: SSH. Files with known host keys. Without it those of C(~/.ssh/config), else OpenSSH's usual ones.
    type: list
    elements: str
  ssh_config_files:
    description: SSH. Files in the format of ssh_config to take values from. Empty to read none.
    type: list
    elements: str
    default:
      - ~/.ssh/config
      - /etc/ssh/ssh_config
  proxy_jump:
    description: SSH. Jump hosts as C([user@]host[:port]), separated by commas.
    type: str
  use_ssl:
    description: HTTPS. Whether the web GUI uses HTTPS.
    type: bool
    default: true
  validate_certs:
    description: HTTPS. Whether the router's certificate is checked; O(certificate_fingerprint) is better than V(false).
    type: bool
    default: true
  ca_path:
    description: HTTPS. File with the certificates of the authorities to trust, in addition to the usual ones.
    type: str
  certificate_fingerprint:
    description: HTTPS. SHA-256 fingerprint of the router's certificate; then this one is accepted and no other.
    type: str
  use_proxy:
    description: HTTPS. Whether a proxy of the environment is used.
    type: bool
    default: true
  proxy:
    description: HTTPS. Address of the proxy to use, C(http://[user:password@]host:port).
    type: str
  api_key:
    description: REST API. Its key; may be a template.
    type: str
  api_auth:
    description: REST API. How to log in. Without it V(key) when O(api_key) is set, else V(basic).
    type: str
    choices: [key, basic, jwt]
  connect_timeout:
    description: Seconds to wait for the connection.
    type: int
    default: 10
"""
