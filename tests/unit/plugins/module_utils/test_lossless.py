# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever stands in the sections beside ours survives every area: elements, entries, values, their order.

Strange things, whose names begin with x_, are strewn over sections. A run over them has to do what it does without
them, and has to leave all of them where they were.
"""

from __future__ import annotations

import base64
import copy
import json
import random

import pytest
from ansible_collections.pfrack.cluster.plugins.module_utils.backend_sync import config as backend_sync
from ansible_collections.pfrack.cluster.plugins.module_utils.desired import (
    dhcp_server,
    dns_forwarder,
    dns_resolver,
    firewall_rule,
    haproxy,
    static_web,
    tftp_server,
    virtual_ip,
)
from ansible_collections.pfrack.cluster.plugins.module_utils.reconcile import apply_operations, reconcile, split_path
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

INFO = {
    "version": "2.8.0-RELEASE",
    "domain": "lab.example",
    "hostname": "router",
    "dhcp_backend": "isc",
    "interfaces": {
        "wan": {"descr": "WAN", "address": "198.51.100.2", "prefix": 24, "enabled": True},
        "lan": {"descr": "LAN", "address": "10.10.0.1", "prefix": 24, "enabled": True},
    },
    "webgui": {"protocol": "https", "port": 443, "redirect": False},
    "packages": {"haproxy": "0.63_1", "tftpd": "0.1.3"},
    "features": {"tftpd_enable_field": "enable"},
    "virtual_ips": [],
    "services": {},
}
NODES = [("node%d" % number, "52:54:00:10:00:%02x" % number, "10.10.0.%d" % (20 + number)) for number in range(1, 4)]
DNS = {
    "hosts": [{"host": name, "domain": "lab.example", "address": address} for name, _mac, address in NODES],
    "wildcards": [{"domain": "apps.lab.example", "address": "10.10.0.5"}],
    "purge": True,
}
SERVERS = [{"name": name, "address": address, "port": 80} for name, _mac, address in NODES]
WANTED = {
    virtual_ip: {"virtual_ips": [{"address": "10.10.0.5", "interface": "lan"}], "purge": True},
    dhcp_server: {
        "interface": "lan",
        "network_boot": {"bios": "pxelinux.0", "next_server": "10.10.0.1"},
        "static_mappings": [{"mac_address": mac, "address": a, "hostname": n} for n, mac, a in NODES],
        "purge": True,
    },
    dns_forwarder: dict(DNS, port=5353),
    dns_resolver: DNS,
    haproxy: {
        "settings": {"enable": True, "maxconn": 2000},
        "backends": [{"name": "deis", "check": {"type": "Basic"}, "servers": SERVERS}],
        "frontends": [{"name": "deis", "listen": [{"address": "10.10.0.5", "port": 80}], "backend": "deis"}],
        "purge": True,
    },
    firewall_rule: {"rules": [{"interface": "wan", "port": "8443", "descr": "web"}], "purge": True},
    tftp_server: {"enable": True, "address": "10.10.0.1", "block_size": 1468},
    static_web: {"state": "present", "interface": "lan", "address": None, "port": 8081, "directory": "/tftpboot/web"},
    backend_sync: backend_sync.Wish("pfrack", [{"name": "deis", "servers": SERVERS[1:]}], drain=["node2"]),
}
LESS = {
    virtual_ip: {"virtual_ips": [], "purge": True},
    dhcp_server: {"interface": "lan", "static_mappings": [], "purge": True},
    dns_forwarder: {"hosts": [], "wildcards": [], "purge": True, "enable": False},
    dns_resolver: {"hosts": [], "wildcards": [], "purge": True},
    haproxy: {"backends": [], "frontends": [], "purge": True},
    firewall_rule: {"rules": [], "purge": True},
    tftp_server: {"enable": False},
    static_web: {"state": "absent"},
    backend_sync: backend_sync.Wish("pfrack", [], undrain=["node2"]),
}
# The admin's own entries in every list in which we make some.
START = {
    "virtualip/vip": [{"mode": "ipalias", "interface": "lan", "uniqid": "5f1", "subnet": "10.10.0.9", "descr": "mine"}],
    "dhcpd": {
        "lan": {
            "enable": "",
            "range": {"from": "10.10.0.100", "to": "10.10.0.199"},
            "staticmap": [{"mac": "52:54:00:99:00:01", "cid": "", "ipaddr": "10.10.0.90", "descr": "printer"}],
            "numberoptions": {"item": [{"number": "150", "type": "text", "value": "PHBmLz4="}]},
        },
        "opt1": {"range": {"from": "", "to": ""}},
    },
    "dhcpd/lan": None,
    "interfaces": {"lan": {"enable": "", "ipaddr": "10.10.0.1", "subnet": "24", "descr": "LAN"}},
    "unbound": {
        "enable": "",
        "hosts": [{"host": "nas", "domain": "lab.example", "ip": "10.10.0.91", "descr": "", "aliases": ""}],
        "domainoverrides": [{"domain": "corp.example", "ip": "192.0.2.53"}],
        "acls": [{"aclname": "x", "aclaction": "allow", "row": [{"acl_network": "192.0.2.0", "mask": "24"}]}],
        "custom_options": base64.b64encode(b"server:\r\n  private-domain: plex.direct").decode(),
    },
    "dnsmasq": {
        "hosts": [{"host": "nas", "domain": "lab.example", "ip": "10.10.0.91", "descr": "by hand"}],
        "custom_options": base64.b64encode(b"log-queries  address=/tv.example/192.0.2.1").decode(),
    },
    "installedpackages/haproxy": {
        "configversion": "00.58",
        "ha_backends": {"item": [{"name": "web", "status": "active", "type": "tcp", "descr": "admin's"}]},
        "ha_pools": {
            "item": [
                {
                    "name": "web",
                    "id": "100",
                    "ha_servers": {"item": [{"name": "one", "address": "192.0.2.1", "port": "1"}]},
                }
            ]
        },
        "email_mailers": {"item": [{"name": "m", "mailserver": "192.0.2.25", "mailserverport": "25"}]},
    },
    "filter/rule": [
        {
            "tracker": "1700000001",
            "type": "pass",
            "interface": "lan",
            "ipprotocol": "inet",
            "source": {"network": "lan"},
            "destination": {"any": ""},
            "descr": "Default allow LAN to any rule",
        },
        {
            "tracker": "1700000002",
            "type": "block",
            "interface": "wan",
            "source": {"address": "192.0.2.66"},
            "destination": {"any": "", "port": "25"},
            "descr": "spam",
        },
    ],
    "filter/separator": {"wan": {"sep0": {"row": ["fr1"], "text": "mail", "color": "bg-info", "if": "wan"}}},
    "system/ssh": {"enable": "enabled"},
    "system/disablefilter": None,
    "installedpackages/tftpd/config/0": {"datasource": "", "tftpd_blocksize": "512"},
    "installedpackages/pfrack_static_web": None,
    "installedpackages/service": [{"name": "filer", "rcfile": "filer.sh", "executable": "true"}],
}

OURS = {text for node in NODES for text in node[:2]}
OURS |= {"10.10.0.5", "deis", "web [pfrack]", "pfrack_static_web", "installedpackages/pfrack_static_web"}

NAMES = ("x_one", "x_two", "x_enable", "x_descr", "x_1.2-3")
TEXTS = ("", "0", "1", "false", "null", " ", "x [pfrack", "[pfrack:other]", "<a b='c'/>", "]]>", "&amp;", "$x", "`id`")
LETTERS = "aZ09 <>&\"'\\/=;#{}\t\n\u00e9\u4e2d\U0001f600"
# Many small cases, none of which can be made smaller in a way that helps.
CASES = settings(max_examples=100, phases=[Phase.explicit, Phase.reuse, Phase.generate])
SEEDS = st.integers(0, 2**64)


def text(chance):
    return chance.choice(TEXTS) if chance.random() < 0.5 else "".join(chance.choices(LETTERS, k=chance.randrange(9)))


def thing(chance, depth=2):
    kind = chance.random()
    if kind < 0.6 or not depth:
        return text(chance)
    if kind < 0.8:
        return [thing(chance, depth - 1) for _round in range(chance.randint(1, 2))]
    return entry(chance, depth - 1)


def entry(chance, depth=2):
    return {chance.choice(NAMES): thing(chance, depth) for _round in range(chance.randint(1, 3))}


def strewn(chance, value):
    """The value with strange elements at any place of any dict and strange entries at any place of any list."""
    if isinstance(value, dict):
        pairs = [(name, strewn(chance, element)) for name, element in value.items()]
        for strange_pair in entry(chance).items() if chance.random() < 0.4 else ():
            pairs.insert(chance.randint(0, len(pairs)), strange_pair)
        return dict(pairs)
    if isinstance(value, list):
        result = [strewn(chance, item) for item in value]
        for _round in range(chance.choice((0, 0, 1, 2))):
            result.insert(chance.randint(0, len(result)), entry(chance))
        return result
    return value


def plain(value):
    """The value without the strange things."""
    if isinstance(value, dict):
        return {name: plain(element) for name, element in value.items() if not name.startswith("x_")}
    if isinstance(value, list):
        return [plain(item) for item in value if not strange(item)]
    return value


def strange(item):
    return isinstance(item, dict) and item != {} and all(name.startswith("x_") for name in item)


def found(value, path=()):
    """The strange things with their places, in their order; our own entries may stand between them."""
    if isinstance(value, dict):
        own = [(name, element) for name, element in value.items() if name.startswith("x_")]
        result = [(path, json.dumps(own))] if own else []
        for name, element in value.items():
            if not name.startswith("x_"):
                result += found(element, (*path, name))
        return result
    if isinstance(value, list):
        entries = [item for item in value if strange(item)]
        rest = [thing for item in value if not strange(item) for thing in found(item, (*path, name_of(item)))]
        # pfSense too sorts the fixed addresses whenever one is saved.
        return [(path, json.dumps(entry)) for entry in entries] + (
            sorted(rest) if path[-1:] == ("staticmap",) else rest
        )
    return []


def name_of(item):
    """What an entry of a list is known by; its place may change."""
    return next((str(item[key]) for key in ("name", "mac", "host", "subnet", "domain", "descr") if key in item), "")


def converge(area, current, wanted, info=None):
    desired = area.desire(copy.deepcopy(current), copy.deepcopy(wanted), info or INFO)
    return apply_operations(current, reconcile(current, desired.sections).operations)


def things(sections):
    return sorted(
        found({name: value for name, value in sections.items() if value is not None}), key=lambda item: item[0]
    )


def sections_of(area, wanted):
    paths = area.PATHS if hasattr(area, "PATHS") else area.paths(wanted)
    return {path: START[path] for path in paths}


def forget_ids(value):
    """Identifiers are made up, or counted through; they say nothing."""
    if isinstance(value, dict):
        return {name: forget_ids(element) for name, element in value.items() if name not in ("uniqid", "id")}
    return [forget_ids(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("area", WANTED, ids=lambda area: area.__name__.rpartition(".")[2])
@CASES
@given(SEEDS)
def test_nothing_of_others_is_lost(area, seed):
    chance = random.Random(seed)
    base = sections_of(area, WANTED[area])
    if area is backend_sync:
        base = converge(haproxy, base, WANTED[haproxy])
    current = strewn(chance, base)
    before = things(current)
    after = converge(area, current, WANTED[area])
    gone = "node1" if area is backend_sync else None
    assert things(after) == [thing for thing in before if gone not in thing[0]]
    assert forget_ids(plain(after)) == forget_ids(plain(converge(area, base, WANTED[area])))
    # What we made goes again; what others put into our own entries meanwhile goes with them, and nothing else.
    more = strewn(chance, converge(area, base, WANTED[area]))
    less = converge(area, more, LESS[area])
    assert forget_ids(plain(less)) == forget_ids(plain(converge(area, plain(more), LESS[area])))
    lost = [thing for thing in things(more) if thing not in things(less)]
    assert all(OURS & set(path) for path, _thing in lost)


def test_sections_that_are_not_read_are_not_written():
    for area, wanted in WANTED.items():
        base = sections_of(area, wanted)
        if area is backend_sync:
            continue
        desired = area.desire(copy.deepcopy(base), copy.deepcopy(wanted), INFO)
        for operation in reconcile(base, desired.sections).operations:
            assert any(operation["path"][: len(split_path(path))] == split_path(path) for path in base)
