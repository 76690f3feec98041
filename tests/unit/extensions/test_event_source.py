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
            queue.put_nowait([change(number)])
        first = await source["debounced"](queue, 0.05, 3)
        queue.put_nowait([])
        return first, await source["debounced"](queue, 0.01, 3)

    first, second = asyncio.run(burst())
    assert [entry["address"] for entry in first] == [f"10.10.0.{number}" for number in range(50)]
    assert second == []


def test_a_storm_without_calm_is_not_waited_out(source):
    async def storm():
        queue = asyncio.Queue()

        async def blow():
            while True:
                queue.put_nowait([change(1)])
                await asyncio.sleep(0.01)

        blowing = asyncio.ensure_future(blow())
        found = await asyncio.wait_for(source["debounced"](queue, 1, 0.2), 5)
        blowing.cancel()
        return found

    assert len(asyncio.run(storm())) > 1


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
