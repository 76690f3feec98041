# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wildcards as the DNS resolver wants them."""

from __future__ import annotations

import base64

import pytest
from ansible_collections.pfrack.cluster.plugins.module_utils.desired import dhcp_server
from ansible_collections.pfrack.cluster.plugins.module_utils.desired.dns_resolver import desire
from ansible_collections.pfrack.cluster.plugins.module_utils.errors import DesiredError

INFO = {
    "domain": "lab.example",
    "hostname": "router",
    "dhcp_backend": "isc",
    "interfaces": {"lan": {"descr": "LAN", "address": "10.10.0.1", "prefix": 24, "enabled": True}},
}
INTERFACES = {
    "wan": {"enable": "", "ipaddr": "198.51.100.2", "subnet": "24", "gateway": "WANGW"},
    "lan": {"enable": "", "ipaddr": "10.10.0.1", "subnet": "24", "ipaddrv6": "fd00::1", "subnetv6": "64"},
    "opt1": {"ipaddr": "10.20.0.1", "subnet": "24"},
    "opt2": {"enable": "", "ipaddr": "dhcp"},
}
WILDCARD = {"domain": "lab.example", "address": "10.10.0.5"}
MAPPING = {"mac": "52:54:00:10:00:01", "ipaddr": "10.10.0.20", "hostname": "node1", "descr": "by hand"}


def decode(section):
    return base64.b64decode(section.get("custom_options", "")).decode()


def plan(unbound, wildcards, **others):
    current = dict({"unbound": unbound, "interfaces": INTERFACES}, **others)
    return desire(current, {"wildcards": wildcards}, INFO)


def test_wildcard_lets_known_names_out_and_covers_the_clients():
    unbound = {
        "regdhcpstatic": "",
        "hosts": [
            {
                "host": "api",
                "domain": "lab.example",
                "ip": "10.10.0.9",
                "aliases": {
                    "item": [{"host": "www", "domain": "lab.example"}, {"host": "www", "domain": "other.example"}]
                },
            }
        ],
    }
    made = plan(unbound, [WILDCARD], dhcpd={"lan": {"staticmap": [MAPPING, dict(MAPPING, domain="other.example")]}})
    assert decode(made.sections["unbound"]).splitlines() == [
        "# BEGIN [pfrack]",
        "view:",
        'name: "pfrack"',
        "view-first: yes",
        'local-zone: "lab.example." redirect',
        'local-data: "lab.example. 60 IN A 10.10.0.5"',
        'local-zone: "api.lab.example." noview',
        'local-zone: "localhost.lab.example." noview',
        'local-zone: "node1.lab.example." noview',
        'local-zone: "router.lab.example." noview',
        'local-zone: "www.lab.example." noview',
        "server:",
        "access-control-view: 10.10.0.0/24 pfrack",
        "access-control-view: 127.0.0.1/32 pfrack",
        "access-control-view: ::1/128 pfrack",
        "access-control-view: fd00::/64 pfrack",
        "# END [pfrack]",
    ]


def test_networks_of_access_lists():
    unbound = {
        "disable_auto_added_access_control": "",
        "acls": [
            {"aclaction": "allow snoop", "row": [{"acl_network": "10.99.0.0", "mask": "16"}]},
            {"aclaction": "deny", "row": [{"acl_network": "10.98.0.0", "mask": "16"}]},
        ],
    }
    views = [line for line in decode(plan(unbound, [WILDCARD]).sections["unbound"]).splitlines() if "-view:" in line]
    assert views == ["access-control-view: 10.99.0.0/16 pfrack"]


def test_options_of_the_admin_stay():
    mine = "server:\r\nlog-queries: yes\r\n"
    present = {"custom_options": base64.b64encode(mine.encode()).decode()}
    placed = plan(present, [WILDCARD]).sections["unbound"]
    assert decode(placed).startswith(mine)
    assert decode(plan(placed, []).sections["unbound"]) == mine


def test_new_host_record_is_let_out_without_naming_the_wildcards_again():
    section = plan({}, [WILDCARD]).sections["unbound"]
    host = {"host": "late", "domain": "lab.example", "address": "10.10.0.9"}
    made = desire({"unbound": section, "interfaces": INTERFACES}, {"hosts": [host]}, INFO)
    assert 'local-zone: "late.lab.example." noview' in decode(made.sections["unbound"])
    assert 'local-data: "lab.example. 60 IN A 10.10.0.5"' in decode(made.sections["unbound"])


def test_new_static_mapping_is_let_out_by_the_dhcp_module():
    section = plan({"enable": "", "regdhcpstatic": ""}, [WILDCARD]).sections["unbound"]
    scope = {"enable": "", "range": {"from": "10.10.0.100", "to": "10.10.0.199"}}
    mapping = {"mac_address": MAPPING["mac"], "address": "10.10.0.20", "hostname": "node1"}
    made = dhcp_server.desire(
        {"dhcpd": {"lan": scope}, "unbound": section, "interfaces": INTERFACES}, {"static_mappings": [mapping]}, INFO
    )
    assert 'local-zone: "node1.lab.example." noview' in decode(made.sections["unbound"])
    assert made.services == ["dns_resolver", "dhcp_server"]


def test_leases_below_a_wildcard_are_warned_about():
    made = plan({"regdhcp": ""}, [WILDCARD], dhcpd={"lan": {}})
    assert made.warnings and not plan(made.sections["unbound"], [WILDCARD], dhcpd={"lan": {}}).warnings
    assert not plan({"regdhcp": ""}, [WILDCARD], dhcpd={"lan": {"domain": "other.example"}}).warnings


def test_two_owners_share_the_view():
    two = [{"domain": "two.example", "address": "10.10.0.6"}]

    def asked_by_two(section, wildcards):
        current = {"unbound": section, "interfaces": INTERFACES}
        return desire(current, {"wildcards": wildcards, "owner": "two"}, INFO).sections["unbound"]

    alone = plan({}, [WILDCARD]).sections["unbound"]
    both = asked_by_two(alone, two)
    lines = decode(both).splitlines()
    assert lines.count("view:") == 1
    assert lines[lines.index("# [pfrack:two]") + 1] == 'local-zone: "two.example." redirect'
    assert lines.index('local-zone: "lab.example." redirect') < lines.index("# [pfrack:two]")
    assert plan(both, [WILDCARD]).sections["unbound"] == both == asked_by_two(both, two)
    assert asked_by_two(both, []) == alone
    assert decode(asked_by_two(plan(both, []).sections["unbound"], [])) == ""


def test_a_domain_has_one_owner():
    section = plan({}, [WILDCARD]).sections["unbound"]
    with pytest.raises(DesiredError, match=r"leads to 10.10.0.5 for \[pfrack\] already"):
        desire({"unbound": section}, {"wildcards": [dict(WILDCARD, address="10.10.0.6")], "owner": "two"}, INFO)


def test_wildcard_that_the_admin_wrote_by_hand():
    text = 'server:\nlocal-zone: "Lab.example" redirect\nlocal-data: "lab.example 60 IN A 10.10.0.5"\n'
    present = {"custom_options": base64.b64encode(text.encode()).decode()}
    assert plan(present, [WILDCARD]).sections["unbound"] == present
    with pytest.raises(DesiredError, match="10.10.0.5, outside of our block"):
        plan(present, [dict(WILDCARD, address="10.10.0.6")])
