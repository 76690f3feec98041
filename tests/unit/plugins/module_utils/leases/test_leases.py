# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading, choosing and naming leases, and who is admitted by one."""

from __future__ import annotations

import re

import pytest
from ansible_collections.pfrack.cluster.plugins.module_utils.leases.admission import serving_nodes
from ansible_collections.pfrack.cluster.plugins.module_utils.leases.changes import View, changes, line
from ansible_collections.pfrack.cluster.plugins.module_utils.leases.health import health_of
from ansible_collections.pfrack.cluster.plugins.module_utils.leases.hosts import inventory_hosts
from ansible_collections.pfrack.cluster.plugins.module_utils.leases.lease import (
    Lease,
    Match,
    newest_of_each,
    read_leases,
    safe_label,
)
from hypothesis import given
from hypothesis import strategies as st

NODE = {"name": "node1", "address": "10.10.0.20", "mac_address": "52:54:00:00:00:01", "groups": ["cluster"]}
ANY = {"admission": "any", "network": "10.10.0.0/24"}
texts = st.one_of(st.text(max_size=80), st.sampled_from(["node1", "all", "localhost", "a[1:9]", "{{ x }}", "web"]))
machines = st.builds(
    Lease,
    address=st.integers(1, 9).map(lambda last: "10.10.0.%d" % last),
    mac=st.integers(0, 5).map(lambda last: "52:54:00:00:00:0%d" % last if last else ""),
    hostname=texts,
    state=st.sampled_from(["active", "expired"]),
    static=st.booleans(),
    starts=st.one_of(st.none(), st.integers(0, 5)),
)


def lease(last=100, mac="52:54:00:00:00:09", **more):
    return Lease(address="10.10.0.%d" % last, mac=mac, **more)


def test_answers_that_make_no_sense_become_no_leases():
    entries = [
        {"address": "", "mac": "52:54:00:00:00:01"},
        {"address": "10.10.0.5; rm -rf", "mac": "52:54:00:00:00:01"},
        {"address": "10.10.0.9", "mac": "x", "state": "strange", "hostname": None},
        {"address": "10.10.0.10", "mac": "52:54:00:00:00:0A", "state": "active", "type": "static"},
    ]
    assert read_leases({"leases": entries}) == [
        Lease("10.10.0.9", "", state="expired"),
        Lease("10.10.0.10", "52:54:00:00:00:0a", static=True),
    ]
    assert read_leases({}) == []


@pytest.mark.parametrize(
    "rules, fits",
    [
        ({}, True),
        ({"mac_addresses": ["52-54-00-*"]}, True),
        ({"mac_addresses": ["52:54:01:*"]}, False),
        ({"hostnames": ["WORK*"]}, True),
        ({"hostnames": ["work"]}, False),
        ({"networks": ["192.0.2.0/24", "10.10.0.0/24"]}, True),
        ({"networks": ["192.0.2.0/24"]}, False),
        ({"states": ["active"]}, True),
        ({"states": ["static"]}, False),
        ({"hostnames": ["work*"], "states": ["static"]}, False),
    ],
)
def test_all_rules_have_to_fit(rules, fits):
    assert Match(**rules).accepts(lease(hostname="Worker7")) is fits


def test_the_newest_lease_of_a_machine_counts():
    firmware, system = lease(100, starts=10, online=True), lease(101, starts=70)
    assert newest_of_each([firmware, system]) == newest_of_each([system, firmware]) == [system]


@given(texts)
def test_a_label_is_a_label_whatever_a_machine_says(text):
    label = safe_label(text)
    assert label is None or re.fullmatch(r"(?!\d+\Z)[a-z0-9][a-z0-9-]{0,61}[a-z0-9]", label)


