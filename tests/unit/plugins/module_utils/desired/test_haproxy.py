# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HAProxy's settings, backends and frontends as its package wants them."""

from __future__ import annotations

import base64
import copy

import pytest
from ansible_collections.pfrack.cluster.plugins.module_utils.desired.haproxy import SECTION, desire
from ansible_collections.pfrack.cluster.plugins.module_utils.errors import DesiredError
from ansible_collections.pfrack.cluster.plugins.module_utils.reconcile import reconcile
from hypothesis import given
from hypothesis import strategies as st

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


def test_original_guide_to_the_letter():
    ssh = {
        "name": "deis_ssh",
        "balance": "leastconn",
        "check": {"type": "Basic", "method": "GET"},
        "servers": [{"name": "node1", "address": "10.10.0.20", "port": 2222}],
    }
    made = plan(
        None,
        settings={"enable": True},
        backends=[ssh, HTTP],
        frontends=[
            FRONT,
            {
                "name": "deis_ssh",
                "mode": "tcp",
                "listen": [{"address": "10.10.0.5", "port": 2222}],
                "backend": "deis_ssh",
            },
        ],
    )
    assert made.services == ["haproxy"] and made.warnings == []
    mark = base64.b64encode(b"# [pfrack] servers: node1").decode()
    assert made.sections[SECTION] == {
        "enable": "",
        "configversion": "00.58",
        "maxconn": "1000",
        "ha_pools": {
            "item": [
                {
                    "name": "deis_http",
                    "id": "100",
                    "check_type": "HTTP",
                    "httpcheck_method": "GET",
                    "monitor_uri": "/health-check",
                    "connection_timeout": "2147483647",
                    "server_timeout": "2147483647",
                    "advanced_backend": mark,
                    "ha_servers": {
                        "item": [
                            {"status": "active", "name": "node1", "address": "10.10.0.20", "port": "80", "id": "101"}
                        ]
                    },
                },
                {
                    "name": "deis_ssh",
                    "id": "102",
                    "balance": "leastconn",
                    "check_type": "Basic",
                    "advanced_backend": mark,
                    "ha_servers": {
                        "item": [
                            {"status": "active", "name": "node1", "address": "10.10.0.20", "port": "2222", "id": "103"}
                        ]
                    },
                },
            ]
        },
        "ha_backends": {
            "item": [
                {
                    "name": "deis_http",
                    "descr": "[pfrack]",
                    "status": "active",
                    "type": "http",
                    "backend_serverpool": "deis_http",
                    "client_timeout": "2147483647",
                    "forwardfor": "yes",
                    "a_extaddr": {"item": [{"extaddr": "custom", "extaddr_custom": "10.10.0.5", "extaddr_port": "80"}]},
                },
                {
                    "name": "deis_ssh",
                    "descr": "[pfrack]",
                    "status": "active",
                    "type": "tcp",
                    "backend_serverpool": "deis_ssh",
                    "a_extaddr": {
                        "item": [{"extaddr": "custom", "extaddr_custom": "10.10.0.5", "extaddr_port": "2222"}]
                    },
                },
            ]
        },
    }


def test_enable_and_its_marker():
    off = after({"enable": "", "configversion": "00.58", "config": [{"odd": "kept"}]}, settings={"enable": False})
    assert "enable" not in off and off["config"] == [{"odd": "kept", "enable": "off"}]
    assert after(off, settings={"enable": True})["config"] == [{"odd": "kept"}]
    assert "config" not in after({"config": [{"enable": "off"}]}, settings={"enable": True})


def test_settings_touch_only_what_is_given():
    section = dict(FOREIGN, enable="", maxconn="2000", terminate_on_reload="", nbthread="2")
    changed = after(
        section,
        settings={
            "enable": True,
            "local_stats_port": 2200,
            "log_target": "/var/run/log",
            "hard_stop_after": "1h",
            "terminate_on_reload": False,
            "nbthread": None,
        },
    )
    expected = dict(section, localstatsport="2200", remotesyslog="/var/run/log", hard_stop_after="1h")
    del expected["terminate_on_reload"]
    assert changed == expected
    assert len(problems({}, settings={"maxconn": 0, "hard_stop_after": "soon", "log_target": "a b"})) == 3


