# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation that the HAProxy modules share."""

from __future__ import annotations


class ModuleDocFragment:
    """Backends and their servers."""

    BACKENDS = r"""
options:
  backends:
    description:
      - Backends with their servers. pfSense numbers them and their servers; existing numbers stay.
    type: list
    elements: dict
    suboptions:
      name:
        description:
          - The name, of letters, digits, dots, hyphens and underscores.
        type: str
        required: true
      balance:
        description:
          - How servers are chosen; an empty text stands for HAProxy's default.
        type: str
        choices: ["", roundrobin, static-rr, leastconn, source, uri]
      check:
        description:
          - How the health of servers is checked.
        type: dict
        suboptions:
          type:
            description:
              - The kind of the check. V(Basic) opens a TCP connection.
            type: str
            required: true
            choices: [none, Basic, HTTP, LDAP, MySQL, PostgreSQL, Redis, SMTP, ESMTP, SSL]
          interval:
            description:
              - Milliseconds between checks; pfSense's default is 1000.
            type: int
          method:
            description:
              - The HTTP method, for the type V(HTTP).
            type: str
            default: GET
            choices: [OPTIONS, HEAD, GET, POST, PUT, DELETE, TRACE]
          path:
            description:
              - The path to ask for, for the type V(HTTP); pfSense's default is V(/).
            type: str
          http_version:
            description:
              - The HTTP version, such as V(HTTP/1.1), for the type V(HTTP).
            type: str
      connect_timeout:
        description:
          - Milliseconds to wait for a connection to a server; pfSense's default is 30000.
        type: int
      server_timeout:
        description:
          - Milliseconds that a server may be silent; pfSense's default is 30000.
        type: int
      retries:
        description:
          - How often to try to connect to a server.
        type: int
      advanced_servers:
        description:
          - Text at the end of every server line.
        type: str
      advanced_lines:
        description:
          - Further lines for the backend's section of HAProxy's configuration.
        type: list
        elements: str
      servers:
        description:
          - The servers that shall exist in the backend.
        type: list
        elements: dict
        suboptions:
          name:
            description:
              - The name, at least two letters, digits, dots, hyphens or underscores.
            type: str
            required: true
          address:
            description:
              - The address, or a host name, which pfSense resolves when it writes HAProxy's configuration.
            type: str
            required: true
          port:
            description:
              - The port.
            type: int
            required: true
          weight:
            description:
              - The share of the load, 0 to 256.
            type: int
          status:
            description:
              - V(backup) serves only when no active one does, V(disabled) is in maintenance, V(inactive) is left out.
              - Without it a new server is active, and one that is there keeps its status, so that maintenance lasts.
            type: str
            choices: [active, backup, disabled, inactive]
          ssl:
            description:
              - Encrypt the traffic to the server.
            type: bool
            default: false
          check_ssl:
            description:
              - Encrypt the health checks.
            type: bool
            default: false
          max_connections:
            description:
              - The most connections to the server at one time.
            type: int
          advanced:
            description:
              - Text at the end of the server line.
            type: str
      owned_names:
        description:
          - Patterns of names, with C(*) for any characters. Servers of this backend with such names are ours, whoever
            adds them, and go when they are not wanted; V(["*"]) makes the whole backend ours.
          - An API key without the right to run commands can add only servers with such names, see
            P(pfrack.cluster.pfsense_rest#connection).
          - Without it the names stay as they are. Servers that somebody else made cannot be taken over this way.
        type: list
        elements: str
"""
