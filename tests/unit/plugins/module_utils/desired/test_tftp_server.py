# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The TFTP server's settings as its package wants them."""

from __future__ import annotations

import pytest
from ansible_collections.pfrack.cluster.plugins.module_utils.desired.tftp_server import SECTION, desire
from ansible_collections.pfrack.cluster.plugins.module_utils.errors import DesiredError
from ansible_collections.pfrack.cluster.plugins.module_utils.reconcile import reconcile
from hypothesis import given
from hypothesis import strategies as st

INFO = {"features": {"tftpd_enable_field": "enable"}}


def plan(current, info=None, **wanted):
    return desire({SECTION: current}, wanted, info or INFO).sections[SECTION]


def test_settings_to_the_letter():
    assert plan(
        None, enable=True, address="10.10.0.1", ipv4_only=True, block_size=1428, logging=True, allow_uploads=True
    ) == {
        "enable": "on",
        "tftpd_ip": "10.10.0.1",
        "tftpd_ipv4only": "on",
        "tftpd_blocksize": "1428",
        "tftpd_logging": "on",
        "tftpd_create": "on",
    }


def test_old_packages_read_another_switch():
    assert plan("", {"features": {"tftpd_enable_field": "tftpd_enable"}}, enable=True) == {"tftpd_enable": "on"}


def test_only_given_options_are_touched():
    present = {"enable": "on", "tftpd_logging": "on", "tftpd_ip": "10.10.0.1", "odd": "kept"}
    assert plan(present, logging=False) == {"enable": "on", "tftpd_ip": "10.10.0.1", "odd": "kept"}
    assert plan(present, address="")["tftpd_ip"] == ""
    assert plan(present, enable=False) == {name: present[name] for name in ("tftpd_logging", "tftpd_ip", "odd")}


def test_impossible_values():
    with pytest.raises(DesiredError) as caught:
        plan({}, address="router", block_size=100)
    assert len(caught.value.problems) == 2
    with pytest.raises(DesiredError, match="IPv6"):
        plan({}, address="fd00::1", ipv4_only=True)


@given(
    st.dictionaries(st.sampled_from(["enable", "tftpd_logging", "tftpd_create", "odd"]), st.sampled_from(["", "on"])),
    st.fixed_dictionaries({}, optional={name: st.booleans() for name in ("enable", "logging", "allow_uploads")}),
)
def test_second_plan_is_empty_and_the_rest_stays(present, wanted):
    after = plan(present, **wanted)
    assert not reconcile({SECTION: after}, {SECTION: plan(after, **wanted)})
    assert after.get("odd") == present.get("odd")
