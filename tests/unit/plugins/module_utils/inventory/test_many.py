# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inventories of thousands of nodes. Time is not asserted; tests/benchmarks/compile_time.py measures it."""

from __future__ import annotations

import sys
import tracemalloc

from ansible_collections.pfrack.cluster.tests.unit.plugins.module_utils.inventory.racks import large

MANY = 5000


def calls(rack):
    """How many functions are called to compile the inventory, Python's own included."""
    count = 0

    def profile(_frame, event, _argument):
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        rack.compile()
    finally:
        sys.setprofile(before)
    return count


def test_five_thousand_nodes_have_their_addresses_and_little_memory():
    rack = large(MANY)
    tracemalloc.start()
    try:
        spec = rack.compile()
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len({entry["address"] for entry in spec["nodes"]}) == MANY
    assert len(spec["static_mappings"]) == len(spec["dns_hosts"]) == MANY
    assert [entry["name"] for entry in spec["nodes"] if entry["allocated"]] == [
        "node%d" % number for number in range(1, MANY, 2)
    ]
    assert peak / MANY < 10_000


def test_a_mistake_among_five_thousand_nodes_is_named():
    rack = large(MANY)
    rack.nodes[4321]["mac_address"] = rack.nodes[17]["mac_address"]
    assert rack.only_problem().startswith("node4321/mac_address: ")


def test_the_work_grows_with_the_nodes_and_no_faster():
    assert calls(large(MANY)) < 4.2 * calls(large(MANY // 4))