@given(st.lists(machines, max_size=8), st.booleans())
def test_hosts_have_different_safe_names_that_are_not_reserved(leases, use_dhcp_names):
    by_address = {entry.address: entry for entry in leases}
    hosts = inventory_hosts(list(by_address.values()), {}, use_dhcp_names, {"node1", "localhost", "all"})
    names = [host["name"] for host in hosts]
    assert len(set(names)) == len(names)
    assert not set(names) & {"node1", "localhost", "all"}
    assert all(re.fullmatch(r"[a-z0-9-]+", name) for name in names)


def test_a_machine_that_claims_anothers_name_does_not_get_it():
    leases = [lease(hostname="web"), lease(101, "52:54:00:00:00:0b", hostname="web")]
    names = [host["name"] for host in inventory_hosts(leases, {}, use_dhcp_names=True)]
    assert names == ["node-525400000009", "node-52540000000b"]
    assert inventory_hosts(leases[:1], {}, use_dhcp_names=True)[0]["name"] == "web"
    assert inventory_hosts(leases[:1], {})[0]["name"] == "node-525400000009"


def test_health_is_that_of_all_servers_of_a_machine():
    health = health_of({"a/one": ("10.10.0.9", "up"), "b/one": ("10.10.0.9", "down"), "a/two": ("10.10.0.8", "up"),
                        "a/dns": ("some.name", "up")})  # fmt: skip
    assert health["10.10.0.9"] == {"healthy": False, "servers": ["a/one", "b/one"]}
    assert health["10.10.0.8"]["healthy"]
    assert set(health) == {"10.10.0.9", "10.10.0.8"}


def test_by_default_only_nodes_of_the_inventory_serve():
    assert serving_nodes([NODE], [lease()], {"admission": "inventory"}) == [dict(NODE, admitted=False)]


def test_any_machine_with_a_lease_serves_under_the_name_of_its_card():
    served = serving_nodes([NODE], [lease(hostname="node1")], ANY)
    assert [node["name"] for node in served] == ["node1", "node-525400000009"]
    assert served[1] == {"name": "node-525400000009", "address": "10.10.0.100", "mac_address": "52:54:00:00:00:09",
                         "groups": ["cluster", "workers"], "admitted": True}  # fmt: skip


@pytest.mark.parametrize(
    "other, settings",
    [
        (lease(state="expired"), ANY),
        (lease(static=True), ANY),
        (lease(mac=""), ANY),
        (lease(mac=NODE["mac_address"]), ANY),
        (lease(20), ANY),
        (lease(1), {**ANY, "taken": ["10.10.0.1"]}),
        (lease(), {**ANY, "network": "192.0.2.0/24"}),
        (lease(hostname="tv"), {**ANY, "match": {"hostnames": ["worker*"]}}),
        (lease(), {**ANY, "match": {"mac_addresses": ["00:*"]}}),
    ],
)
def test_not_every_lease_is_admitted(other, settings):
    assert serving_nodes([NODE], [other], settings) == [dict(NODE, admitted=False)]


def test_a_renewal_is_no_change_and_others_are_told_in_one_line_each():
    old = View({"10.10.0.5": Lease("10.10.0.5", "52:54:00:00:00:01", starts=1)}, {"web/one": ("10.10.0.5", "up")})
    same = View({"10.10.0.5": Lease("10.10.0.5", "52:54:00:00:00:01", starts=9)}, {"web/one": ("10.10.0.5", "up")})
    assert changes(old, same) == []
    new = View(
        {"10.10.0.6": Lease("10.10.0.6", "52:54:00:00:00:02", "evil\nERROR")}, {"web/one": ("10.10.0.5", "down")}
    )
    found = changes(old, new)
    assert [change["kind"] for change in found] == ["lease_removed", "lease_added", "server_changed"]
    assert [line(change) for change in found] == [
        "lease: 52:54:00:00:00:01 no longer has 10.10.0.5",
        "lease: 52:54:00:00:00:02 calling itself 'evil\\nERROR' has 10.10.0.6 (active)",
        "haproxy: web/one (10.10.0.5) is now down",
    ]
