# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
import hashlib
import hmac
import os
import stat

import pytest
from ansible_collections.pfrack.cluster.plugins.plugin_utils.ssh import known_hosts


def hashed(name):
    salt = b"0123456789abcdef0123"
    digest = hmac.new(salt, name.encode(), hashlib.sha1).digest()
    return "|1|" + base64.b64encode(salt).decode() + "|" + base64.b64encode(digest).decode()


@pytest.mark.parametrize(
    ("names", "name", "known"),
    [
        ("10.10.0.1", "10.10.0.1", True),
        ("10.10.0.1", "10.10.0.11", False),
        ("router,10.10.0.1", "10.10.0.1", True),
        ("[10.10.0.1]:2222", "[10.10.0.1]:2222", True),
        ("[10.10.0.1]:2222", "10.10.0.1", False),
        ("*.example.net", "fw.example.net", True),
        ("*.example.net,!fw.example.net", "fw.example.net", False),
        ("10.10.0.?", "10.10.0.1", True),
        (hashed("10.10.0.1"), "10.10.0.1", True),
        (hashed("[10.10.0.1]:22022"), "[10.10.0.1]:22022", True),
        (hashed("10.10.0.1"), "10.10.0.2", False),
        ("|1|broken", "10.10.0.1", False),
        ("Router", "router", True),
    ],
)
def test_names(tmp_path, names, name, known):
    path = tmp_path / "known_hosts"
    path.write_text(f"# a comment\n\n{names} ssh-ed25519 AAAA a comment\nshort line\n")
    entries = known_hosts.known_entries([str(path)], name)
    assert [(entry.key, entry.line) for entry in entries] == ([("AAAA", 3)] if known else [])


def test_markers(tmp_path):
    path = tmp_path / "known_hosts"
    path.write_text("@revoked * ssh-rsa BAD\n@cert-authority * ssh-rsa CA\n")
    entries = known_hosts.known_entries([str(path), "/nowhere"], "router")
    assert [(entry.key, entry.revoked) for entry in entries] == [("BAD", True)]


def test_lookup_name():
    assert known_hosts.lookup_name("Router", 22) == "router"
    assert known_hosts.lookup_name("10.10.0.1", 2222) == "[10.10.0.1]:2222"


def test_add_entry_starts_its_own_line(tmp_path):
    path = tmp_path / "new" / "known_hosts"
    known_hosts.add_entry(str(path), "one", "ssh-rsa", "A")
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    path.write_text("one ssh-rsa A")
    known_hosts.add_entry(str(path), "two", "ssh-rsa", "B")
    assert path.read_text() == "one ssh-rsa A\ntwo ssh-rsa B\n"
