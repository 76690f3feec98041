# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is ours, and that nothing else is ever touched."""

from __future__ import annotations

import pytest
from ansible_collections.pfrack.cluster.plugins.module_utils.errors import DesiredError
from ansible_collections.pfrack.cluster.plugins.module_utils.ownership import (
    Mark,
    entry_changes,
    merge_owned,
    update_entry,
)
from hypothesis import given
from hypothesis import strategies as st

MARK = Mark()
OTHER = Mark("rack2")
OWNERS = st.sampled_from(["pfrack", "rack2", "a", "deis-1"])
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]) | st.just(" "), max_size=20)


def key(entry):
    return entry["id"]


@given(OWNERS, TEXTS)
def test_stamp_and_strip_are_inverse(owner, text):
    mark = Mark(owner)
    stamped = mark.stamp(text)
    assert mark.owns(stamped)
    assert mark.stamp(stamped) == stamped
    if not mark.owns(text):
        assert mark.strip(stamped) == text.strip() or mark.strip(stamped) == text.rstrip()


@given(OWNERS, OWNERS, TEXTS)
def test_one_owner_does_not_own_what_another_made(one, other, text):
    if one != other:
        assert not Mark(one).owns(Mark(other).stamp(text))


def test_the_mark_as_it_is_seen():
    assert MARK.stamp("node1") == "node1 [pfrack]"
    assert MARK.stamp("") == MARK.stamp(None) == "[pfrack]"
    assert OTHER.stamp("node1") == "node1 [pfrack:rack2]"
    assert not MARK.owns("see [pfrack] for this") and not MARK.owns("x[pfrack]") and not MARK.owns(None)


@pytest.mark.parametrize("owner", ["", "a b", "a]", "-a", "a-", "x" * 41, "a.b", "a\n"])
def test_bad_owner(owner):
    with pytest.raises(DesiredError, match="owner"):
        Mark(owner)


ENTRIES = st.lists(
    st.fixed_dictionaries(
        {"id": st.integers(0, 9).map(str), "descr": st.sampled_from(["", "x", "x [pfrack]", "[pfrack:rack2]"])},
        optional={"value": st.sampled_from(["", "1", "2"]), "unknown": st.just("kept")},
    ),
    max_size=8,
)
WANTED = st.lists(
    st.fixed_dictionaries({"id": st.integers(0, 9).map(str), "value": st.sampled_from([None, "1", "2"])}),
    unique_by=key,
    max_size=6,
)


def foreign(entries):
    return [entry for entry in entries if not MARK.owns(entry["descr"])]


def merged_or_none(existing, wanted, purge):
    try:
        return merge_owned(existing, wanted, key, MARK, purge=purge)
    except DesiredError:
        return None


@given(ENTRIES, WANTED, st.booleans())
def test_foreign_entries_stay_as_they_are_and_in_order(existing, wanted, purge):
    merged = merged_or_none(existing, wanted, purge)
    if merged is not None:
        assert foreign(merged) == foreign(existing)


@given(ENTRIES, WANTED, st.booleans())
def test_everything_wanted_is_there_and_merging_again_changes_nothing(existing, wanted, purge):
    merged = merged_or_none(existing, wanted, purge)
    if merged is not None:
        for want in wanted:
            assert any(
                key(entry) == key(want) and (entry.get("value") or "") == (want["value"] or "") for entry in merged
            )
        assert merge_owned(merged, wanted, key, MARK, purge=purge) == merged


@given(ENTRIES, WANTED)
def test_purge_leaves_only_wanted_entries_of_ours(existing, wanted):
    merged = merged_or_none(existing, wanted, True)
    if merged is not None:
        ours = [key(entry) for entry in merged if MARK.owns(entry["descr"])]
        assert set(ours) <= {key(want) for want in wanted} and len(ours) == len(set(ours))


def test_ours_is_updated_in_place_with_unknown_elements_kept():
    existing = [
        {"id": "1", "descr": "a [pfrack]", "value": "1", "unknown": "u", "ref": "old"},
        {"id": "2", "descr": ""},
    ]
    wanted = [{"id": "1", "descr": "b", "value": "2", "ref": "new"}]
    assert merge_owned(existing, wanted, key, MARK, assigned=("ref",)) == [
        {"id": "1", "descr": "b [pfrack]", "value": "2", "unknown": "u", "ref": "old"},
        {"id": "2", "descr": ""},
    ]


def test_unmarked_entry_that_says_the_same_is_satisfied():
    existing = [{"id": "1", "descr": "by hand", "value": "2"}]
    assert merge_owned(existing, [{"id": "1", "descr": "b", "value": "2"}], key, MARK) == existing


def test_unmarked_entry_that_contradicts_is_named_with_the_way_out():
    existing = [{"id": "1", "descr": "by hand", "value": "1", "password": "old"}]
    with pytest.raises(DesiredError) as caught:
        merge_owned(existing, [{"id": "1", "value": "2", "password": "new"}], key, MARK)
    message = str(caught.value)
    assert "by hand" in message and 'value is "1" instead of "2"' in message and "[pfrack]" in message
    assert "old" not in message and "new" not in message


def test_wanted_twice():
    with pytest.raises(DesiredError, match="twice"):
        merge_owned([], [{"id": "1"}, {"id": "1"}], key, MARK)


def test_an_unused_text_and_a_missing_one_are_the_same_but_flags_are_not():
    entry = {"text": "", "flag": ""}
    assert update_entry(entry, {"text": None, "flag": ""}, flags=("flag",)) == entry
    assert update_entry(entry, {"flag": None}, flags=("flag",)) == {"text": ""}
    assert update_entry({}, {"flag": ""}, flags=("flag",)) == {"flag": ""}


def test_entry_changes():
    existing = [{"id": "1", "descr": "[pfrack]"}, {"id": "2", "descr": "[pfrack]"}, {"id": "3", "descr": "x"}]
    merged = merge_owned(existing, [{"id": "2", "value": "1"}, {"id": "4"}], key, MARK, purge=True)
    assert entry_changes(existing, merged, key, MARK) == {
        "created": ["4"],
        "changed_entries": ["2"],
        "removed": ["1"],
    }
