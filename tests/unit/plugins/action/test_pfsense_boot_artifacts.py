# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Releases on the router, against the agent in memory."""

from __future__ import annotations

import os

import pytest
from ansible_collections.pfrack.cluster.plugins.action.pfsense_boot_artifacts import ActionModule
from ansible_collections.pfrack.cluster.plugins.plugin_utils import send
from ansible_collections.pfrack.cluster.plugins.plugin_utils.local_tree import local_file
from fake_agent import FakeAgent, failure
from run_action import run_action

ROOT = "/tftpboot/pfrack/os"
STREAM = "flatcar/stable/amd64-usr"


@pytest.fixture
def agent():
    return FakeAgent(free=10**6)


@pytest.fixture
def release(tmp_path):
    def make(version, size=100):
        directory = tmp_path / version
        directory.mkdir()
        (directory / "image").write_bytes(version.encode() * size)
        (directory / "version.txt").write_text(version)
        return {
            "directory": str(directory), "stream_path": STREAM, "version": version, "arch": "x86-64",
            "files": {"image": "image"},
        }  # fmt: skip

    return make


def run(agent, *releases, check=False, diff=False, **args):
    return run_action(ActionModule, agent, {"releases": list(releases), **args}, check=check, diff=diff)


def test_a_release_is_brought_over_once(agent, release):
    wanted = release("1.2.3")
    planned = run(agent, wanted, check=True, diff=True)
    done = run(agent, wanted, diff=True)
    assert planned == done
    assert done["uploaded"] == [STREAM + "/1.2.3/image", STREAM + "/1.2.3/version.txt"]
    assert done["pointed"] == [STREAM + "/current"]
    assert agent.links == {"%s/%s/current" % (ROOT, STREAM): "1.2.3"}
    assert run(agent, wanted)["changed"] is False


def test_it_tells_where_nodes_find_it(agent, release):
    urls = run(agent, release("1.2.3"), url="http://10.10.0.1:8080/os/")["urls"]
    base = "http://10.10.0.1:8080/os/" + STREAM
    assert urls == {"x86-64": {"image": base + "/1.2.3/image", "base": base, "version": "1.2.3"}}


@pytest.mark.parametrize(("cuts", "offsets"), [(1, [0, 100, 200, 300, 300, 400]), (2, [0, 100, 200, 300, 300])])
def test_big_files_go_on_where_they_were_cut(agent, release, monkeypatch, cuts, offsets):
    """Within a run for as long as that helps, and then in the next one."""
    monkeypatch.setattr(send, "BIG", 200)
    monkeypatch.setattr(send, "LEG", 100)
    wanted = release("1.2.3")
    upload, legs = agent.upload, []

    def cut(local_path, directory, name, offset=0, length=None):
        if not directory.endswith("/.incoming"):
            return upload(local_path, directory, name)
        legs.append(offset)
        if 3 < len(legs) <= 3 + cuts:
            return failure("unreachable", "the line was cut")
        return upload(local_path, directory, name, offset, length)

    agent.upload = cut
    result = run(agent, wanted)
    assert legs == offsets
    if cuts == 2:
        assert result["failed"] and "the line was cut" in result["msg"]
        assert agent.files == {} and agent.links == {}
        assert run(agent, wanted)["changed"] is True
        assert legs[5:] == [300, 400]
    assert agent.files["%s/%s/1.2.3/image" % (ROOT, STREAM)][0] == b"1.2.3" * 100
    assert agent.arrived == {}


def test_without_room_nothing_is_sent(agent, release):
    agent.free = 100
    wanted = release("1.2.3")
    assert run(agent, wanted, check=True)["error"]["kind"] == "no_space"
    assert run(agent, wanted)["error"]["kind"] == "no_space"
    assert "upload" not in agent.calls


def test_what_has_arrived_already_needs_no_room(agent, release, monkeypatch):
    monkeypatch.setattr(send, "BIG", 200)
    monkeypatch.setattr(send, "LEG", 100)
    wanted = release("1.2.3")
    key = local_file(os.path.join(wanted["directory"], "image")).key()
    agent.arrived[key] = b"1.2.3" * 80
    agent.free = 300
    assert run(agent, wanted)["changed"] is True


def test_only_what_nothing_names_is_cleaned(agent, release):
    run(agent, release("1.2.3"))
    new = release("1.2.4")
    run(agent, new)
    menu = "/tftpboot/pxelinux.cfg/01-aa"
    agent.files[menu] = (b"kernel 1.2.3", "0644")
    # Not laid out as a release.
    agent.files[ROOT + "/notes"] = (b"", "0644")
    result = run(agent, new, upload=False, clean=True)
    assert (result["changed"], result["removed"], result["kept"]) == (False, [], {STREAM + "/1.2.3": [menu]})
    del agent.files[menu]
    planned = run(agent, new, upload=False, clean=True, check=True)
    done = run(agent, new, upload=False, clean=True)
    assert planned["removed"] == done["removed"] == [STREAM + "/1.2.3/image", STREAM + "/1.2.3/version.txt"]
    assert sorted(agent.files) == sorted(
        [ROOT + "/notes", "%s/%s/1.2.4/image" % (ROOT, STREAM), "%s/%s/1.2.4/version.txt" % (ROOT, STREAM)]
    )


def test_what_is_no_release_is_refused(agent):
    result = run(agent, {"version": "1"})
    assert "entry 1: has no directory" in result["msg"]


def test_what_is_not_fetched_yet_is_predicted(agent, release, tmp_path):
    sizes = {"image": 4900, "image.sig": 100}
    wanted = {**release("1.2.3"), "directory": str(tmp_path / "not there"), "sizes": sizes}
    planned = run(agent, wanted, check=True, point=False)
    assert planned["changed"] and planned["bytes"] == 5000
    assert planned["uploaded"] == [STREAM + "/1.2.3/image", STREAM + "/1.2.3/image.sig"]
    agent.free = 4000
    assert "no_space" in run(agent, wanted, check=True)["msg"]


def test_current_moves_only_when_it_may(agent, release):
    wanted = release("1.2.3")
    assert run(agent, wanted, point=False)["pointed"] == [] and agent.links == {}
    assert run(agent, wanted)["pointed"] == [STREAM + "/current"]
