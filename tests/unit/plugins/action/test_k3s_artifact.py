# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""k3s_artifact: what is kept of a release, and what its nodes are told."""

from __future__ import annotations

import functools
import hashlib
import http.server
import threading

import pytest
from ansible_collections.pfrack.cluster.plugins.action.k3s_artifact import ActionModule
from ansible_collections.pfrack.cluster.tests.unit.run_action import make_action

VERSION = "v1.34.1+k3s1"
PROGRAM, IMAGES = b"the program", b"its images"


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_arguments):
        pass


@pytest.fixture
def vendor(tmp_path):
    """A release as k3s lays it out; its directory, and the URL above it."""
    release = tmp_path / "vendor" / VERSION
    release.mkdir(parents=True)
    files = {"k3s": PROGRAM, "k3s-airgap-images-amd64.tar.zst": IMAGES}
    lines = []
    for name, content in files.items():
        (release / name).write_bytes(content)
        lines.append(f"{hashlib.sha256(content).hexdigest()}  {name}\n")
    (release / "sha256sum-amd64.txt").write_text("".join(lines))
    handler = functools.partial(Quiet, directory=str(release.parent))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield release, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def run(tmp_path, vendor):
    def play(check=False, **options):
        arguments = {"version": VERSION, "base_url": vendor[1], "cache": str(tmp_path / "cache"), **options}
        return make_action(ActionModule, arguments, check).run(task_vars={})

    return play


def kept(tmp_path):
    return {path.name for path in (tmp_path / "cache").rglob("*") if path.is_file()} - {"lock"}


def test_a_release_is_fetched_once(run, vendor, tmp_path):
    first = run(images=True)
    assert first["changed"] and first["downloaded"] == ["k3s", "k3s-airgap-images-amd64.tar.zst"], first
    directory = tmp_path / "cache/k3s/v1.34.1-k3s1/tree"
    assert first["directory"] == str(directory) and first["path"] == "v1.34.1-k3s1"
    assert (directory / first["path"] / "k3s").read_bytes() == PROGRAM
    # Its vendor is not needed any more.
    for file in vendor[0].iterdir():
        file.unlink()
    assert not run(images=True)["changed"]


def test_check_mode_keeps_nothing(run, tmp_path):
    assert run(check=True)["downloaded"] == ["k3s"]
    assert not (tmp_path / "cache").exists()


def test_a_file_that_does_not_agree_with_the_checksums_is_not_kept(run, vendor, tmp_path):
    (vendor[0] / "k3s").write_bytes(b"something else")
    refused = run()
    assert refused["failed"] and hashlib.sha256(PROGRAM).hexdigest() in refused["msg"]
    assert "base_url" in refused["msg"]
    assert not kept(tmp_path)
    # A file in the cache that was damaged is fetched again.
    (vendor[0] / "k3s").write_bytes(PROGRAM)
    place = run()["directory"] + "/v1.34.1-k3s1/k3s"
    with open(place, "wb") as file:
        file.write(b"damaged")
    assert run()["changed"]
    with open(place, "rb") as file:
        assert file.read() == PROGRAM


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"version": "1.34.1"}, "is no version of k3s"),
        ({"version": "v1.34.1+k3s2"}, "404"),
        ({"sha256": "0" * 64}, "one of them is not what it should be"),
        ({"arch": "arm64"}, "404"),
    ],
)
def test_what_is_wrong_is_named(run, options, words):
    refused = run(**options)
    assert refused["failed"] and words in refused["msg"], refused


@pytest.mark.parametrize("options", [{}, {"sha256": hashlib.sha256(PROGRAM).hexdigest()}], ids=["found", "pinned"])
def test_wrong_checksums_of_one_mirror_are_not_held_against_the_next(run, vendor, tmp_path, options):
    sums = vendor[0] / "sha256sum-amd64.txt"
    right = sums.read_text()
    sums.write_text(right.replace(hashlib.sha256(PROGRAM).hexdigest(), "0" * 64))
    assert run(**options)["failed"]
    sums.write_text(right)
    assert run(**options)["changed"]


def test_nodes_check_what_they_fetch_and_wait_for_their_token(run):
    snippets = run(url="http://10.10.0.1:8080/k3s/", sha256=hashlib.sha256(PROGRAM).hexdigest())["group_snippets"]
    (file,) = snippets["cluster"][0]["storage"]["files"]
    assert file["contents"]["source"] == "http://10.10.0.1:8080/k3s/v1.34.1-k3s1/k3s"
    assert file["contents"]["verification"] == {"hash": "sha256-" + hashlib.sha256(PROGRAM).hexdigest()}
    assert file["mode"] == 0o755
    for group, words in (("controllers", "k3s server"), ("workers", "k3s agent")):
        units = {unit["name"]: unit for unit in snippets[group][0]["systemd"]["units"]}
        assert words in units["k3s.service"]["contents"]
        assert "ConditionPathExists=/etc/rancher/k3s/complete" in units["k3s.service"]["contents"]
        assert units["pfrack-k3s.path"]["enabled"]
