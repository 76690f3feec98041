# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files on their way to the router: few requests for many of them, and big ones that go on where they were cut."""

from __future__ import annotations

import os
import sys

import pytest
from api_line import ApiLine, install_rest
from clients import wait_for
from router_line import ROOT as CHECKOUT
from router_line import RouterLine

sys.path.insert(0, str(CHECKOUT / "build" / "collections"))

from ansible_collections.pfrack.cluster.plugins.module_utils.router import Router, RouterError
from ansible_collections.pfrack.cluster.plugins.plugin_utils import send
from ansible_collections.pfrack.cluster.plugins.plugin_utils.local_tree import scan

CARRIERS = ["ssh", "xmlrpc", "rest"]
ROOT = "/tftpboot/files"
# An address that nobody has: the router cannot fetch anything from there.
NOBODY = "10.10.0.77"


class Carrier:
    """A Router over one line, which notes the names of its requests; a big file is cut before leg `cut`."""

    def __init__(self, rack, name, **options):
        if name == "rest":
            install_rest(rack.router)
        self.make_line = lambda: RouterLine(rack, **options) if name == "ssh" else ApiLine(rack, name, **options)
        self.line = self.make_line()
        self.ops = []
        self.cut = None
        self.router = Router(self._call, self._upload)

    def _call(self, op, params):
        self.ops.append(op)
        return self.line.call(op, params)

    def _upload(self, *arguments):
        self.ops.append("upload")
        if self.ops.count("upload") == self.cut:
            self.line.kill()
            raise RouterError("internal", "the controller died")
        return self.line.upload(*arguments)

    def send(self, tree, root=ROOT, directory_mode="0755"):
        send.send(self.router, root, scan(tree), [], "0644", directory_mode)


@pytest.fixture(params=CARRIERS)
def carrier(rack, router, request):
    carrier = Carrier(rack, request.param)
    yield carrier
    carrier.line.end()


def hashes(files):
    return {path: file["sha256"] if isinstance(file, dict) else file.sha256 for path, file in files.items()}


def test_a_thousand_files_are_a_handful_of_requests(carrier, tmp_path):
    for number in range(1000):
        file = tmp_path / f"{number % 7}" / f"menu{number}"
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(os.urandom(number * 3))
    carrier.send(tmp_path)
    assert carrier.ops == ["stage", "upload", "unpack", "publish"]
    carrier.ops.clear()
    there = carrier.router.tree(ROOT)["files"]
    assert carrier.ops == ["tree"] and hashes(there) == hashes(scan(tmp_path))


def test_a_big_file_goes_on_where_it_was_cut(carrier, router, tmp_path, monkeypatch):
    monkeypatch.setattr(send, "LEG", 4 << 20)
    (tmp_path / "image").write_bytes(os.urandom(21_000_000))
    (tmp_path / "menu").write_text("small\n")
    carrier.cut = 4
    with pytest.raises(RouterError):
        carrier.send(tmp_path)
    # The line that died may still have something in hand.
    carrier.line = carrier.make_line()
    assert carrier.router.tree(ROOT)["files"] == {}
    carrier.cut = None
    carrier.ops.clear()
    carrier.send(tmp_path)
    assert 2 < carrier.ops.count("upload") < 7, "some of it was there"
    assert hashes(carrier.router.tree(ROOT)["files"]) == hashes(scan(tmp_path))
    assert "pfrack" not in router.run(f"ls -A {ROOT} /tftpboot").stdout


@pytest.mark.parametrize("carrier", ["ssh"], indirect=True)
def test_directories_get_their_mode_whatever_the_files_are(carrier, router, tmp_path):
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "image").write_bytes(os.urandom(send.BIG))
    carrier.send(tmp_path, f"{ROOT}/deep", directory_mode="0750")
    assert router.run(f"stat -c %a {ROOT} {ROOT}/deep {ROOT}/deep/below").stdout == "750\n750\n750\n"


def test_a_new_directory_of_the_root_directory(carrier, router, tmp_path):
    (tmp_path / "menu").write_text("small\n")
    carrier.send(tmp_path, "/data")
    assert router.run("cat /data/menu").stdout == "small\n"
    assert "pfrack" not in router.run("ls -A /").stdout