def test_version_of_an_existing_section_is_left_alone():
    assert after({"configversion": "00.57"}, backends=[HTTP])["configversion"] == "00.57"
    assert "configversion" not in after({"ha_pools": {"item": [FOREIGN_POOL]}}, backends=[HTTP])


def test_switched_off_is_worth_a_warning():
    assert "settings.enable" in plan({}, backends=[HTTP], frontends=[FRONT]).warnings[0]


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


def test_frontend_and_backend_go_together():
    section = after(FOREIGN, backends=[HTTP], frontends=[FRONT])
    made = plan(section, backends=[], frontends=[], purge=True)
    assert made.sections[SECTION] == FOREIGN and made.entries["removed"] == ["deis_http", "deis_http"]


def test_frontend_used_by_a_shared_one_is_not_purged():
    section = after(FOREIGN, backends=[HTTP], frontends=[FRONT])
    section["ha_backends"]["item"].append({"name": "child", "secondary": "yes", "primary_frontend": "deis_http"})
    made = plan(section, frontends=[], purge=True)
    assert made.sections[SECTION] == section and "child" in made.warnings[0]


def test_frontend_keeps_what_is_not_ours_to_set():
    section = after({}, backends=[HTTP], frontends=[FRONT])
    entry = section["ha_backends"]["item"][0]
    entry.update({"httpclose": "http-keep-alive", "ha_acls": {"item": [{"name": "is_x"}]}})
    entry["a_extaddr"]["item"][0]["_index"] = ""
    assert after(section, backends=[HTTP], frontends=[FRONT]) == section
    changed = after(section, frontends=[front(forward_for=False, descr="web")])["ha_backends"]["item"][0]
    expected = dict(entry, descr="web [pfrack]")
    del expected["forwardfor"]
    assert changed == expected


def test_frontend_made_by_hand():
    section = dict(FOREIGN)
    same = {"name": "mine", "mode": "http", "backend": "mine"}
    assert after(section, frontends=[same]) == FOREIGN
    assert "by hand" in problems(section, frontends=[dict(same, mode="tcp")])[0]


@pytest.mark.parametrize("key", ["10.10.0.5_ipv4", "10.10.0.5"])
def test_frontend_made_by_hand_in_another_notation(key):
    section = after({}, backends=[HTTP], frontends=[FRONT])
    entry = section["ha_backends"]["item"][0]
    entry.update(descr="by hand", a_extaddr={"item": [{"extaddr": key, "extaddr_port": "80", "_index": ""}]})
    assert after(section, frontends=[FRONT]) == section


@pytest.mark.parametrize(
    "taken",
    [
        {"extaddr": "lan_ipv4", "extaddr_port": "80"},
        {"extaddr": "any_ipv4", "extaddr_port": "22,70:90"},
        {"extaddr": "custom", "extaddr_custom": "10.10.0.1", "extaddr_port": "80"},
        {"extaddr": "10.10.0.1_ipv4", "extaddr_port": "80"},
        {"extaddr": "opt9_ipv4", "extaddr_port": "80"},
    ],
)
def test_address_and_port_taken_by_another_frontend(taken):
    section = copy.deepcopy(FOREIGN)
    entry = section["ha_backends"]["item"][0]
    entry["a_extaddr"]["item"] = [taken]
    wanted = front(listen=[{"address": "10.10.0.1", "port": 80}])
    assert "the frontend mine" in problems(section, backends=[HTTP], frontends=[wanted])[0]
    entry["status"] = "disabled"
    assert after(section, backends=[HTTP], frontends=[wanted])


def test_other_address_or_port_is_free():
    section = copy.deepcopy(FOREIGN)
    section["ha_backends"]["item"][0]["a_extaddr"]["item"] = [
        {"extaddr": "lan_ipv4", "extaddr_port": "80"},
        {"extaddr": "any_ipv6", "extaddr_port": "80"},
        {"extaddr": "any_ipv4", "extaddr_port": "81:90"},
    ]
    assert after(section, backends=[HTTP], frontends=[FRONT])


def test_two_wanted_frontends_on_one_port_are_reported_once():
    (problem,) = problems({}, backends=[HTTP], frontends=[FRONT, front(name="second")])
    assert "10.10.0.5:80" in problem


