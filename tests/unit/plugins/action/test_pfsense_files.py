# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pfsense_files against a file system in memory."""

from __future__ import annotations

import errno
import os
import tempfile

import pytest
from ansible_collections.pfrack.cluster.plugins.action.pfsense_files import ActionModule
from ansible_collections.pfrack.cluster.plugins.plugin_utils import send
from ansible_collections.pfrack.cluster.tests.unit.fake_agent import FakeAgent, failure
from ansible_collections.pfrack.cluster.tests.unit.run_action import run_action


@pytest.fixture
def src(tmp_path):
    root = tmp_path / "tree"
    (root / "pxelinux.cfg").mkdir(parents=True)
    (root / "pxelinux.0").write_bytes(b"\x00loader")
    (root / "pxelinux.cfg" / "default").write_text("menu\n")
    return root


@pytest.fixture
def agent():
    return FakeAgent(files={"/tftpboot/old": (b"old", "0644"), "/elsewhere/x": (b"x", "0644")})


def run(agent, src, **options):
    controls = {name: options.pop(name) for name in ("check", "diff") if name in options}
    return run_action(ActionModule, agent, dict({"src": str(src), "dest": "/tftpboot"}, **options), **controls)


def test_uploads_once(agent, src):
    result = run(agent, src)
    assert result["uploaded"] == ["pxelinux.0", "pxelinux.cfg/default"] and result["bytes"] == 12
    assert agent.files["/tftpboot/pxelinux.cfg/default"] == (b"menu\n", "0644") and "/tftpboot/old" in agent.files
    again = run(agent, src)
    assert not again["changed"] and agent.calls.count("publish") == 1 and agent.calls.count("upload") == 1


def test_an_unchanged_tree_is_recognised_in_one_round_trip(agent, src):
    for number in range(1000):
        (src / f"menu{number}").write_text(f"{number}\n")
    assert len(run(agent, src)["uploaded"]) == 1002
    agent.calls.clear()
    assert not run(agent, src)["changed"]
    assert agent.calls == ["tree"]


def test_only_what_differs(agent, src):
    run(agent, src)
    (src / "pxelinux.0").write_bytes(b"\x01loader")
    assert run(agent, src)["uploaded"] == ["pxelinux.0"]
    assert len(run(agent, src, mode="0600")["uploaded"]) == 2
    assert not run(agent, src, mode=0o600)["changed"]


def test_purge_stays_below_dest_and_spares_what_is_excluded(agent, src):
    agent.files["/tftpboot/local/keep"] = (b"", "0644")
    result = run(agent, src, purge=True, exclude=["local/", "*.cfg"])
    assert result["removed"] == ["old"] and result["uploaded"] == ["pxelinux.0"]
    assert set(agent.files) == {"/tftpboot/pxelinux.0", "/tftpboot/local/keep", "/elsewhere/x"}


def test_purge_alone_needs_no_staging(agent, tmp_path):
    assert run(agent, tmp_path, purge=True)["removed"] == ["old"]
    assert "stage" not in agent.calls


def test_check_mode_predicts_with_sizes_and_hashes(agent, src):
    predicted = run(agent, src, purge=True, check=True, diff=True)
    assert set(agent.files) == {"/tftpboot/old", "/elsewhere/x"}
    assert "5 bytes" in predicted["diff"]["after"] and "old: 3 bytes" in predicted["diff"]["before"]
    assert predicted == run(agent, src, purge=True, diff=True)


def test_links_inside_are_followed(agent, src):
    (src / "alias").symlink_to("pxelinux.0")
    run(agent, src)
    assert agent.files["/tftpboot/alias"][0] == b"\x00loader"


def make_outside_link(src):
    (src.parent / "secret").write_text("secret")
    (src / "bad").symlink_to("../secret")


@pytest.mark.parametrize(
    "spoil, words",
    [
        (make_outside_link, "leaves the directory"),
        (lambda src: (src / "bad").symlink_to("nowhere"), "link to nothing"),
        (lambda src: (src / "bad").symlink_to("pxelinux.cfg"), "link to a directory"),
        (lambda src: os.mkfifo(src / "bad"), "neither a file nor a directory"),
        (lambda src: (src / "bad\nname").write_text(""), "control characters"),
        (lambda src: open(os.path.join(os.fsencode(src), b"bad\xff"), "w").close(), "not UTF-8"),
    ],
)
def test_refused_before_the_router_is_asked(agent, src, spoil, words):
    spoil(src)
    result = run(agent, src)
    assert result["failed"] and words in result["msg"] and agent.calls == []
    assert run(agent, src, exclude=["bad*"])["changed"]


@pytest.mark.parametrize(
    "options, words",
    [
        ({"dest": "tftpboot"}, "absolute"),
        ({"dest": "/"}, "absolute"),
        ({"mode": "rw"}, "octal"),
        ({"mode": 644}, "octal"),
        ({"directory_mode": "9"}, "octal"),
    ],
)
def test_bad_options(agent, src, options, words):
    result = run(agent, src, **options)
    assert result["failed"] and words in result["msg"] and agent.calls == []


def test_src_is_not_a_directory(agent, src):
    assert "not a directory" in run(agent, src / "pxelinux.0")["msg"]


@pytest.mark.parametrize("path, words", [("pxelinux.cfg", "a directory in src"), ("pxelinux.0/x", "a file in src")])
def test_file_against_directory(agent, src, path, words):
    agent.files["/tftpboot/" + path] = (b"", "0644")
    result = run(agent, src)
    assert result["failed"] and words in result["msg"] and "publish" not in agent.calls


@pytest.mark.parametrize("check", [True, False])
def test_no_space(agent, src, check):
    agent.free = 3
    result = run(agent, src, check=check)
    assert result["failed"] and result["error"]["kind"] == "no_space" and "upload" not in agent.calls


@pytest.mark.parametrize("kind, dropped", [("invalid", True), ("unknown_outcome", False), ("timeout", False)])
def test_what_the_router_may_still_be_publishing_stays(agent, src, kind, dropped):
    agent.do_publish = lambda **params: failure(kind, "no")
    assert run(agent, src)["error"]["kind"] == kind
    assert (agent.calls[-1] == "unstage") == dropped


def test_a_file_that_cannot_be_read_any_more_is_named(agent, src):
    def stage(**params):
        (src / "pxelinux.0").unlink()
        return FakeAgent.do_stage(agent, **params)

    agent.do_stage = stage
    result = run(agent, src)
    assert result["failed"] and f"router1: on the controller: {src}/pxelinux.0: No such file" in result["msg"]
    assert agent.calls[-1] == "unstage"


def test_a_full_disk_on_the_controller_is_named(agent, src, monkeypatch):
    def copy(source, target):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(send.shutil, "copyfileobj", copy)
    result = run(agent, src)
    assert result["failed"] and "on the controller: %s: No space left" % tempfile.gettempdir() in result["msg"]
    assert agent.calls[-1] == "unstage"


def test_failed_upload_leaves_nothing_behind(agent, src):
    agent.upload = lambda *args: failure("unreachable", "cut")
    before = dict(agent.files)
    result = run(agent, src)
    assert result["failed"] and result["error"]["kind"] == "unreachable"
    assert agent.files == before and agent.calls[-1] == "unstage"
