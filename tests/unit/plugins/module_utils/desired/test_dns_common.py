# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What DNS forwarder and DNS resolver do alike: switching, host records, blocks in the admin's options."""

from __future__ import annotations

import copy

import pytest
from ansible_collections.pfrack.cluster.plugins.module_utils.desired import dns_forwarder, dns_resolver
from ansible_collections.pfrack.cluster.plugins.module_utils.desired.dns_common import Block
from ansible_collections.pfrack.cluster.plugins.module_utils.errors import DesiredError
from ansible_collections.pfrack.cluster.plugins.module_utils.reconcile import reconcile
from hypothesis import given
from hypothesis import strategies as st

AREAS = [
    pytest.param(dns_forwarder, "dnsmasq", "unbound", "replace_resolver", id="forwarder"),
    pytest.param(dns_resolver, "unbound", "dnsmasq", "replace_forwarder", id="resolver"),
]
SERVICES = {"dnsmasq": "dns_forwarder", "unbound": "dns_resolver"}
FOREIGN = {"host": "printer", "domain": "lab.example", "ip": "10.10.0.90", "descr": "by hand", "odd": "kept"}
NODE = {"host": "node1", "domain": "lab.example", "address": "10.10.0.20"}
INFO = {"domain": "lab.example", "hostname": "router"}


def plan(area, current, **wanted):
    return area.desire(copy.deepcopy(current), wanted, INFO)


def problems(area, current, **wanted):
    with pytest.raises(DesiredError) as caught:
        plan(area, current, **wanted)
    return caught.value.problems


@pytest.mark.parametrize("area, mine, other, replace", AREAS)
def test_enabling_beside_the_other_service_needs_a_decision(area, mine, other, replace):
    current = {mine: "", other: {"enable": "", "odd": "kept"}}
    (problem,) = problems(area, current, enable=True)
    assert "port 53" in problem and replace in problem
    assert plan(area, current, enable=True, port=5353).sections[mine] == {"enable": "", "port": "5353"}
    switched = plan(area, current, enable=True, **{replace: True})
    assert switched.sections == {mine: {"enable": ""}, other: {"odd": "kept"}}
    assert switched.services == [SERVICES[other], SERVICES[mine], "filter"]


@pytest.mark.parametrize("area, mine, other, replace", AREAS)
@pytest.mark.parametrize("enable", [None, False])
def test_the_other_service_stays_while_nothing_takes_its_place(area, mine, other, replace, enable):
    current = {mine: "", other: {"enable": ""}}
    assert plan(area, current, enable=enable, **{replace: True}).sections[other] == {"enable": ""}


@pytest.mark.parametrize("area, mine, other, replace", AREAS)
def test_moving_to_a_port_that_the_other_service_has(area, mine, other, replace):
    current = {mine: {"enable": "", "port": "5353"}, other: {"enable": "", "port": ""}}
    assert "port 53" in problems(area, current, port=53)[0]
    assert plan(area, current, hosts=[NODE]).sections[other] == current[other]


@pytest.mark.parametrize("area, mine, other, replace", AREAS)
def test_default_port_is_not_written_out(area, mine, other, replace):
    assert not reconcile(
        {mine: {"enable": ""}, other: ""}, plan(area, {mine: {"enable": ""}, other: ""}, enable=True, port=53).sections
    )


@pytest.mark.parametrize("area, mine, other, replace", AREAS)
def test_registration_flags(area, mine, other, replace):
    made = plan(area, {mine: {"regdhcp": ""}}, register_leases=False, register_static_mappings=True)
    assert made.sections[mine] == {"regdhcpstatic": ""} and made.services == [SERVICES[mine]]


@pytest.mark.parametrize("area, mine, other, replace", AREAS)
def test_leases_of_kea_are_warned_about_once(area, mine, other, replace):
    kea = {"domain": "lab.example", "dhcp_backend": "kea"}
    made = area.desire({mine: {}}, {"register_leases": True}, kea)
    assert "Kea" in made.warnings[0]
    assert area.desire(made.sections, {"register_leases": True}, kea).warnings == []
    assert plan(area, {mine: {}}, register_leases=True).warnings == []


@pytest.mark.parametrize("area, mine, other, replace", AREAS)
def test_host_records(area, mine, other, replace):
    alias = {"host": "api", "domain": "lab.example"}
    current = {mine: {"hosts": [FOREIGN]}}
    made = plan(
        area,
        current,
        hosts=[dict(NODE, descr="first", aliases=[alias]), {"host": "", "domain": "lab.example", "address": "fd00::1"}],
    )
    assert made.sections[mine]["hosts"] == [
        FOREIGN,
        {"domain": "lab.example", "ip": "fd00::1", "descr": "[pfrack]"},
        {
            "host": "node1",
            "domain": "lab.example",
            "ip": "10.10.0.20",
            "descr": "first [pfrack]",
            "aliases": {"item": [dict(alias, description="")]},
        },
    ]
    assert made.entries["created"] == ["lab.example", "node1.lab.example"]
    gone = plan(area, made.sections, hosts=[NODE], purge=True)
    assert gone.entries["removed"] == ["lab.example"]