def test_ports_of_the_router_itself():
    assert (
        "web pages"
        in problems({}, backends=[HTTP], frontends=[front(listen=[{"address": "10.10.0.5", "port": 443}])])[0]
    )
    redirecting = {"webgui": {"protocol": "https", "port": 8443, "redirect": True}}
    assert "redirect" in problems({}, redirecting, backends=[HTTP], frontends=[FRONT])[0]
    assert (
        "local_stats_port"
        in problems(
            {},
            settings={"local_stats_port": 2200},
            backends=[HTTP],
            frontends=[front(listen=[{"address": "0.0.0.0", "port": 2200}])],
        )[0]
    )


def test_references_and_modes():
    assert "no such backend" in problems({}, backends=[], frontends=[FRONT])[0]
    (first,) = problems(
        {},
        backends=[HTTP],
        frontends=[
            FRONT,
            front(
                name="raw", mode="tcp", forward_for=None, listen=[{"address": "10.10.0.5", "port": 81}], status="active"
            ),
        ],
    )[:1]
    assert "mode" in first
    assert "works only with mode: http" in problems({}, backends=[HTTP], frontends=[front(mode="tcp")])[0]
    assert (
        "certificate"
        in problems({}, backends=[HTTP], frontends=[front(listen=[{"address": "10.10.0.5", "port": 80, "ssl": True}])])[
            0
        ]
    )


def test_all_problems_in_one_message():
    found = problems(
        {},
        backends=[
            dict(
                HTTP,
                name="a b",
                retries=-1,
                connect_timeout=LONG + 1,
                advanced_lines=["x\ny"],
                check={"type": "HTTP", "path": "health check", "http_version": "1.1", "interval": 0},
                servers=[
                    {"name": "x", "address": "10.10.0", "port": 0, "weight": 300},
                    {"name": "x", "address": "a;b", "port": 80, "advanced": "a\nb"},
                ],
            ),
            HTTP,
            HTTP,
        ],
        frontends=[front(listen=[]), front(name="a/b", listen=[{"address": "10.10.0.5", "port": 70000}] * 2)],
    )
    for words in (
        "a b/name",
        "retries",
        "connect_timeout",
        "advanced_lines",
        "check/path",
        "http_version",
        "interval",
        "at least two characters",
        "10.10.0:",
        "weight",
        "servers: x: is listed twice",
        "a;b",
        "deis_http: is listed twice",
        "listen: is empty",
        "a/b/name",
        "70000: is listed twice",
    ):
        assert any(words in problem for problem in found), words


numbers = st.lists(st.integers(0, 12), max_size=5, unique=True)


def wanted_of(selected):
    servers = [{"name": "node%d" % number, "address": "10.10.0.%d" % (20 + number), "port": 80} for number in selected]
    return {
        "backends": [dict(HTTP, name="pool%d" % number, servers=servers) for number in selected],
        "frontends": [
            front(
                name="front%d" % number,
                backend="pool%d" % number,
                listen=[{"address": "10.10.0.5", "port": 8000 + number}, {"address": "10.10.0.6", "port": 80 + number}],
            )
            for number in selected
        ],
    }


@given(first=numbers, second=numbers, random=st.randoms())
def test_properties(first, second, random):
    once = plan(FOREIGN, **wanted_of(first)).sections
    assert not reconcile(once, plan(once[SECTION], **wanted_of(first)).sections)
    assert plan(FOREIGN, **wanted_of(random.sample(first, len(first)))).sections == once
    final = after(once[SECTION], purge=True, **wanted_of(second))
    assert pools(final)["mine"] == FOREIGN_POOL and final["ha_backends"]["item"][0] == FOREIGN_FRONT
    assert set(pools(final)) == {"mine"} | {"pool%d" % number for number in second}
    for name, pool in pools(final).items():
        servers = {server["name"] for server in pool.get("ha_servers", {}).get("item", [])}
        assert name == "mine" or servers == {"node%d" % number for number in second}
    identifiers = [entry["id"] for pool in pools(final).values() for entry in [pool] + pool["ha_servers"]["item"]]
    assert len(identifiers) == len(set(identifiers)) and min(map(int, identifiers)) >= 100
    assert not reconcile({SECTION: FOREIGN}, {SECTION: after(final, purge=True, backends=[], frontends=[])})
