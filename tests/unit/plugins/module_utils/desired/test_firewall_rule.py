# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Firewall rules: what is written, refused and warned about; and that nothing of the admin's ever moves."""

from __future__ import annotations

import copy

import pytest
from ansible_collections.pfrack.cluster.plugins.module_utils.desired.firewall_rule import (
    SECTION,
    SEPARATORS,
    desire,
    rule_name,
)
from ansible_collections.pfrack.cluster.plugins.module_utils.errors import DesiredError
from hypothesis import given
from hypothesis import strategies as st

INFO = {
    "interfaces": {
        "wan": {"descr": "WAN", "address": "198.51.100.2", "prefix": 24, "enabled": True},
        "lan": {"descr": "LAN", "address": "10.10.0.1", "prefix": 24, "enabled": True},
        "opt1": {"descr": "DMZ", "address": "", "prefix": None, "enabled": True},
    },
    "virtual_ips": [{"address": "198.51.100.9"}],
    "webgui": {"port": 443, "redirect": True},
}
WEB = {"port": "8080", "descr": "web"}


def admins(number, interface="wan", **more):
    destination = {"address": "198.51.100.%d" % number, "port": "5000"}
    return {
        "tracker": "1700000%03d" % number,
        "type": "pass",
        "interface": interface,
        "ipprotocol": "inet",
        "protocol": "tcp",
        "source": {"any": ""},
        "destination": destination,
        "descr": "by hand %d" % number,
        **more,
    }


def plan(existing, rules, separators=None, **more):
    wanted = {"rules": rules, "owner": "pfrack", **more.pop("options", {})}
    current = {SECTION: existing, SEPARATORS: separators, "system/ssh": {"enable": "enabled"}, **more}
    return desire(copy.deepcopy(current), wanted, INFO)


def problem(rule, **more):
    with pytest.raises(DesiredError) as caught:
        plan([], [rule], **more)
    (line,) = caught.value.problems
    return line


def test_a_rule_has_what_pfsense_writes():
    (rule,) = plan(None, [WEB]).sections[SECTION]
    assert 2000000000 <= int(rule.pop("tracker")) < 2147483648
    assert rule == {
        "type": "pass",
        "interface": "wan",
        "ipprotocol": "inet",
        "statetype": "keep state",
        "protocol": "tcp",
        "source": {"any": ""},
        "destination": {"network": "wanip", "port": "8080"},
        "descr": "web [pfrack]",
    }


def test_the_address_of_the_interface_is_the_interface():
    by_address = plan([], [{**WEB, "destination": "198.51.100.2"}]).sections
    assert by_address == plan([], [WEB]).sections


def test_a_label_names_an_interface_and_an_ipv6_address_its_version():
    (rule,) = plan([], [{"interface": "dmz", "port": "1-9", "destination": "2001:db8::5", "log": True}]).sections[
        SECTION
    ]
    assert (rule["interface"], rule["ipprotocol"], rule["log"]) == ("opt1", "inet6", "")


def test_trackers_are_unique_even_where_a_name_repeats():
    first = plan([], [WEB]).sections[SECTION][0]
    other = {**admins(1), "tracker": first["tracker"]}
    rules = plan([other], [WEB]).sections[SECTION]
    assert len({rule["tracker"] for rule in rules}) == 2


def test_a_description_changes_and_the_tracker_stays():
    before = plan([], [WEB]).sections[SECTION]
    done = plan(before, [{**WEB, "descr": "pages"}])
    (rule,) = done.sections[SECTION]
    assert (rule["descr"], rule["tracker"]) == ("pages [pfrack]", before[0]["tracker"])
    assert done.entries["changed_entries"] == ["wan tcp any > wanip:8080"]


def test_ours_that_was_switched_off_is_switched_on_and_an_admins_is_left_off():
    (ours,) = plan([], [WEB]).sections[SECTION]
    assert "disabled" not in plan([{**ours, "disabled": ""}], [WEB]).sections[SECTION][0]
    theirs = {**ours, "disabled": "", "descr": "not now", "tracker": "1"}
    rules = plan([theirs], [WEB]).sections[SECTION]
    assert rules[0] == theirs and len(rules) == 2


