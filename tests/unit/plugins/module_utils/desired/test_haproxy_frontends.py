# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HAProxy's frontends as its package wants them, and the ports that they take."""

from __future__ import annotations

import copy

import pytest
from ansible_collections.pfrack.cluster.plugins.module_utils.desired.haproxy import SECTION
from haproxy_section import FOREIGN, FRONT, HTTP, after, front, plan, problems


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
