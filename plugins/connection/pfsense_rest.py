# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: pfsense_rest
short_description: Carry requests to a pfSense router over the REST API package
author:
  - pfrack.cluster contributors (@pfrack)
description:
  - Carries the requests of this collection's modules to a pfSense router over the REST API v2, a package that is not
    part of pfSense (C(pfSense-pkg-RESTAPI)); version 2.7 or newer of it.
  - The API's own addresses know neither network boot nor TFTP, so the requests travel as commands. The user needs the
    privilege C(api-v2-diagnostics-command-prompt-post), which is as good as root.
  - Without that privilege M(pfrack.cluster.haproxy_backend_sync) still works, over the API's own addresses; the
    privileges that it takes are listed in C(docs/api-key.md). Nothing else does.
  - A helper is put into a private directory of the router for the time of the play and removed at its end.
  - Large files, and requests that do not fit into one command, are fetched by the router from a one-time address of the
    controller, and believed by their hash, or sealed. Where the router cannot reach the controller, everything travels
    in many small pieces, and files may not be larger than 4 MB.
  - Changes are made once or never. When the line is cut in the middle of one, the router is asked what became of it.
version_added: 0.1.0
extends_documentation_fragment:
  - pfrack.cluster.https
  - pfrack.cluster.persistent
options:
  api_key:
    description: Key of the REST API. C(KeyAuth) has to be switched on in the settings of the API.
    type: str
    vars:
      - name: ansible_pfsense_api_key
  api_auth:
    description:
      - How to log in, with O(api_key), or with O(remote_user) and O(password) in each request (V(basic)) or for a token
        that is used then (V(jwt)). The API writes a file for each request with a token, so prefer the others.
      - Without it V(key) when O(api_key) is set, else V(basic).
    type: str
    choices: [key, basic, jwt]
    vars:
      - name: ansible_pfsense_api_auth
  pull_host:
    description: Address of the controller as the router reaches it, when something translates addresses in between.
    type: str
    vars:
      - name: ansible_pfsense_pull_host
  pull_port:
    description: TCP port on the controller where the router fetches files; any free one without it.
    type: int
    vars:
      - name: ansible_pfsense_pull_port
"""

EXAMPLES = r"""
# inventory/hosts.yml
all:
  children:
    routers:
      hosts:
        router1:
          ansible_host: fw.example.net
          ansible_connection: pfrack.cluster.pfsense_rest
          ansible_pfsense_api_key: "{{ vault_router_api_key }}"
"""

from ansible_collections.pfrack.cluster.plugins.plugin_utils.https.plugin import HttpsConnection, whole_agent
from ansible_collections.pfrack.cluster.plugins.plugin_utils.https.rest_api import build_rest_settings
from ansible_collections.pfrack.cluster.plugins.plugin_utils.https.rest_line import RestLine
from ansible_collections.pfrack.cluster.plugins.plugin_utils.https.settings import build_settings


class Connection(HttpsConnection):
    """One request of a module is one command on the router, or a few when it is large."""

    transport = "pfrack.cluster.pfsense_rest"
    OPTIONS = (*HttpsConnection.OPTIONS, "api_key", "api_auth", "pull_host", "pull_port")

    @staticmethod
    def make_line(options, log):
        return RestLine(build_settings(options), whole_agent(), log, build_rest_settings(options))