def test_a_rule_by_hand_that_says_the_same_counts():
    by_hand = {**plan([], [WEB]).sections[SECTION][0], "descr": "mine", "tracker": "1700000000", "os": ""}
    assert plan([by_hand], [WEB]).sections[SECTION] == [by_hand]


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"port": "443"}, "web pages"),
        ({"port": "80"}, "redirect"),
        ({"port": "20-30"}, "SSH server"),
        ({"port": "443", "destination": "198.51.100.9"}, "web pages"),
        ({"port": "443", "destination": "198.51.100.0/24"}, "web pages"),
        ({"port": "0"}, "is no port"),
        ({"port": "90-80"}, "is no port"),
        ({"port": "8080", "interface": "opt7"}, "there is no interface opt7"),
        ({"port": "8080", "interface": "opt1"}, "has no IPv4 address"),
        ({"port": "8080", "source": "198.51.100.5/24"}, "neither an address nor a network"),
        ({"port": "8080", "source": "2001:db8::/32", "destination": "198.51.100.9"}, "different IP versions"),
    ],
)
def test_refused(rule, words):
    assert words in problem(rule)


def test_the_port_of_the_web_pages_is_free_for_a_machine_behind_the_router():
    assert plan([], [{"port": "443", "destination": "203.0.113.7"}]).sections[SECTION]


def test_ssh_that_is_off_or_elsewhere_does_not_matter():
    assert plan([], [{"port": "22"}], **{"system/ssh": ""}).sections[SECTION]
    assert "port 2200" in problem({"port": "2200"}, **{"system/ssh": {"enable": "enabled", "port": "2200"}})


@pytest.mark.parametrize(
    "blocker",
    [
        {"type": "block", "interface": "wan", "source": {"any": ""}, "destination": {"any": ""}},
        {"type": "reject", "interface": "lan,wan", "floating": "yes", "quick": "yes", "direction": "in",
         "source": {"any": ""}, "destination": {"network": "wanip", "port": "8000-9000"}, "protocol": "tcp/udp"},
    ],
)  # fmt: skip
def test_a_rule_that_blocks_ours_is_named(blocker):
    (warning,) = plan([{**blocker, "descr": "no entry"}], [WEB]).warnings
    assert "no entry" in warning and "web" in warning
    assert plan([{**blocker, "descr": "no entry", "disabled": ""}], [WEB]).warnings == []
    assert plan([{**blocker, "descr": "no entry", "protocol": "udp"}], [WEB]).warnings == []


def test_a_packet_filter_that_is_off_is_said():
    assert "switched off" in plan([], [WEB], **{"system/disablefilter": ""}).warnings[0]


def test_the_bars_of_the_web_gui_stay_at_their_rules():
    (ours,) = plan([], [WEB]).sections[SECTION]
    existing = [admins(3, "lan"), admins(1), ours, admins(2)]
    bars = {"wan": {"sep0": {"row": ["fr2"], "text": "below ours"}, "sep1": {"row": ["fr1"], "text": "above"}}}
    done = plan(existing, [], separators=bars, options={"purge": True})
    assert done.sections[SEPARATORS]["wan"]["sep0"]["row"] == ["fr1"]
    assert done.sections[SEPARATORS]["wan"]["sep1"]["row"] == ["fr1"]
    assert SEPARATORS not in plan(existing, [WEB, {"port": "9"}], separators=bars).sections


RULES = st.lists(
    st.builds(
        lambda port, source, descr: {"port": str(port), "source": source, "descr": descr},
        st.integers(1000, 1005),
        st.sampled_from(["any", "203.0.113.0/24"]),
        st.sampled_from(["", "a", "b"]),
    ),
    unique_by=lambda rule: (rule["port"], rule["source"]),
    max_size=5,
)
ADMINS = st.lists(
    st.builds(
        lambda number, interface, mark: admins(number, interface, descr="x" + mark, custom="kept"),
        st.integers(1, 200),
        st.sampled_from(["wan", "lan"]),
        st.sampled_from(["", " [pfrack:other]"]),
    ),
    unique_by=lambda rule: rule["tracker"],
    max_size=6,
)


@given(ADMINS, RULES, RULES)
def test_what_is_not_ours_stays_where_it_is(existing, first, second):
    before = plan(existing, first).sections[SECTION] or []
    done = plan(before, second, options={"purge": True})
    after = done.sections[SECTION] or []
    assert [rule for rule in after if "custom" in rule] == existing
    assert after[: len(existing)] == existing
    ours = after[len(existing) :]
    assert sorted(rule_name(rule) for rule in ours) == sorted(
        "wan tcp %s > wanip:%s" % (rule["source"], rule["port"]) for rule in second
    )
    assert len({rule["tracker"] for rule in after}) == len(after)
    again = plan(after, second)
    assert (again.sections[SECTION] or []) == after
    assert again.entries == {"created": [], "changed_entries": [], "removed": []}