@pytest.mark.parametrize("carrier", ["ssh", "rest"], indirect=True)
def test_links_are_sent_once_and_twins_are_told_apart(carrier, tmp_path):
    """Images of one build may have one size, time, begin and end."""
    for name in ("one", "other"):
        (tmp_path / name).write_bytes(bytes(2 << 20) + os.urandom(send.BIG) + bytes(2 << 20))
        os.utime(tmp_path / name, (1, 1))
    (tmp_path / "link").symlink_to("one")
    carrier.send(tmp_path)
    assert carrier.ops.count("upload") == 2
    assert hashes(carrier.router.tree(ROOT)["files"]) == hashes(scan(tmp_path))


@pytest.mark.parametrize("carrier", ["ssh"], indirect=True)
def test_what_nobody_has_sent_for_a_week_goes(carrier, router, tmp_path):
    (tmp_path / "menu").write_text("small\n")
    incoming, old, new = f"{ROOT}/.pfrack-stage-incoming", "a" * 64, "b" * 64
    router.run(f"mkdir -p {incoming} && touch -d '8 days ago' {incoming}/{old} && touch {incoming}/{new}")
    carrier.send(tmp_path)
    assert router.run(f"ls {incoming}").stdout == f"{new}\n"
    router.run(f"rm {incoming}/{new} && touch -d '8 days ago' {incoming}/{old}")
    (tmp_path / "image").write_bytes(b"")
    carrier.send(tmp_path)
    assert ".pfrack" not in router.run(f"ls -A {ROOT}").stdout
    # But one that is wanted does not.
    (tmp_path / "image").write_bytes(bytes(send.BIG))
    key = scan(tmp_path)["image"].key()
    router.run(f"mkdir {incoming} && head -c {send.BIG} /dev/zero > {incoming}/{key}")
    router.run(f"touch -d '8 days ago' {incoming}/{key}")
    carrier.ops.clear()
    carrier.send(tmp_path)
    assert carrier.ops.count("upload") == 1, "the menu"
    assert hashes(carrier.router.tree(ROOT)["files"]) == hashes(scan(tmp_path))


@pytest.mark.parametrize("carrier", ["ssh"], indirect=True)
def test_what_arrived_damaged_is_sent_anew(carrier, router, tmp_path):
    (tmp_path / "image").write_bytes(os.urandom(send.BIG))
    key = scan(tmp_path)["image"].key()
    router.run(
        f"mkdir -p {ROOT}/.pfrack-stage-incoming && head -c 2000000 /dev/zero > {ROOT}/.pfrack-stage-incoming/{key}"
    )
    with pytest.raises(RouterError, match="damaged"):
        carrier.send(tmp_path)
    assert carrier.router.tree(ROOT)["files"] == {}
    carrier.send(tmp_path)
    assert hashes(carrier.router.tree(ROOT)["files"]) == hashes(scan(tmp_path))


def test_many_small_files_need_no_way_back_to_the_controller(rack, router, tmp_path):
    for number in range(42):
        (tmp_path / f"menu{number}").write_bytes(os.urandom(100_000))
    carrier = Carrier(rack, "rest", pull_host=NOBODY)
    carrier.send(tmp_path)
    assert hashes(carrier.router.tree(ROOT)["files"]) == hashes(scan(tmp_path))
    carrier.line.end()


@pytest.mark.parametrize("name", CARRIERS)
def test_what_is_published_when_the_time_is_over_is_not_taken_away(rack, router, tmp_path, name):
    publish = "function pfrack_publish(array $params): array\n{"
    for number in range(3):
        (tmp_path / f"menu{number}").write_bytes(os.urandom(1000))
    carrier = Carrier(rack, name, patch=[publish, publish + "sleep(5);"], command_timeout=2.5)
    with pytest.raises(RouterError) as raised:
        carrier.send(tmp_path)
    assert raised.value.kind in ("timeout", "unknown_outcome"), raised.value
    carrier.line.end()
    carrier.line = RouterLine(rack)
    wait_for(lambda: hashes(carrier.router.tree(ROOT)["files"]) == hashes(scan(tmp_path)), "it is there", 10)
    wait_for(lambda: "pfrack" not in router.run(f"ls -A {ROOT} /tftpboot /tmp").stdout, "nothing is left", 10)
    carrier.line.end()
