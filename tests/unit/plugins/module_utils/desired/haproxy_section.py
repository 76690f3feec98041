# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HAProxy's section as the tests of this directory want it, and what becomes of it."""

from __future__ import annotations

import base64
import copy

import pytest
from ansible_collections.pfrack.cluster.plugins.module_utils.desired.haproxy import SECTION, desire
from ansible_collections.pfrack.cluster.plugins.module_utils.errors import DesiredError

INFO = {
    "interfaces": {"lan": {"descr": "LAN", "address": "10.10.0.1", "prefix": 24, "enabled": True}},
    "webgui": {"protocol": "https", "port": 443, "redirect": False},
}
LONG = 2147483647
HTTP = {
    "name": "deis_http",
    "check": {"type": "HTTP", "method": "GET", "path": "/health-check"},
    "connect_timeout": LONG,
    "server_timeout": LONG,
    "servers": [{"name": "node1", "address": "10.10.0.20", "port": 80}],
}
FRONT = {
    "name": "deis_http",
    "mode": "http",
    "listen": [{"address": "10.10.0.5", "port": 80}],
    "backend": "deis_http",
    "forward_for": True,
    "client_timeout": LONG,
}
FOREIGN_POOL = {
    "name": "mine",
    "id": "100",
    "odd": {"deep": "kept"},
    "ha_servers": {"item": [{"name": "srv", "id": "101", "address": "10.10.0.90", "port": "80", "status": "active"}]},
}
FOREIGN_FRONT = {
    "name": "mine",
    "descr": "by hand",
    "status": "active",
    "type": "http",
    "backend_serverpool": "mine",
    "a_extaddr": {"item": [{"extaddr": "lan_ipv4", "extaddr_port": "8080", "_index": ""}]},
}
FOREIGN = {
    "configversion": "00.58",
    "odd": "kept",
    "ha_pools": {"item": [FOREIGN_POOL]},
    "ha_backends": {"item": [FOREIGN_FRONT]},
}


def plan(section, info=None, **wanted):
    return desire({SECTION: copy.deepcopy(section)}, copy.deepcopy(wanted), dict(INFO, **(info or {})))


def after(section, **wanted):
    return plan(section, **wanted).sections[SECTION]


def problems(section, info=None, **wanted):
    with pytest.raises(DesiredError) as caught:
        plan(section, info, **wanted)
    return caught.value.problems


def pools(section):
    return {pool["name"]: pool for pool in section["ha_pools"]["item"]}


def lines(pool, name="advanced_backend"):
    return base64.b64decode(pool[name]).decode().split("\n")


def front(**elements):
    return dict(FRONT, **elements)
