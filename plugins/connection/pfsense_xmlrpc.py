# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: pfsense_xmlrpc
short_description: Carry requests to a pfSense router over its own XML-RPC
author:
  - pfrack.cluster contributors (@pfrack)
description:
  - Carries the requests of this collection's modules to a pfSense router over C(/xmlrpc.php), the interface that
    high availability pairs use. It is there on every pfSense; nothing is installed, and nothing is left on the router.
  - Works for the user C(admin), and for users with the privilege C(System - HA node sync), which is as good as root.
  - Changes run apart from the web server and are made once or never. When the line is cut in the middle of one, the
    router is asked what became of it.
  - A wrong password is tried once only, because the router's login protection blocks an address after a few of them.
version_added: 0.1.0
extends_documentation_fragment:
  - pfrack.cluster.https
  - pfrack.cluster.persistent
"""

EXAMPLES = r"""
# inventory/hosts.yml
all:
  children:
    routers:
      hosts:
        router1:
          ansible_host: 10.10.0.1
          ansible_connection: pfrack.cluster.pfsense_xmlrpc
          ansible_user: admin
          ansible_password: "{{ vault_router_password }}"
          # openssl s_client -connect 10.10.0.1:443 </dev/null | openssl x509 -noout -fingerprint -sha256
          ansible_pfsense_certificate_fingerprint: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
"""

from ansible_collections.pfrack.cluster.plugins.plugin_utils.https.plugin import HttpsConnection, whole_agent
from ansible_collections.pfrack.cluster.plugins.plugin_utils.https.settings import build_settings
from ansible_collections.pfrack.cluster.plugins.plugin_utils.https.xmlrpc_line import XmlrpcLine


class Connection(HttpsConnection):
    """One request of a module is one HTTPS request."""

    transport = "pfrack.cluster.pfsense_xmlrpc"

    @staticmethod
    def make_line(options, log):
        return XmlrpcLine(build_settings(options), whole_agent(), log)
