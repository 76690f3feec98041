# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The event source as plain asyncio: debouncing, filters, failures."""

from __future__ import annotations

import asyncio
import importlib.util
from pathlib import Path

import pytest
import yaml
from ansible_collections.pfrack.cluster.plugins.module_utils import router
from ansible_collections.pfrack.cluster.plugins.module_utils.leases.watch import Step

COLLECTION = Path(router.__file__).parents[2]
FILE = COLLECTION / "extensions" / "eda" / "plugins" / "event_source" / "pfsense_leases.py"


@pytest.fixture
def source():
    """The names of the file, which lies outside of what Ansible imports."""
    spec = importlib.util.spec_from_file_location("event_source", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return vars(module)


def change(last):
    return {"kind": "lease_added", "address": f"10.10.0.{last}", "mac_address": "", "hostname": "", "state": "active"}


def test_a_burst_becomes_one_event(source):
    async def burst():
        queue = asyncio.Queue()
        for number in range(50):
            queue.put_nowait(([change(number)], True))
        first, _sync = await source["debounced"](queue, 0.05, 3)
        queue.put_nowait(([], False))
        return first, await source["debounced"](queue, 0.01, 3)

    first, second = asyncio.run(burst())
    assert [entry["address"] for entry in first] == [f"10.10.0.{number}" for number in range(50)]
    assert second == ([], False)


def test_a_storm_without_calm_is_not_waited_out(source):
    async def storm():
        queue = asyncio.Queue()

        async def blow():
            while True:
                queue.put_nowait(([change(1)], True))
                await asyncio.sleep(0.01)

        blowing = asyncio.ensure_future(blow())
        found, _sync = await asyncio.wait_for(source["debounced"](queue, 1, 0.2), 5)
        blowing.cancel()
        return found

    assert len(asyncio.run(storm())) > 1


class Steps:
    """A watch that finds these kinds of changes, step by step; None is a router that is away."""

    def __init__(self, source, *steps):
        self.source, self.steps = source, list(steps)

    def step(self, _seconds):
        kinds = self.steps.pop(0)
        if not self.steps:
            self.source.ended = True
        changes = [{"kind": kind, "server": "web/a", "address": "10.10.0.2", "state": "up"} for kind in kinds or ()]
        return Step(away=kinds is None, woken=bool(kinds), changes=changes)


@pytest.mark.parametrize(
    ("steps", "syncs"),
    [
        ([[], [], []], [True]),
        ([[], ["server_removed"]], [True, True]),
        ([[], ["server_added", "server_changed"]], [True, False]),
        ([["server_added"]], [True]),
        ([[], None, ["server_changed"]], [True, True]),
        ([[], ["server_changed"], ["server_added", "server_removed"]], [True, False, True]),
    ],
)
def test_only_what_the_servers_have_to_follow_calls_for_a_sync(source, steps, syncs):
    sent = []
    one = source["Source"]({"host": "192.0.2.1", "ssh_config_files": [], "resync": 0}, sent.append)
    one._watch = Steps(one, *steps)
    one.run()
    assert [sync for _found, sync in sent] == syncs


def test_what_comes_together_calls_for_a_sync_when_one_of_it_does(source):
    async def both():
        queue = asyncio.Queue()
        for sync in (False, True, False):
            queue.put_nowait(([], sync))
        return await source["debounced"](queue, 0.05, 3)

    assert asyncio.run(both()) == ([], True)


def test_only_leases_that_were_asked_for_make_events(source):
    one = source["Source"]({"host": "192.0.2.1", "networks": ["10.10.0.0/29"], "ssh_config_files": []}, None)
    assert one._wanted(change(5)) and not one._wanted(change(50))
    assert one._wanted({"kind": "server_changed", "server": "web/node1", "address": "10.10.0.50", "state": "up"})


def test_a_router_that_refuses_ends_the_source_with_a_reason(source, tmp_path):
    args = {"host": "127.0.0.1", "port": 1, "host_key_checking": "perhaps", "ssh_config_files": []}
    with pytest.raises(RuntimeError, match="127.0.0.1: invalid: host_key_checking"):
        asyncio.run(source["main"](asyncio.Queue(), args))


def test_the_rulebook_runs_a_playbook_that_exists():
    for path in (COLLECTION / "extensions" / "eda" / "rulebooks").glob("*.yml"):
        for ruleset in yaml.safe_load(path.read_text()):
            names = [name for entry in ruleset["sources"] for name in entry if name != "name"]
            assert names == ["pfrack.cluster.pfsense_leases"]
            for rule in ruleset["rules"]:
                playbook = rule["action"]["run_playbook"]["name"].removeprefix("pfrack.cluster.")
                assert (COLLECTION / "playbooks" / f"{playbook}.yml").is_file()
