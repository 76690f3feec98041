# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Virtual IPs as pfSense wants them."""

from __future__ import annotations

import pytest
from ansible_collections.pfrack.cluster.plugins.module_utils.desired.virtual_ip import SECTION, desire
from ansible_collections.pfrack.cluster.plugins.module_utils.errors import DesiredError
from ansible_collections.pfrack.cluster.plugins.module_utils.reconcile import reconcile
from hypothesis import given
from hypothesis import strategies as st

INFO = {
    "interfaces": {
        "wan": {"descr": "WAN", "address": "198.51.100.2", "prefix": 24, "enabled": True},
        "lan": {"descr": "Rack 1", "address": "10.10.0.1", "prefix": 24, "enabled": True},
        "opt1": {"descr": "DMZ", "address": "10.20.0.1", "prefix": 24, "enabled": False},
        "opt2": {"descr": "SPARE", "address": None, "prefix": None, "enabled": True},
    },
    "scopes": {"lan": {"enabled": True, "range": {"from": "10.10.0.100", "to": "10.10.0.199"}, "pools": []}},
}
ALIAS = {"address": "10.10.0.5", "descr": "Deis HA Proxy"}
CARP = {"address": "10.10.0.6", "mode": "carp", "vhid": 6, "password": "hunter22"}


def plan(existing, virtual_ips, **options):
    return desire({SECTION: existing}, dict(options, virtual_ips=virtual_ips), INFO)


def vip(**elements):
    return dict(
        {
            "mode": "ipalias",
            "interface": "lan",
            "uniqid": "5f0c2a41b3de1",
            "descr": "by hand",
            "type": "single",
            "subnet_bits": "32",
            "subnet": "10.10.0.5",
        },
        **elements,
    )


def problems(existing, virtual_ips, **options):
    with pytest.raises(DesiredError) as caught:
        plan(existing, virtual_ips, **options)
    return caught.value.problems


def test_ip_alias_to_the_letter():
    desired = plan("", [ALIAS])
    assert desired.sections == {
        SECTION: [
            {
                "mode": "ipalias",
                "interface": "lan",
                "uniqid": "df5c3bdddf797",
                "descr": "Deis HA Proxy [pfrack]",
                "type": "single",
                "subnet_bits": "32",
                "subnet": "10.10.0.5",
            }
        ]
    }
    assert desired.services == ["virtual_ip", "filter"] and desired.entries["created"] == ["10.10.0.5"]


def test_carp_to_the_letter():
    (entry,) = plan(None, [CARP]).sections[SECTION]
    assert {name: entry[name] for name in ("mode", "vhid", "advbase", "advskew", "password")} == {
        "mode": "carp",
        "vhid": "6",
        "advbase": "1",
        "advskew": "0",
        "password": "hunter22",
    }


@pytest.mark.parametrize("name", ["lan", "LAN", "Rack 1", "rack 1"])
def test_interface_by_id_or_label(name):
    assert plan([], [dict(ALIAS, interface=name)]).sections[SECTION][0]["interface"] == "lan"


def test_uniqid_depends_on_owner_and_stays_once_given():
    other = plan([], [ALIAS], owner="rack2").sections[SECTION][0]
    assert len(other["uniqid"]) == 13 and other["uniqid"] != plan([], [ALIAS]).sections[SECTION][0]["uniqid"]
    ours = vip(descr="x [pfrack]", uniqid="aaaaaaaaaaaaa")
    assert plan([ours], [ALIAS]).sections[SECTION][0]["uniqid"] == "aaaaaaaaaaaaa"


def test_unmarked_one_that_says_the_same_stays_even_when_purging():
    for wanted in ([ALIAS], []):
        desired = plan([vip()], wanted, purge=True)
        assert desired.sections[SECTION] == [vip()] and not any(desired.entries.values())


def test_purge_removes_only_ours():
    existing = [vip(), vip(subnet="10.10.0.7", descr="[pfrack]"), vip(subnet="10.10.0.8", descr="x [pfrack:rack2]")]
    desired = plan(existing, [], purge=True)
    assert desired.sections[SECTION] == [existing[0], existing[2]] and desired.entries["removed"] == ["10.10.0.7"]
    assert plan(existing, []).sections[SECTION] == existing


def test_a_carp_address_has_the_mask_of_its_network():
    def bits(**wanted):
        return plan([], [dict(CARP, **wanted)]).sections[SECTION][0]["subnet_bits"]

    assert (bits(), bits(prefix=32), bits(address="192.0.2.1"), bits(address="fd00::6")) == ("24", "32", "32", "128")


def test_back_from_carp_to_alias_drops_what_only_carp_has():
    existing = plan([], [CARP]).sections[SECTION]
    (entry,) = plan(existing, [{"address": "10.10.0.6"}]).sections[SECTION]
    assert entry["mode"] == "ipalias" and not {"vhid", "password", "advbase", "advskew"} & set(entry)