@pytest.mark.parametrize("area, mine, other, replace", AREAS)
def test_host_record_made_by_hand(area, mine, other, replace):
    current = {mine: {"hosts": [dict(FOREIGN, ip="10.10.0.90,fd00::90")]}}
    wanted = {"host": "PRINTER", "domain": "lab.example", "address": "10.10.0.90"}
    assert plan(area, current, hosts=[wanted]).sections[mine] == current[mine]
    assert "by hand" in problems(area, current, hosts=[dict(wanted, address="10.10.0.91")])[0]


@pytest.mark.parametrize("area, mine, other, replace", AREAS)
@pytest.mark.parametrize("name", ["a b", 'a"b', "a\nb", "a/b", "", "-a", "a..b", "x" * 64, "a#b"])
def test_names_that_could_become_syntax_are_refused(area, mine, other, replace, name):
    assert problems(area, {}, wildcards=[{"domain": name, "address": "10.1.0.20"}])
    assert problems(area, {}, hosts=[dict(NODE, domain=name)])
    assert problems(area, {}, wildcards=[{"domain": "lab.example", "address": name}])


@pytest.mark.parametrize("area, mine, other, replace", AREAS)
def test_all_problems_in_one_message(area, mine, other, replace):
    wildcard = {"domain": "apps.example", "address": "10.1.0.20"}
    found = problems(
        area,
        {mine: {"hosts": [FOREIGN]}, other: {"enable": ""}},
        enable=True,
        wildcards=[wildcard, dict(wildcard, address="10.1.0.21")],
        hosts=[dict(NODE, host="printer"), dict(NODE, address="nonsense")],
    )
    assert len(found) == 4


@pytest.mark.parametrize("area, mine, other, replace", AREAS)
def test_options_that_are_not_base64_are_refused(area, mine, other, replace):
    assert "base64" in problems(area, {mine: {"custom_options": "local-ttl=5"}}, wildcards=[])[0]


BLOCK = Block("# BEGIN [pfrack]", "# END [pfrack]")
texts = st.lists(st.sampled_from(["a", "b", " ", "#", "\n", "\r\n"]), max_size=12).map("".join)


@given(texts, st.lists(st.text("xyz", min_size=1, max_size=3), min_size=1, max_size=3), texts)
def test_block_leaves_the_rest_byte_for_byte(text, lines, behind):
    placed = BLOCK.replace(text, lines)
    assert BLOCK.lines(placed) == lines and BLOCK.replace(placed, lines) == placed
    assert BLOCK.replace(placed, []) == text
    behind = "\n" + behind  # the admin goes on writing below
    changed = BLOCK.replace(placed + behind, ["other"])
    assert BLOCK.lines(changed) == ["other"] and changed.endswith(behind)


def test_half_a_block_is_noticed():
    assert not BLOCK.broken("a\n# BEGIN [pfrack]\nb\n# END [pfrack]")
    for text in (
        "# BEGIN [pfrack]\n",
        "# END [pfrack]",
        "# END [pfrack]\n# BEGIN [pfrack]",
        "# BEGIN [pfrack]\n# BEGIN [pfrack]\n# END [pfrack]",
    ):
        assert BLOCK.broken(text)


numbers = st.lists(st.integers(0, 9), max_size=5, unique=True)


@pytest.mark.parametrize("area, mine, other, replace", AREAS)
@given(foreign=numbers, first=numbers, second=numbers, random=st.randoms())
def test_properties(area, mine, other, replace, foreign, first, second, random):
    current = {mine: {"hosts": [dict(FOREIGN, host="foreign%d" % number) for number in foreign]}}

    def wanted(selected):
        return {
            "hosts": [dict(NODE, host="node%d" % number) for number in selected],
            "wildcards": [
                {"domain": "apps%d.lab.example" % number, "address": "10.1.0.%d" % number} for number in selected
            ],
        }

    once = plan(area, current, **wanted(first))
    after = once.sections
    assert not reconcile(after, plan(area, after, **wanted(first)).sections)
    assert plan(area, current, **wanted(random.sample(first, len(first)))).sections == after
    final = plan(area, after, purge=True, **wanted(second)).sections[mine].get("hosts", [])
    assert [entry for entry in final if "[pfrack]" not in entry["descr"]] == current[mine]["hosts"]
    assert {entry["host"] for entry in final if "[pfrack]" in entry["descr"]} == {"node%d" % item for item in second}
    emptied = plan(area, after, purge=True, **wanted([])).sections
    assert not reconcile(current, {mine: {name: value for name, value in emptied[mine].items() if value}})
