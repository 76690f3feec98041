# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of pfsense_haproxy."""

from __future__ import annotations

from ._common import owned

SETTINGS = dict(
    enable=dict(type="bool"),
    maxconn=dict(type="int"),
    nbthread=dict(type="int"),
    hard_stop_after=dict(type="str"),
    terminate_on_reload=dict(type="bool"),
    local_stats_port=dict(type="int"),
    log_target=dict(type="str"),
    synchronise=dict(type="bool"),
)

CHECK = dict(
    type=dict(
        type="str",
        required=True,
        choices=["none", "Basic", "HTTP", "LDAP", "MySQL", "PostgreSQL", "Redis", "SMTP", "ESMTP", "SSL"],
    ),
    interval=dict(type="int"),
    method=dict(type="str", default="GET", choices=["OPTIONS", "HEAD", "GET", "POST", "PUT", "DELETE", "TRACE"]),
    path=dict(type="str"),
    http_version=dict(type="str"),
)

SERVER = dict(
    name=dict(type="str", required=True),
    address=dict(type="str", required=True),
    port=dict(type="int", required=True),
    weight=dict(type="int"),
    status=dict(type="str", choices=["active", "backup", "disabled", "inactive"]),
    ssl=dict(type="bool", default=False),
    check_ssl=dict(type="bool", default=False),
    max_connections=dict(type="int"),
    advanced=dict(type="str"),
)

BACKEND = dict(
    name=dict(type="str", required=True),
    balance=dict(type="str", choices=["", "roundrobin", "static-rr", "leastconn", "source", "uri"]),
    check=dict(type="dict", options=CHECK),
    connect_timeout=dict(type="int"),
    server_timeout=dict(type="int"),
    retries=dict(type="int"),
    advanced_servers=dict(type="str"),
    advanced_lines=dict(type="list", elements="str"),
    servers=dict(type="list", elements="dict", options=SERVER),
    owned_names=dict(type="list", elements="str"),
)

LISTEN = dict(
    address=dict(type="str", required=True),
    port=dict(type="int", required=True),
    ssl=dict(type="bool", default=False),
    advanced=dict(type="str"),
)

FRONTEND = dict(
    name=dict(type="str", required=True),
    descr=dict(type="str"),
    mode=dict(type="str", default="http", choices=["http", "https", "tcp"]),
    listen=dict(type="list", elements="dict", options=LISTEN),
    backend=dict(type="str"),
    forward_for=dict(type="bool"),
    client_timeout=dict(type="int"),
    max_connections=dict(type="int"),
    http_close=dict(type="str", choices=["http-keep-alive", "http-server-close", "httpclose"]),
    certificate=dict(type="str"),
    advanced_lines=dict(type="list", elements="str"),
    status=dict(type="str", default="active", choices=["active", "disabled"]),
)

SPEC = dict(
    argument_spec=dict(
        settings=dict(type="dict", options=SETTINGS),
        backends=dict(type="list", elements="dict", options=BACKEND),
        frontends=dict(type="list", elements="dict", options=FRONTEND),
        **owned(),
    ),
    supports_check_mode=True,
)
