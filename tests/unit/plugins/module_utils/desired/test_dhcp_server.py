# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A DHCP scope and its static mappings as pfSense wants them."""

from __future__ import annotations

import copy

import pytest
from ansible_collections.pfrack.cluster.plugins.module_utils.desired.dhcp_server import desire
from ansible_collections.pfrack.cluster.plugins.module_utils.errors import DesiredError
from ansible_collections.pfrack.cluster.plugins.module_utils.reconcile import reconcile
from hypothesis import given
from hypothesis import strategies as st

INFO = {
    "dhcp_backend": "isc",
    "domain": "lab.example",
    "interfaces": {
        "wan": {"descr": "WAN", "address": None, "prefix": None, "enabled": True},
        "lan": {"descr": "Rack 1", "address": "10.10.0.1", "prefix": 24, "enabled": True},
        "opt1": {"descr": "DMZ", "address": "10.20.0.1", "prefix": 24, "enabled": True},
    },
    "virtual_ips": [{"address": "10.10.0.5", "interface": "lan", "descr": "Deis HA Proxy"}],
}
FOREIGN = {
    "mac": "52:54:00:99:00:01",
    "cid": "",
    "ipaddr": "10.10.0.90",
    "hostname": "printer",
    "descr": "by hand",
    "odd": {"deep": "kept"},
}
NODE = {"mac_address": "52:54:00:10:00:01", "address": "10.10.0.20", "hostname": "node1"}


def scope(*mappings, **elements):
    result = {"enable": "", "range": {"from": "10.10.0.100", "to": "10.10.0.199"}, "odd": "kept"}
    if mappings:
        result["staticmap"] = list(mappings)
    return {"dhcpd": {"lan": dict(result, **elements), "opt1": ""}}


def plan(current, info=None, **wanted):
    return desire(copy.deepcopy(current), wanted, dict(INFO, **(info or {})))


def lan(current, **wanted):
    return plan(current, **wanted).sections["dhcpd"]["lan"]


def problems(current, info=None, **wanted):
    with pytest.raises(DesiredError) as caught:
        plan(current, info, **wanted)
    return caught.value.problems


def test_mapping_to_the_letter_and_sorted_by_address():
    desired = plan(
        scope(FOREIGN),
        static_mappings=[
            NODE,
            dict(NODE, mac_address="52-54-00-10-00-AB", address="10.10.0.19", hostname=None, descr="spare"),
        ],
    )
    assert desired.sections["dhcpd"]["lan"]["staticmap"] == [
        {"mac": "52:54:00:10:00:ab", "ipaddr": "10.10.0.19", "descr": "spare [pfrack]"},
        {"mac": "52:54:00:10:00:01", "ipaddr": "10.10.0.20", "hostname": "node1", "descr": "[pfrack]"},
        FOREIGN,
    ]
    assert desired.services == ["dhcp_server"]
    assert desired.entries == {"created": ["52:54:00:10:00:ab", "node1"], "changed_entries": [], "removed": []}


def test_unsorted_list_stays_unsorted_while_nothing_changes():
    current = scope(FOREIGN, dict(FOREIGN, mac="52:54:00:99:00:02", ipaddr="10.10.0.30"))
    assert plan(current, static_mappings=[]).sections["dhcpd"] == current["dhcpd"]


def test_existing_scope_keeps_its_range():
    assert lan(scope(), static_mappings=[NODE], network_boot={"bios": "pxelinux.0"})["range"] == {
        "from": "10.10.0.100",
        "to": "10.10.0.199",
    }


def test_missing_scope_needs_a_range():
    (problem,) = problems({"dhcpd": ""}, interface="DMZ", static_mappings=[dict(NODE, address="10.20.0.5")])
    assert "opt1" in problem and "range.from" in problem


def test_new_scope_is_enabled_unless_told_otherwise():
    made = plan({"dhcpd": ""}, interface="dmz", range={"from": "10.20.0.10", "to": "10.20.0.20"})
    assert made.sections["dhcpd"] == {"opt1": {"range": {"from": "10.20.0.10", "to": "10.20.0.20"}, "enable": ""}}
    assert made.services == ["dhcp_server", "filter"]
    off = plan({}, interface="opt1", enable=False, range={"from": "10.20.0.10", "to": "10.20.0.20"})
    assert "enable" not in off.sections["dhcpd"]["opt1"]


