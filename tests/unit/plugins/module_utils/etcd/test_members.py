# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No change of etcd's membership may cost the quorum."""

from __future__ import annotations

import pytest
from ansible_collections.pfrack.cluster.plugins.module_utils.errors import DesiredError
from ansible_collections.pfrack.cluster.plugins.module_utils.etcd import members as membership
from hypothesis import given
from hypothesis import strategies as st


def cluster(*states, learners=()):
    """Members node1, node2, ...; a state is whether it is up."""
    return [
        {
            "id": str(number),
            "name": "node%d" % number,
            "peer_urls": ["https://10.0.0.%d:2380" % number],
            "learner": number in learners,
            "healthy": up,
        }
        for number, up in enumerate(states, start=1)
    ]


def refusal(check, *arguments):
    with pytest.raises(DesiredError) as caught:
        check(*arguments)
    return str(caught.value)


@given(st.lists(st.booleans(), min_size=1, max_size=7), st.data())
def test_what_is_left_after_a_removal_has_a_quorum(states, data):
    members = cluster(*states)
    gone = data.draw(st.sampled_from(members))
    try:
        membership.check_quorum(members)
        membership.check_remove(members, gone)
    except DesiredError:
        return
    left = [member for member in members if member is not gone]
    assert sum(member["healthy"] for member in left) >= len(left) // 2 + 1


@given(st.lists(st.booleans(), min_size=1, max_size=7))
def test_what_is_there_after_a_promotion_survives_what_it_survived_before(states):
    members = cluster(*states, True, learners=(len(states) + 1,))
    try:
        membership.check_promote(members, members[-1])
    except DesiredError:
        assert not all(states)
        return
    assert sum(states) + 1 >= (len(states) + 1) // 2 + 1


def test_a_dead_member_goes_first_and_can_always_go_with_a_quorum():
    members = cluster(True, True, False)
    assert "node4: cannot join while node3 is down" in refusal(membership.check_add, members, "node4")
    membership.check_remove(members, members[2])
    assert "node1: cannot go" in refusal(membership.check_remove, members, members[0])


def test_one_learner_at_a_time():
    members = cluster(True, True, True, True, learners=(4,))
    assert "node4 is still learning" in refusal(membership.check_add, members, "node5")
    membership.check_remove(members, members[3])


def test_the_last_member_stays():
    members = cluster(True)
    assert "only member" in refusal(membership.check_remove, members, members[0])


def test_more_members_than_useful():
    assert "worker" in refusal(membership.check_add, cluster(*[True] * 7), "node8")


def test_a_lost_quorum_is_said_with_what_is_missing():
    assert "Bring node2, node3 back" in refusal(membership.check_quorum, cluster(True, False, False))


def test_the_initial_cluster_of_one_that_joins():
    members = [*cluster(True), {"id": "9", "name": "", "peer_urls": ["https://10.0.0.9:2380"], "learner": True}]
    url = "https://10.0.0.9:2380"
    assert membership.initial_cluster(members, "node9", url) == "node1=https://10.0.0.1:2380,node9=%s" % url
    assert membership.find(members, "node9", url)["id"] == "9"
    assert membership.find(members, "node9", "https://10.0.0.8:2380") is None
