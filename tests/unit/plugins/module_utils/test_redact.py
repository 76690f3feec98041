# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets stay secret in diffs."""

from __future__ import annotations

import base64
import json

import pytest
from ansible_collections.pfrack.cluster.plugins.module_utils.redact import MASK, redact
from hypothesis import given
from hypothesis import strategies as st

SECRETS = [
    "password",
    "stats_password",
    "bcrypt-hash",
    "sha512-hash",
    "prv",
    "ddnsdomainkey",
    "ldap_bindpw_password",
    "md5-hash",
    "pre-shared-key",
    "secret",
    "Password",
    "radius_secret",
]


@pytest.mark.parametrize("name", SECRETS)
def test_secret_elements_are_masked(name):
    assert redact({"a": [{name: "hunter22", "descr": "d"}]}) == {"a": [{name: MASK, "descr": "d"}]}


@pytest.mark.parametrize("name", ["descr", "address", "enable", "sshdkeyonly", "crt", "hostname", "authorizedkeys"])
def test_other_elements_are_shown(name):
    assert redact({name: "text"}) == {name: "text"}


def test_empty_and_missing_secrets_are_shown_as_such():
    assert redact({"password": "", "prv": None}) == {"password": "", "prv": None}


@given(st.sampled_from(SECRETS), st.lists(st.sampled_from(["a", "b"]), max_size=4))
def test_no_depth_hides_a_secret(name, path):
    value = {name: ["hunter22"]}
    for element in path:
        value = {element: [value]}
    assert "hunter22" not in json.dumps(redact(value))


@pytest.mark.parametrize("name", ["custom_options", "advanced", "advanced_backend"])
def test_texts_in_base64_can_be_read(name):
    text = "# [pfrack] servers: node1\noption redispatch"
    assert redact({name: base64.b64encode(text.encode()).decode()}) == {name: text}


@pytest.mark.parametrize("value", ["check inter 1000", "", None, "AAECAw==", "é", "//79"])
def test_what_is_no_text_in_base64_is_shown_as_it_is(value):
    assert redact({"advanced": value}) == {"advanced": value}
