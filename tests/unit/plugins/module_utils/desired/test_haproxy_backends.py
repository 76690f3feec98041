# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HAProxy's backends and their servers as its package wants them."""

from __future__ import annotations

import base64

from ansible_collections.pfrack.cluster.plugins.module_utils.desired.haproxy import SECTION
from haproxy_section import FOREIGN, FOREIGN_POOL, HTTP, after, lines, plan, pools, problems


def test_http_check_always_has_a_method():
    section = after({}, backends=[dict(HTTP, check={"type": "HTTP"})])
    assert pools(section)["deis_http"]["httpcheck_method"] == "GET"


def test_identifiers_are_kept_and_the_lowest_free_ones_given():
    section = after(FOREIGN, backends=[HTTP])
    assert pools(section)["mine"] == FOREIGN_POOL
    assert pools(section)["deis_http"]["id"] == "102"
    more = [dict(HTTP, servers=HTTP["servers"] + [{"name": "node2", "address": "10.10.0.21", "port": 80}])]
    grown = pools(after(section, backends=more))["deis_http"]
    assert [server["id"] for server in grown["ha_servers"]["item"]] == ["103", "104"]


def test_servers_of_the_admin_stay_and_only_ours_are_purged():
    section = after(
        {}, backends=[dict(HTTP, servers=HTTP["servers"] + [{"name": "node2", "address": "10.10.0.21", "port": 80}])]
    )
    section["ha_pools"]["item"][0]["ha_servers"]["item"].insert(0, FOREIGN_POOL["ha_servers"]["item"][0])
    kept = pools(after(section, backends=[HTTP]))["deis_http"]
    assert [server["name"] for server in kept["ha_servers"]["item"]] == ["srv", "node1", "node2"]
    purged = pools(after(section, backends=[HTTP], purge=True))["deis_http"]
    assert [server["name"] for server in purged["ha_servers"]["item"]] == ["srv", "node1"]
    assert lines(purged) == ["# [pfrack] servers: node1"]


def test_server_of_the_admin_with_our_name():
    section = after({}, backends=[dict(HTTP, servers=[])])
    section["ha_pools"]["item"][0]["ha_servers"] = {
        "item": [{"name": "node1", "address": "10.10.0.20", "port": "80", "id": "105", "weight": "7"}]
    }
    assert after(section, backends=[HTTP]) == section
    other = [dict(HTTP, servers=[{"name": "node1", "address": "10.10.0.29", "port": 80}])]
    assert "10.10.0.20:80" in problems(section, backends=other)[0]


def test_mark_of_many_servers_keeps_lines_short():
    servers = [
        {"name": "a-rather-long-name-of-node%d" % number, "address": "10.10.1.%d" % (number % 250), "port": 80}
        for number in range(300)
    ]
    section = after({}, backends=[dict(HTTP, servers=servers, advanced_lines=["option redispatch"])])
    written = lines(pools(section)["deis_http"])
    assert all(len(line) < 1000 for line in written) and written[-1] == "option redispatch"
    assert sum(len(line.split()) - 3 for line in written[:-1]) == 300
    assert after(section, backends=[dict(HTTP, servers=servers)]) == section


def test_line_ends_of_the_gui_are_no_change():
    section = after({}, backends=[dict(HTTP, advanced_lines=["option redispatch"])])
    pool = section["ha_pools"]["item"][0]
    pool["advanced_backend"] = base64.b64encode("\r\n".join(lines(pool)).encode()).decode()
    assert after(section, backends=[dict(HTTP, advanced_lines=["option redispatch"])]) == section
    assert after(section, backends=[HTTP]) == section


def test_advanced_servers_and_server_options():
    server = {
        "name": "node1",
        "address": "node1.lab.example",
        "port": 80,
        "weight": 0,
        "status": "backup",
        "ssl": True,
        "check_ssl": True,
        "max_connections": 5,
        "advanced": "send-proxy",
    }
    pool = pools(after({}, backends=[dict(HTTP, advanced_servers="inter 2s", servers=[server])]))["deis_http"]
    assert lines(pool, "advanced") == ["inter 2s"]
    assert pool["ha_servers"]["item"] == [
        {
            "status": "backup",
            "name": "node1",
            "address": "node1.lab.example",
            "port": "80",
            "weight": "0",
            "maxconn": "5",
            "advanced": "send-proxy",
            "ssl": "yes",
            "checkssl": "yes",
            "id": "101",
        }
    ]


def test_backend_made_by_hand():
    same = {"name": "mine", "servers": [{"name": "srv", "address": "10.10.0.90", "port": 80}]}
    assert after(FOREIGN, backends=[same]) == FOREIGN
    found = problems(FOREIGN, backends=[dict(same, balance="source", servers=HTTP["servers"])])
    assert "balance" in found[0] and "server node1" in found[0]


def test_backend_in_use_is_not_purged():
    section = after(FOREIGN, backends=[HTTP, dict(HTTP, name="unused")])
    section["ha_backends"]["item"][0]["a_actionitems"] = {
        "item": [{"action": "use_backend", "use_backendbackend": "deis_http"}]
    }
    made = plan(section, backends=[], purge=True)
    assert made.entries["removed"] == ["unused"]
    assert "frontend mine" in made.warnings[0] and "deis_http" in pools(made.sections[SECTION])
