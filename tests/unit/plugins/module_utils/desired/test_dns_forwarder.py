# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wildcards as the DNS forwarder wants them."""

from __future__ import annotations

import base64

import pytest
from ansible_collections.pfrack.cluster.plugins.module_utils.desired.dns_forwarder import desire
from ansible_collections.pfrack.cluster.plugins.module_utils.errors import DesiredError

WILDCARD = {"domain": "example.net", "address": "10.1.0.20"}


def encode(text):
    return base64.b64encode(text.encode()).decode()


def options(present, wildcards, **wanted):
    current = {"dnsmasq": {"custom_options": encode(present)} if present is not None else ""}
    section = desire(current, dict(wanted, wildcards=wildcards), {}).sections["dnsmasq"]
    return base64.b64decode(section["custom_options"]).decode() if "custom_options" in section else None


def test_wildcard_as_the_original_guide_writes_it():
    assert options(None, [WILDCARD]) == (
        "address=/begin.pfrack.invalid/\naddress=/example.net/10.1.0.20\naddress=/end.pfrack.invalid/"
    )


def test_options_of_the_admin_stay_with_their_line_ends():
    mine = "local-ttl=5\r\naddress=/old.example/10.0.0.1\r\n"
    placed = options(mine, [WILDCARD])
    assert placed.startswith(mine) and options(placed, []) == mine
    saved_in_the_gui = placed.replace("\r\n", "\n").replace("\n", "\r\n")
    assert options(saved_in_the_gui, [WILDCARD]) == saved_in_the_gui


def test_no_wildcards_and_no_options():
    assert options(None, []) is None


def test_owners_side_by_side():
    both = options(options("", [WILDCARD]), [dict(WILDCARD, domain="other.net")], owner="Two")
    assert "address=/begin.two.pfrack.invalid/\naddress=/other.net/10.1.0.20" in both
    assert options(both, [], owner="Two") == options("", [WILDCARD])


def test_star_notation_and_ipv6():
    assert "address=/example.net/fd00::20\n" in options("", [{"domain": "*.Example.net.", "address": "FD00::20"}])


def test_half_a_block_is_refused():
    with pytest.raises(DesiredError, match="only a part of our block"):
        options("address=/begin.pfrack.invalid/\n", [WILDCARD])


@pytest.mark.parametrize("token", ["address=/.example.net/10.1.0.20", "address=/x/Example.net/10.1.0.20"])
def test_wildcard_that_the_admin_wrote_by_hand(token):
    assert options(token, [WILDCARD]) == token
    with pytest.raises(DesiredError, match="10.1.0.20, outside of our block"):
        options(token, [dict(WILDCARD, address="10.1.0.21")])
    assert "/fd00::20\n" in options(token, [dict(WILDCARD, address="fd00::20")])
