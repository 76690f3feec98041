# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cluster's certificate authority: what openssl thinks of its certificates, and when they are replaced."""

from __future__ import annotations

import datetime
import os
import subprocess

import pytest
from ansible_collections.pfrack.cluster.plugins.module_utils.errors import DesiredError
from ansible_collections.pfrack.cluster.plugins.plugin_utils.certificates import ensure

NODE = {"name": "node1", "addresses": ["10.10.0.20", "127.0.0.1"], "names": ["localhost"]}
NOW = datetime.datetime.now(datetime.UTC)


def issue(directory, *wanted, later=0, **more):
    options = {"days": 365, "renew_before": 60, "now": NOW + datetime.timedelta(days=later), **more}
    return ensure(str(directory), "test", wanted or [NODE], **options)


def read(path):
    with open(path, "rb") as source:
        return source.read()


def test_openssl_accepts_them_for_servers_and_clients(tmp_path):
    done = issue(tmp_path / "pki", NODE, {"name": "client"})
    assert done["changed"] and done["created_authority"] and done["issued"] == ["node1", "client"]
    for purpose, more in (("sslserver", ["-verify_ip", "10.10.0.20"]), ("sslclient", [])):
        command = ["openssl", "verify", "-x509_strict", "-CAfile", done["authority"], "-purpose", purpose, *more]
        subprocess.run([*command, done["certificates"]["node1"]["certificate"]], check=True, capture_output=True)
    wrong = ["openssl", "verify", "-CAfile", done["authority"], "-verify_ip", "10.10.0.99"]
    wrong = subprocess.run([*wrong, done["certificates"]["node1"]["certificate"]], check=False, capture_output=True)
    assert wrong.returncode != 0


def test_keys_are_for_their_owner_only(tmp_path):
    done = issue(tmp_path / "pki")
    assert os.stat(tmp_path / "pki").st_mode & 0o777 == 0o700
    for path in (done["certificates"]["node1"]["key"], tmp_path / "pki" / "ca.key"):
        assert os.stat(path).st_mode & 0o777 == 0o600


def test_a_second_run_changes_nothing_and_a_later_one_renews(tmp_path):
    first = issue(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert not issue(tmp_path, later=300)["changed"]
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    renewed = issue(tmp_path, later=310)
    assert renewed["issued"] == ["node1"] and not renewed["created_authority"]
    assert renewed["certificates"]["node1"]["not_after"] > first["certificates"]["node1"]["not_after"]
    assert read(tmp_path / "ca.pem") == before["ca.pem"]


@pytest.mark.parametrize("change", [{"addresses": ["10.10.0.21"]}, {"names": ["other"]}])
def test_other_addresses_or_names_are_another_certificate(tmp_path, change):
    issue(tmp_path)
    assert issue(tmp_path, {**NODE, **change})["issued"] == ["node1"]


def test_a_key_that_does_not_fit_is_replaced_and_that_of_the_authority_is_not(tmp_path):
    issue(tmp_path)
    (tmp_path / "node1.key").write_text("broken")
    assert issue(tmp_path)["issued"] == ["node1"]
    (tmp_path / "ca.key").unlink()
    with pytest.raises(DesiredError, match="put ca.key back"):
        issue(tmp_path)


def test_check_mode_says_the_same_and_writes_nothing(tmp_path):
    said = issue(tmp_path / "pki", check=True)
    assert not (tmp_path / "pki").exists()
    done = issue(tmp_path / "pki")
    assert {name: said[name] for name in ("changed", "issued")} == {name: done[name] for name in ("changed", "issued")}


def test_an_authority_that_ends_is_announced(tmp_path):
    assert issue(tmp_path)["warnings"] == []
    assert "ends in" in issue(tmp_path, later=3000)["warnings"][0]


@pytest.mark.parametrize(
    ("item", "words"),
    [
        ({"name": "../x"}, "no name for a file"),
        ({"name": "ca"}, "not ca"),
        ({**NODE, "addresses": ["x"]}, "IP address"),
    ],
)
def test_refused(tmp_path, item, words):
    with pytest.raises(DesiredError, match=words):
        issue(tmp_path, item)
