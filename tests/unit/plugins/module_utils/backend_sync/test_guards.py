# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What may not happen without being told to."""

from __future__ import annotations

import json

import pytest
from ansible_collections.pfrack.cluster.plugins.module_utils.backend_sync.guards import (
    check_removal,
    some,
    still_in_grace,
)
from hypothesis import given
from hypothesis import strategies as st


def problems(before, after, up=None, allow_empty=False, max_removed=50, told=(), status="active"):
    return check_removal(
        "web",
        dict.fromkeys(before, status),
        dict.fromkeys(after, "active"),
        [name for name in before if name != "by_hand"],
        up,
        allow_empty,
        max_removed,
        told,
    )


@pytest.mark.parametrize(
    ("before", "after", "options", "words"),
    [
        (["a"], [], {}, "nothing would serve"),
        (["a"], [], {"allow_empty": True}, None),
        (["a"], ["b"], {}, None),
        (["a", "b"], ["a"], {}, None),
        (["a", "b", "c"], ["a"], {}, "2 of 3"),
        (["a", "b", "c"], ["a"], {"max_removed": 67}, None),
        (["a", "b", "c"], ["a"], {"told": ["b", "c"]}, None),
        (["a", "b"], ["a"], {"max_removed": 0}, "1 of 2"),
        (["a", "b", "c"], ["b", "c"], {"max_removed": 10}, None),
        (["a", "b"], ["b"], {"up": ["a"]}, "health check"),
        (["a", "b"], ["b"], {"up": []}, None),
        (["a", "b"], ["b"], {"up": ["a", "b"]}, None),
        (["a", "by_hand"], ["by_hand"], {}, None),
        (["a", "b"], [], {"status": "disabled"}, None),
    ],
)
def test_removal(before, after, options, words):
    found = problems(before, after, **options)
    assert found == [] if words is None else words in found[0]


@pytest.mark.parametrize(
    ("names", "text"),
    [
        ([], ""),
        (["a"], "a"),
        (list("abcde"), "a, b, c, d, e"),
        (list("abcdef"), "a, b, c, d, e and 1 more"),
        ([f"n{number}" for number in range(300)], "n0, n1, n2, n3, n4 and 295 more"),
    ],
)
def test_names_in_a_message(names, text):
    assert some(names) == text


MANY = [f"n{number}" for number in range(100)]


@pytest.mark.parametrize(
    ("after", "options", "words"),
    [
        ([], {}, "(n0, n1, n2, n3, n4 and 95 more would go)"),
        (MANY[:40], {}, "60 of 100 servers would go at once (n40, n41, n42, n43, n44 and 55 more)"),
        (MANY[50:], {"up": MANY[:50]}, "n0, n1, n2, n3, n4 and 45 more would go"),
        (MANY[50:], {"up": MANY[:50]}, "(n50, n51, n52, n53, n54 and 45 more)"),
    ],
)
def test_a_message_about_many_servers_is_short(after, options, words):
    (problem,) = problems(MANY, after, **options)
    assert words in problem and len(problem) < 250


@given(st.lists(st.tuples(st.integers(0, 100), st.sets(st.sampled_from("abc"))), max_size=20), st.integers(1, 50))
def test_a_server_goes_only_when_it_was_missing_all_the_time(steps, grace):
    note, clock, missing_since = "", 0, {}
    for seconds, missing in steps:
        clock += seconds
        missing_since = {name: missing_since.get(name, clock) for name in missing}
        staying, note = still_in_grace(sorted(missing), note, clock, grace)
        assert set(staying) == {name for name in missing if clock - missing_since[name] < grace}


@pytest.mark.parametrize("note", ["", "nonsense", "[1]", '{"a": "soon"}', json.dumps({"a": 9999999})])
def test_a_broken_note_begins_anew(note):
    assert still_in_grace(["a"], note, 1000, 60) == (["a"], '{"a": 1000}')


def test_without_grace_nothing_is_noted():
    assert still_in_grace(["a"], "", 1000, 0) == ([], "")
