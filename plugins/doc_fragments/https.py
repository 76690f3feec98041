# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation that the connections over HTTPS share."""

from __future__ import annotations


class ModuleDocFragment:
    """How to reach the router's web server."""

    DOCUMENTATION = r"""
options:
  host:
    description: Address or name of the router.
    type: str
    default: inventory_hostname
    vars:
      - name: inventory_hostname
      - name: ansible_host
      - name: ansible_httpapi_host
  port:
    description: Port of the router's web GUI. Without it 443, or 80 when O(use_ssl) is false.
    type: int
    vars:
      - name: ansible_httpapi_port
  remote_user:
    description: User to log in as. Without it C(admin).
    type: str
    ini:
      - section: defaults
        key: remote_user
    env:
      - name: ANSIBLE_REMOTE_USER
    vars:
      - name: ansible_user
      - name: ansible_httpapi_user
    cli:
      - name: user
    keyword:
      - name: remote_user
  password:
    description: Password of the user.
    type: str
    vars:
      - name: ansible_password
      - name: ansible_httpapi_pass
      - name: ansible_httpapi_password
  use_ssl:
    description: Whether the web GUI uses HTTPS. Without it passwords and everything else can be read on the way.
    type: bool
    default: true
    vars:
      - name: ansible_httpapi_use_ssl
  validate_certs:
    description:
      - Whether the router's certificate is checked. Anybody between here and the router can take over the router when
        it is not; rather use O(certificate_fingerprint) for a certificate that the router made for itself.
    type: bool
    default: true
    vars:
      - name: ansible_httpapi_validate_certs
  ca_path:
    description: File with the certificates of the authorities to trust, in PEM format, in addition to the usual ones.
    type: path
    vars:
      - name: ansible_httpapi_ca_path
  certificate_fingerprint:
    description:
      - SHA-256 fingerprint of the router's certificate, as C(openssl x509 -fingerprint -sha256) or a browser shows it.
      - When it is set this very certificate is accepted, whoever signed it and whatever name it is for, and no other.
    type: str
    vars:
      - name: ansible_pfsense_certificate_fingerprint
  use_proxy:
    description: Whether a proxy of the environment (E(https_proxy), E(http_proxy), E(no_proxy)) is used.
    type: bool
    default: true
    vars:
      - name: ansible_httpapi_use_proxy
  proxy:
    description: Address of the proxy to use, C(http://[user:password@]host:port), instead of one of the environment.
    type: str
    vars:
      - name: ansible_pfsense_proxy
  connect_timeout:
    description: Seconds to wait for the connection.
    type: int
    default: 10
    vars:
      - name: ansible_connect_timeout
  keepalive_interval:
    description: Seconds between signs of life on a quiet connection; 0 for none. A dead line is given up after three.
    type: int
    default: 15
    vars:
      - name: ansible_pfsense_keepalive_interval
"""