@pytest.mark.parametrize(
    "wanted, words",
    [
        ({"address": "10.10.0.300"}, "not an IP address"),
        ({"address": "10.10.0.0", "prefix": 24}, "network address"),
        ({"address": "10.10.0.255", "prefix": 24}, "broadcast"),
        ({"address": "10.10.0.255"}, "broadcast address of 10.10.0.0/24 (interface lan)"),
        ({"address": "10.10.0.5", "prefix": 33}, "prefix 33"),
        ({"address": "224.0.0.1"}, "not an address of a host"),
        ({"address": "198.51.100.2"}, "the address of interface wan"),
        ({"address": "10.10.0.5", "interface": "opt9"}, "opt9 does not exist; the router has lan (Rack 1)"),
        ({"address": "10.20.0.5", "interface": "dmz"}, "switched off"),
        ({"address": "10.10.0.5", "interface": "spare"}, "no address"),
        ({"address": "10.10.0.5", "mode": "carp", "password": "x"}, "needs vhid"),
        ({"address": "10.10.0.5", "mode": "carp", "vhid": 256, "password": "x"}, "vhid 256"),
        ({"address": "10.10.0.5", "mode": "carp", "vhid": 1, "password": "x", "advskew": 255}, "advskew 255"),
        ({"address": "10.10.0.5", "mode": "carp", "vhid": 1}, "needs password"),
        ({"address": "10.10.0.5", "mode": "carp", "vhid": 1, "password": "x", "interface": "lo0"}, "real interface"),
    ],
)
def test_refused(wanted, words):
    found = problems([], [wanted])
    assert len(found) == 1 and words in found[0] and wanted["address"] in found[0]


def test_all_problems_at_once():
    wanted = [{"address": "x"}, {"address": "10.10.0.1"}, {"address": "10.10.0.9", "vhid": 1, "mode": "carp"}]
    assert len(problems([], wanted)) == 3


def test_address_taken_by_an_unmarked_one_that_contradicts():
    (found,) = problems([vip(interface="wan")], [ALIAS])
    assert "by hand" in found and 'interface is "wan" instead of "lan"' in found


def test_vhid_taken_by_an_unmarked_one():
    (found,) = problems([vip(mode="carp", vhid="6", subnet="10.10.0.9")], [CARP])
    assert "10.10.0.9" in found and "vhid 6" in found
    plan([vip(mode="carp", vhid="6", subnet="10.10.0.9", interface="wan")], [CARP])


def test_same_address_twice():
    assert "twice" in problems([], [ALIAS, ALIAS])[0]


def test_carp_address_that_carries_an_alias_is_not_removed():
    carp = plan([], [CARP]).sections[SECTION][0]
    existing = [carp, vip(interface="_vip" + carp["uniqid"])]
    assert "10.10.0.5" in problems(existing, [], purge=True)[0]
    alias = {"address": "10.10.0.8", "interface": "_vip" + carp["uniqid"]}
    assert plan([carp], [alias]).sections[SECTION][1]["interface"] == "_vip" + carp["uniqid"]


def test_warns_about_the_dhcp_range():
    assert "10.10.0.150" in plan([], [{"address": "10.10.0.150"}]).warnings[0]
    assert plan([], [ALIAS]).warnings == []


def test_ipv6():
    (entry,) = plan([], [{"address": "FD00::0005"}]).sections[SECTION]
    assert (entry["subnet"], entry["subnet_bits"]) == ("fd00::5", "128")


ADDRESSES = st.integers(2, 99).map(lambda number: "10.10.0.%d" % number)
WANTED = st.lists(
    st.fixed_dictionaries({"address": ADDRESSES, "descr": st.sampled_from(["", "a"])}),
    unique_by=lambda option: option["address"],
    max_size=6,
)
EXISTING = st.lists(
    st.builds(
        lambda number, descr: vip(subnet="10.10.0.%d" % number, descr=descr, custom="kept"),
        st.integers(2, 99),
        st.sampled_from(["", "x", "y [pfrack]", "z [pfrack:b]"]),
    ),
    unique_by=lambda entry: entry["subnet"],
    max_size=6,
)


@given(EXISTING, WANTED, st.booleans(), st.randoms())
def test_order_of_the_inventory_does_not_matter_and_the_second_plan_is_empty(existing, wanted, purge, random):
    shuffled = list(wanted)
    random.shuffle(shuffled)
    sections = plan(existing, wanted, purge=purge).sections
    assert sections == plan(existing, shuffled, purge=purge).sections
    assert not reconcile(sections, plan(sections[SECTION], wanted, purge=purge).sections)
    unmarked = [entry for entry in existing if not entry["descr"].endswith("[pfrack]")]
    assert [entry for entry in sections[SECTION] if not entry["descr"].endswith("[pfrack]")] == unmarked
