# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who talks to whom, and what is said of those who did not."""

from __future__ import annotations

import pytest
from ansible_collections.pfrack.cluster.plugins.module_utils import chat

LISTENS = "pfrack-chat listening 10.244.1.2\n"


def test_few_talk_to_everybody_and_many_to_the_next_one():
    assert chat.peers(["a", "b", "c"]) == {"a": ["b", "c"], "b": ["a", "c"], "c": ["a", "b"]}
    names = [str(number) for number in range(300)]
    ring = chat.peers(names)
    assert list(ring.values()) == [[name] for name in names[1:] + names[:1]]
    assert chat.peers(["a"], "ring") == {}


@pytest.mark.parametrize(
    "listened, talked, sentence",
    [
        (LISTENS, "pfrack-chat b ok\n", "a -> b: talked"),
        ("pfrack-chat failed listener no such image\n", "", "listener: b: no container listens (no such image)"),
        (
            "sudo: a password is required\n",
            "",
            "no container listens (its script ended with: sudo: a password is required)",
        ),
        (None, "", "a -> b: node: b: does not answer over SSH"),
        (LISTENS, "pfrack-chat failed node no route", "a -> b: node: a: does not answer over SSH (no route)"),
        (LISTENS, None, "a -> b: node: a: does not answer over SSH"),
        (LISTENS, "pfrack-chat b key\n", "a -> b: key: a: the address is not in etcd"),
        (
            LISTENS,
            "Error: pull failed\n",
            "connection: a: no connection from container to container (its script ended with: ",
        ),
        (LISTENS, "pfrack-chat b transfer 9 bytes only", "transfer: a: not everything came back (9 bytes only)"),
    ],
)
def test_a_pair_is_told_with_what_stopped_it(listened, talked, sentence):
    said = {"a": LISTENS, **({"b": listened} if listened is not None else {})}
    (result,) = chat.report({"a": ["b"], "b": []}, said, {"a": talked} if talked is not None else {})
    assert sentence in result["sentence"]
    assert result["ok"] is ("talked" in sentence)