def test_network_boot_touches_only_the_given_fields():
    current = scope(filename64="mine.efi", filename="old", rootpath="keep")
    result = lan(current, network_boot={"next_server": "10.10.0.1", "bios": "pxelinux.0", "http_url": None})
    assert result == dict(current["dhcpd"]["lan"], netboot="", nextserver="10.10.0.1", filename="pxelinux.0")


@pytest.mark.parametrize(
    "option, field",
    [
        ("bios", "filename"),
        ("uefi32", "filename32"),
        ("uefi64", "filename64"),
        ("uefi_arm32", "filename32arm"),
        ("uefi_arm64", "filename64arm"),
        ("root_path", "rootpath"),
    ],
)
def test_boot_file_of_each_architecture(option, field):
    assert lan(scope(), network_boot={option: "boot/file"})[field] == "boot/file"


def test_clearing_the_last_boot_field_switches_network_boot_off():
    result = lan(scope(netboot="", filename="pxelinux.0"), network_boot={"bios": ""})
    assert "netboot" not in result and result["filename"] == ""


def test_option_66_does_not_switch_network_boot_on_and_kea_warns():
    assert "netboot" not in lan(scope(), network_boot={"tftp_server": "10.10.0.1"})
    assert plan(scope(), network_boot={"tftp_server": "10.10.0.1"}).warnings == []
    (warning,) = plan(scope(), {"dhcp_backend": "kea"}, network_boot={"tftp_server": "10.10.0.1"}).warnings
    assert "Kea" in warning and "next_server" in warning


def test_boot_fields_that_could_become_syntax_are_refused():
    found = problems(scope(), network_boot={"bios": 'a"; b', "http_url": "ftp://x", "next_server": "router"})
    assert [problem.split(":")[0] for problem in found] == [
        "network_boot.bios",
        "network_boot.next_server",
        "network_boot.http_url",
    ]


def test_all_problems_of_addresses_in_one_message():
    wanted = [
        dict(NODE, address="10.99.0.20"),
        dict(NODE, mac_address="52:54:00:10:00:02", hostname="node2", address="10.10.0.150"),
        dict(NODE, mac_address="52:54:00:10:00:03", hostname="node3", address="10.10.0.90"),
        dict(NODE, mac_address="52:54:00:10:00:04", hostname="node4", address="10.10.0.5"),
        dict(NODE, mac_address="52:54:00:10:00:05", hostname="node5", address="10.10.0.1"),
        dict(NODE, mac_address="52:54:00:10:00:06", hostname="node6", address="10.10.0.255"),
        dict(NODE, mac_address="52:54:00:10:00:07", hostname="node7", address="10.10.0.60"),
        dict(NODE, mac_address="nonsense", hostname="node8"),
        dict(NODE, mac_address="52:54:00:10:00:09", hostname="node9.lab.example", address="10.10.0.29"),
    ]
    pool = [{"descr": "guests", "range": {"from": "10.10.0.60", "to": "10.10.0.69"}}]
    found = problems(scope(FOREIGN, pool=pool), static_mappings=wanted)
    for host, words in (
        ("node1", "outside the subnet 10.10.0.0/24"),
        ("node2", "inside the range 10.10.0.100-10.10.0.199"),
        ("node3", "printer (52:54:00:99:00:01)"),
        ("node4", "Deis HA Proxy"),
        ("node5", "router's own"),
        ("node6", "broadcast"),
        ("node7", 'pool "guests"'),
        ("node8", "MAC address"),
        ("node9", "without a domain"),
    ):
        assert any(host in problem and words in problem for problem in found), host


def test_address_and_mac_wanted_twice():
    found = problems(scope(), static_mappings=[NODE, dict(NODE, mac_address="52:54:00:10:00:02", hostname="node2")])
    assert any("node1" in problem and "node2" in problem for problem in found)
    assert "listed twice" in problems(scope(), static_mappings=[NODE, dict(NODE, address="10.10.0.21")])[0]


