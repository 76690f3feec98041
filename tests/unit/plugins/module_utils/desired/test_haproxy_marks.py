# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Claims: whose servers are ours by their names, whoever adds them."""

from __future__ import annotations

import base64
import copy

import pytest
from ansible_collections.pfrack.cluster.plugins.module_utils.desired.haproxy import SECTION, desire
from ansible_collections.pfrack.cluster.plugins.module_utils.errors import DesiredError


def server(name, **more):
    return {"name": name, "address": "10.10.0.20", "port": 80, **more}


def after(section, *names, purge=True, **options):
    web = {"name": "web", "servers": [server(name) for name in names], **options}
    wanted = {"backends": [web], "purge": purge}
    return desire({SECTION: copy.deepcopy(section)}, wanted, {}).sections[SECTION]


def pool(section):
    return section["ha_pools"]["item"][0]


def mark(section):
    return base64.b64decode(pool(section)["advanced_backend"]).decode()


def names(section):
    return [entry["name"] for entry in pool(section)["ha_servers"]["item"]]


def added_by_hand(section, name):
    section = copy.deepcopy(section)
    pool(section)["ha_servers"]["item"].append({"name": name, "address": "10.10.0.9", "port": "1", "id": "7"})
    return section


def test_claimed_servers_come_and_go_without_a_change_of_the_mark():
    section = after({}, "node1", owned_names=["node*"])
    assert mark(section) == "# [pfrack] servers: node*"
    grown = after(section, "node1", "node2")
    assert mark(grown) == mark(section) and names(grown) == ["node1", "node2"]
    by_another = added_by_hand(section, "node7")
    assert names(after(by_another, "node1")) == ["node1"]
    assert names(after(by_another, "node1", purge=False)) == ["node1", "node7"]


def test_what_no_pattern_claims_is_named_and_the_admin_keeps_the_rest():
    section = added_by_hand(after({}, "node1", "web1", owned_names=["node*"]), "hand1")
    assert mark(section) == "# [pfrack] servers: node* web1"
    assert names(after(section, "node2")) == ["hand1", "node2"]


def test_the_servers_of_the_admin_cannot_be_claimed():
    section = added_by_hand(after({}, "node1"), "node7")
    with pytest.raises(DesiredError, match="the server node7, which pfrack did not make"):
        after(section, "node1", owned_names=["*"])
    assert mark(section) == "# [pfrack] servers: node1"


def test_a_claim_that_is_given_up_leaves_our_servers_ours():
    section = after({}, "node1", "node2", owned_names=["*"])
    assert mark(after(section, "node1", "node2", owned_names=[])) == "# [pfrack] servers: node1 node2"


def test_a_name_without_a_server_is_no_reason_to_write():
    section = after({}, "node1", "node2")
    pool(section)["ha_servers"]["item"].pop()
    assert after(section, "node1") == section
    assert mark(after(section, "node1", "node3")) == "# [pfrack] servers: node1 node3"


def test_a_claim_needs_a_star():
    with pytest.raises(DesiredError, match="owned_names: node1: must be a pattern"):
        after({}, "node1", owned_names=["node1"])
