# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Properties of reconcile: what it plans is what was wanted, and nothing else."""

from __future__ import annotations

import copy

from ansible_collections.pfrack.cluster.plugins.module_utils.reconcile import (
    apply_operations,
    canonical,
    reconcile,
    split_path,
)
from hypothesis import given
from hypothesis import strategies as st

NAMES = st.sampled_from(["a", "b", "enable", "item", "descr"])
TEXTS = st.sampled_from(["", "1", "x", "y z", "[pfrack]"])


def dicts(children):
    return st.dictionaries(NAMES, children, max_size=4)


LEAVES = st.one_of(st.none(), TEXTS)
ELEMENTS = st.recursive(LEAVES, lambda inner: dicts(inner) | st.lists(dicts(inner), max_size=4), max_leaves=12)
SECTIONS = st.fixed_dictionaries({"dhcpd/lan": ELEMENTS, "installedpackages/haproxy": ELEMENTS, "unbound": ELEMENTS})
LISTS = st.lists(dicts(TEXTS), max_size=6)


def normal(sections):
    """What a section means: a missing one and an empty one mean the same."""
    return {path: canonical(value) for path, value in sections.items() if canonical(value) not in (None, "")}


@given(SECTIONS, SECTIONS)
def test_applying_the_change_gives_what_was_wanted(current, desired):
    change = reconcile(current, desired)
    assert normal(apply_operations(current, change.operations)) == normal(desired)


@given(SECTIONS, SECTIONS)
def test_the_second_plan_is_empty(current, desired):
    after = apply_operations(current, reconcile(current, desired).operations)
    assert not reconcile(after, desired)
    assert not reconcile({path: canonical(value) for path, value in after.items()}, desired)


@given(SECTIONS)
def test_no_change_when_nothing_differs(current):
    change = reconcile(current, copy.deepcopy(current))
    assert not change and change.before == {} and change.after == {}


@given(SECTIONS, SECTIONS)
def test_inputs_are_left_alone(current, desired):
    copies = copy.deepcopy((current, desired))
    apply_operations(current, reconcile(current, desired).operations)
    assert (current, desired) == copies


@given(SECTIONS, SECTIONS, dicts(TEXTS))
def test_other_sections_survive(current, desired, other):
    sections = dict(current, other=other)
    assert apply_operations(sections, reconcile(sections, desired).operations)["other"] == other


@given(SECTIONS, SECTIONS)
def test_before_and_after_hold_the_sections_that_differ(current, desired):
    change = reconcile(current, desired)
    different = {path for path in desired if normal({"": current[path]}) != normal({"": desired[path]})}
    assert different <= set(change.before) and set(change.before) == set(change.after)
    for path in change.before:
        assert change.before[path] == current[path] and change.after[path] == desired[path]
        assert canonical(current[path]) != canonical(desired[path])


@given(LISTS, st.data())
def test_items_that_stay_are_kept_by_index_and_never_sent(current, data):
    kept = [item for item in data.draw(st.permutations(current)) if canonical(item) != ""]
    change = reconcile({"l": current}, {"l": kept + [{"new": "1"}]})
    (operation,) = change.operations
    if operation["op"] == "arrange":
        assert [item for item in operation["items"] if "value" in item] == [{"value": {"new": "1"}}]
        indexes = [item["keep"] for item in operation["items"] if "keep" in item]
        assert len(set(indexes)) == len(indexes) == len(kept)
        assert [current[index] for index in indexes] == kept
    else:
        assert not canonical(current)


def test_only_the_element_that_differs_is_set():
    current = {"dhcpd/lan": {"enable": "", "range": {"from": "10.10.0.100", "to": "10.10.0.199"}, "gateway": ""}}
    desired = copy.deepcopy(current)
    desired["dhcpd/lan"]["range"]["to"] = "10.10.0.150"
    del desired["dhcpd/lan"]["gateway"]
    assert reconcile(current, desired).operations == [
        {"op": "set", "path": ["dhcpd", "lan", "range", "to"], "value": "10.10.0.150"},
        {"op": "delete", "path": ["dhcpd", "lan", "gateway"]},
    ]


def test_a_flag_is_not_the_same_as_a_missing_one():
    assert reconcile({"s": {}}, {"s": {"enable": ""}}).operations == [
        {"op": "set", "path": ["s"], "value": {"enable": ""}}
    ]
    assert reconcile({"s": {"enable": "", "a": "1"}}, {"s": {"a": "1"}}).operations == [
        {"op": "delete", "path": ["s", "enable"]}
    ]


def test_a_missing_container_is_not_written_just_to_be_empty():
    assert not reconcile({"dnsmasq": None}, {"dnsmasq": {}}) and not reconcile({}, {"dnsmasq": {"enable": None}})
    assert reconcile({"dnsmasq": {"enable": ""}}, {"dnsmasq": {}})


def test_empty_containers_are_what_pfsense_reads_back():
    assert not reconcile({"s": {"l": "x", "d": ""}}, {"s": {"l": "x", "d": {}, "gone": []}})


def test_duplicates_in_lists_are_counted():
    twice, once = {"l": [{"a": "1"}, {"a": "1"}]}, {"l": [{"a": "1"}]}
    assert reconcile(twice, once).operations == [{"op": "arrange", "path": ["l"], "items": [{"keep": 0}]}]
    assert reconcile(once, twice).operations == [
        {"op": "arrange", "path": ["l"], "items": [{"keep": 0}, {"value": {"a": "1"}}]}
    ]


def test_numbers_in_a_section_path_are_indexes():
    assert split_path("installedpackages/tftpd/config/0") == ["installedpackages", "tftpd", "config", 0]
    current = {"": {"installedpackages": {"tftpd": {"config": [{"enable": "on"}, {"b": "1"}]}}}}
    after = apply_operations(
        current,
        [
            {"op": "set", "path": ["installedpackages", "tftpd", "config", 0, "enable"], "value": "off"},
            {"op": "delete", "path": ["installedpackages", "tftpd", "config", 1]},
        ],
    )
    assert after[""]["installedpackages"]["tftpd"]["config"] == [{"enable": "off"}]


def test_parents_are_made_in_place_of_missing_and_empty_ones():
    operations = [{"op": "set", "path": ["a", "config", 0, "enable"], "value": "on"}]
    assert apply_operations({"": {"a": ""}}, operations) == {"": {"a": {"config": [{"enable": "on"}]}}}