def test_hostname_wanted_twice():
    (problem,) = problems(
        scope(), static_mappings=[NODE, dict(NODE, mac_address="52:54:00:10:00:02", address="10.10.0.21")]
    )
    assert "node1/hostname" in problem and "52:54:00:10:00:02" in problem


def test_address_held_by_a_mapping_of_ours_that_stays():
    current = {"dhcpd": plan(scope(), static_mappings=[NODE]).sections["dhcpd"]}
    other = dict(NODE, mac_address="52:54:00:10:00:02", hostname="node2")
    assert "node1" in problems(current, static_mappings=[other])[0]
    assert plan(current, static_mappings=[other], purge=True).entries["removed"] == ["node1"]


def test_foreign_mapping_of_the_same_mac():
    same = dict(NODE, mac_address=FOREIGN["mac"].upper(), address="10.10.0.90", hostname="printer")
    assert lan(scope(FOREIGN), static_mappings=[same])["staticmap"] == [FOREIGN]
    assert "by hand" in problems(scope(FOREIGN), static_mappings=[dict(same, address="10.10.0.91")])[0]
    assert "printer" in plan(scope(FOREIGN), static_mappings=[dict(same, hostname="node1")]).warnings[0]


def test_range_may_hold_neither_virtual_ip_nor_mapping_nor_pool():
    pool = [{"range": {"from": "10.10.0.60", "to": "10.10.0.69"}}]
    found = problems(scope(FOREIGN, pool=pool), range={"from": "10.10.0.2", "to": "10.10.0.99"})
    assert len(found) == 3
    assert "Deis HA Proxy" in found[0] and "printer" in found[1] and "overlaps" in found[2]
    assert "outside" in problems(scope(), range={"from": "10.10.0.200", "to": "10.10.1.5"})[0]
    assert "begins after" in problems(scope(), range={"from": "10.10.0.210", "to": "10.10.0.200"})[0]


def test_interface_problems():
    assert "lan, opt1, wan" in problems({}, interface="guest", enable=True)[0]
    assert "no static IPv4" in problems({}, interface="WAN", enable=True)[0]


def test_dns_service_that_publishes_mappings_is_applied_too():
    current = dict(scope(), dnsmasq={"enable": "", "regdhcpstatic": ""}, unbound={"regdhcpstatic": ""})
    assert plan(current, static_mappings=[NODE]).services == ["dns_forwarder", "dhcp_server"]
    assert plan(current, network_boot={"bios": "x"}).services == ["dhcp_server"]


def test_other_owner_is_foreign():
    current = {"dhcpd": plan(scope(), static_mappings=[NODE], owner="other").sections["dhcpd"]}
    assert plan(current, static_mappings=[], purge=True).entries["removed"] == []


foreign_lists = st.lists(
    st.builds(
        lambda number, odd: dict(
            FOREIGN,
            mac="52:54:00:99:01:%02x" % number,
            ipaddr="10.10.0.%d" % (40 + number),
            hostname="foreign%d" % number,
            odd=odd,
        ),
        st.integers(0, 40),
        st.text("abc", max_size=3),
    ),
    max_size=6,
    unique_by=lambda entry: entry["mac"],
)
wanted_lists = st.lists(
    st.builds(
        lambda number: {
            "mac_address": "52:54:00:10:00:%02x" % number,
            "address": "10.10.0.%d" % (10 + number),
            "hostname": "node%d" % number,
        },
        st.integers(0, 28),
    ),
    max_size=6,
    unique_by=lambda entry: entry["mac_address"],
)


@given(foreign_lists, wanted_lists, wanted_lists, st.randoms())
def test_properties(foreign, first, second, random):
    current = scope(*foreign)
    once = plan(current, static_mappings=first)
    after = dict(current, **once.sections)
    assert not reconcile(after, plan(after, static_mappings=first).sections)
    shuffled = random.sample(first, len(first))
    assert plan(current, static_mappings=shuffled).sections == once.sections
    final = plan(after, static_mappings=second, purge=True).sections["dhcpd"]["lan"].get("staticmap", [])
    assert sorted((entry for entry in final if "[pfrack]" not in entry["descr"]), key=str) == sorted(foreign, key=str)
    assert {entry["mac"] for entry in final if "[pfrack]" in entry["descr"]} == {
        entry["mac_address"] for entry in second
    }
