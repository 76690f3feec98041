# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HAProxy's section as a whole: the original guide's, settings, references, properties."""

from __future__ import annotations

import base64

from ansible_collections.pfrack.cluster.plugins.module_utils.desired.haproxy import SECTION
from ansible_collections.pfrack.cluster.plugins.module_utils.reconcile import reconcile
from haproxy_section import FOREIGN, FOREIGN_FRONT, FOREIGN_POOL, FRONT, HTTP, LONG, after, front, plan, pools, problems
from hypothesis import given
from hypothesis import strategies as st


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
