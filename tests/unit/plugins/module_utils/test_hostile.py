# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever comes in from outside is data, or is refused with words: never a traceback, never syntax.

Answers of the router, leases, what HAProxy says, sections of config.xml that no pfSense wrote, inventory values.
"""

from __future__ import annotations

import base64
import copy
import ipaddress
import itertools
import random
import re

import pytest
from ansible_collections.pfrack.cluster.plugins.module_utils.backend_sync import running
from ansible_collections.pfrack.cluster.plugins.module_utils.boot.plan import make_plan
from ansible_collections.pfrack.cluster.plugins.module_utils.desired import (
    desire,
    dhcp_server,
    dns_forwarder,
    dns_resolver,
    firewall_rule,
    haproxy,
    static_web,
    tftp_server,
    virtual_ip,
)
from ansible_collections.pfrack.cluster.plugins.module_utils.errors import DesiredError
from ansible_collections.pfrack.cluster.plugins.module_utils.inventory.compile import compile_cluster
from ansible_collections.pfrack.cluster.plugins.module_utils.leases.lease import machine_name, read_leases, safe_label
from ansible_collections.pfrack.cluster.plugins.module_utils.reconcile import reconcile
from ansible_collections.pfrack.cluster.plugins.module_utils.redact import redact
from ansible_collections.pfrack.cluster.plugins.module_utils.router import Router, RouterError
from ansible_collections.pfrack.cluster.tests.unit.plugins.module_utils.inventory.racks import ROUTER, SETTINGS, node
from ansible_collections.pfrack.cluster.tests.unit.plugins.module_utils.test_lossless import (
    INFO,
    LESS,
    START,
    WANTED,
    sections_of,
)
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

# What would become syntax of PHP, a shell, XML, HAProxy, dnsmasq, unbound, dhcpd, JSON, iPXE or a template.
SYNTAX = (
    "x\ny", "x\r\nserver evil 192.0.2.66:80", "'; system('id'); //", '"; } subnet 0.0.0.0', "$(id)", "`id`",
    "${net0/mac}", "{{ 7 * 7 }}", "</descr><evil>", "]]><evil/>", "x # y", "x\tbackup", "x y", "address=/#/192.0.2.66",
    "a/b", "../../etc", '"', "'", "\\", "<?php echo 1;", "x;y", "x|y", "%0a", "-x", "\x00", "\x1b[2J", "\u2028",
    "[pfrack]", "\u202e",
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 10**12) | st.sampled_from(SYNTAX) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
SEEDS = st.integers(0, 2**64)
CASES = settings(max_examples=100, phases=[Phase.explicit, Phase.reuse, Phase.generate])
AREAS = [dhcp_server, dns_forwarder, dns_resolver, firewall_rule, haproxy, static_web, tftp_server, virtual_ip]
# Texts for people, and lines that are meant to be the user's own words in a daemon's language.
FREE = {"descr", "advanced", "advanced_backend", "extaddr_advanced"}
# The argument specs let through nothing but the words of a choice.
CHOICES = {"type", "mode", "balance", "status", "method", "state", "protocol"}
BREAKERS = set('\n\r\t\0"\\\x1b\u2028\u202e')


def spoilt(chance, value, spoil):
    """A copy in which one thing somewhere is replaced by spoil(it)."""
    value = copy.deepcopy(value)
    places = list(walk(value))
    holder, key = chance.choice(places)
    holder[key] = spoil(holder[key])
    return value


def walk(value):
    for key, element in value.items() if isinstance(value, dict) else enumerate(value):
        yield value, key
        if isinstance(element, (dict, list)):
            yield from walk(element)


def odd(chance):
    return lambda _value: chance.choice([None, "", "text", [], ["text"], {}, {"x": "y"}, [[]], [{"x": ["y"]}], "0"])


@given(JSON, st.sampled_from(["read", "info", "commit", "haproxy_state", "leases", "probe", "tree", "confirm"]))
def test_answers_of_a_router_that_make_no_sense(answer, op):
    router = Router(lambda _op, _params: answer)
    calls = {"read": (["x"],), "commit": ("r", [], [], "d"), "probe": ([],), "tree": ("/x",)}
    try:
        getattr(router, op)(*calls.get(op, ()))
    except RouterError as error:
        assert isinstance(error.kind, str) and error.message


@given(st.dictionaries(st.sampled_from(["revision", "sections", "info", "leases", "results", "files"]), JSON))
def test_results_of_a_router_that_make_no_sense(result):
    router = Router(lambda _op, _params: {"ok": True, "result": result})
    for call in (lambda: router.read(["x"]), router.haproxy_state, router.leases, lambda: router.tree("/x")):
        try:
            call()
        except RouterError as error:
            assert error.message


LEASE = st.fixed_dictionaries(
    {}, optional={name: JSON for name in ("address", "mac", "hostname", "state", "type", "starts", "ends", "descr")}
)


@given(st.lists(LEASE | JSON, max_size=4))
def test_leases_are_addresses_macs_and_text(entries):
    for lease in read_leases({"leases": entries}):
        ipaddress.IPv4Address(lease.address)
        assert lease.mac == "" or len(lease.mac) == 17
        assert all(isinstance(text, str) for text in (lease.hostname, lease.interface, lease.descr))
        assert machine_name(lease).startswith("node-")


@given(st.text(max_size=80) | st.sampled_from(SYNTAX))
def test_a_name_that_a_client_chose_is_a_label_or_nothing(text):
    label = safe_label(text)
    assert label is None or (label.isascii() and label.replace("-", "").isalnum() and not label.startswith("-"))


@given(st.sampled_from(SYNTAX) | st.text(max_size=20), st.booleans())
def test_a_host_name_of_a_lease_is_no_name_of_a_server(hostname, online):
    lease = {"address": "10.10.0.120", "mac": "52:54:00:66:00:01", "hostname": hostname, "state": "active",
             "type": "dynamic", "online": online, "starts": 1}  # fmt: skip
    router = dict(copy.deepcopy(ROUTER), leases=[lease])
    chosen = dict(SETTINGS, cluster_admission="any", cluster_platform="deis")
    spec = compile_cluster([node(1)], chosen, router, ["all", "cluster"])
    names = {server["name"] for backend in spec["backends"] for server in backend["servers"]}
    assert names <= {"node1", "node-525400660001"}


STATE = """1
# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight \
srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state \
bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord
3 web_ipvANY 101 node1 10.10.0.20 2 0 1 1 7 6 3 4 6 0 0 0 - 80 -
"""


@CASES
@given(SEEDS)
def test_what_the_runtime_socket_says_is_read_or_left_out(seed):
    chance = random.Random(seed)
    words = STATE.split(" ")
    for _round in range(chance.randint(1, 4)):
        words[chance.randrange(len(words))] = chance.choice(SYNTAX + ("", "-1", "99999999999", "x", "\n"))
    for servers in running.read_state(" ".join(words)).values():
        assert all(isinstance(server.up, bool) for server in servers.values())


@given(st.text(max_size=200) | st.lists(st.sampled_from(SYNTAX + ("id", "weight", "check"))).map(" ".join))
def test_lines_of_a_file_that_somebody_edited(text):
    line = running.read_line(text)
    assert line is None or line.name
    running.read_state(text)
    running.read_lines({"web": [text]})


@pytest.mark.parametrize("area", AREAS, ids=lambda area: area.__name__.rpartition(".")[2])
@CASES
@given(SEEDS)
def test_sections_that_pfsense_never_wrote_are_worked_on_or_refused(area, seed):
    chance = random.Random(seed)
    current = spoilt(chance, sections_of(area, WANTED[area]), odd(chance))
    for wanted in (WANTED[area], LESS[area]):
        try:
            desired = desire(area, copy.deepcopy(current), copy.deepcopy(wanted), INFO)
            redact(desired.sections)
            reconcile(current, desired.sections)
        except DesiredError as error:
            assert error.problems


def texts(value, name=""):
    """(name of the element, text) of every text, those in base64 line by line."""
    if isinstance(value, dict):
        return [pair for key, element in value.items() for pair in texts(element, key)]
    if isinstance(value, list):
        return [pair for element in value for pair in texts(element, name)]
    if name in ("custom_options", "advanced", "advanced_backend") and value:
        return [(name, line) for line in base64.b64decode(value).decode().split("\n")]
    return [(name, value)] if isinstance(value, str) else []


@pytest.mark.parametrize("area", AREAS, ids=lambda area: area.__name__.rpartition(".")[2])
@CASES
@given(SEEDS, st.sampled_from(SYNTAX))
def test_values_that_would_be_syntax_are_refused_or_stay_one_text(area, seed, syntax):
    chance = random.Random(seed)
    wanted = copy.deepcopy(WANTED[area])
    places = [(holder, key) for holder, key in walk(wanted) if isinstance(holder[key], str) and key not in CHOICES]
    holder, key = chance.choice(places)
    holder[key] = chance.choice([syntax, holder[key] + syntax])
    base = sections_of(area, wanted)
    try:
        desired = area.desire(copy.deepcopy(base), wanted, INFO)
    except DesiredError:
        return
    usual = area.desire(copy.deepcopy(base), copy.deepcopy(WANTED[area]), INFO)
    made = set(texts(desired.sections)) - set(texts(START)) - set(texts(usual.sections))
    assert not set(syntax) & BREAKERS or not [pair for pair in made if pair[0] not in FREE and syntax in pair[1]]


@CASES
@given(SEEDS, st.sampled_from(SYNTAX))
def test_inventories_with_such_values_are_compiled_or_refused(seed, syntax):
    chance = random.Random(seed)
    inventory = {
        "nodes": [node(1), dict(node(2), ipv4_address="10.10.0.33")],
        "settings": dict(
            copy.deepcopy(SETTINGS),
            cluster_services=[
                {"name": "web", "port": 80, "mode": "http", "health_check": "/up", "groups": ["workers"]}
            ],
            cluster_name="mine",
            cluster_dns_wildcard=True,
        ),
    }
    kinds = (syntax, [syntax], {syntax: syntax}, None, 7, -1, True)
    # Ansible itself sees to it that names of hosts and groups are text.
    places = [(holder, key) for holder, key in walk(inventory) if key not in ("groups", "nodes", "settings", 0, 1)]
    holder, key = chance.choice(places)
    holder[key] = syntax if key == "name" else chance.choice(kinds)
    try:
        compile_cluster(inventory["nodes"], inventory["settings"], copy.deepcopy(ROUTER), ["all", "cluster", "workers"])
    except DesiredError as error:
        assert error.problems and all(isinstance(problem, str) for problem in error.problems)


RELEASE = {"version": "1.0.0", "base": "http://r/os", "kernel": "http://r/os/1.0.0/k", "initrd": "http://r/os/1.0.0/i"}
MENUS = {
    "owner": "pfrack",
    "tftp": "10.10.0.1",
    "url": "http://10.10.0.1:8090",
    "title": "This machine is not in the inventory",
    "admit": True,
    "timeout": 10,
    "default_menu": True,
    "default_architecture": "x86-64",
    "serial": False,
    "console": ["ttyS0,115200n8"],
    "kernel_arguments": ["loglevel=5"],
    "user": "core",
    "ssh_keys": ["ssh-ed25519 AAAA me"],
    "least_bytes": 1,
    "family": "flatcar",
    "releases": {"x86-64": RELEASE},
    "reprovision": [],
    "nodes": [
        {"name": "node1", "mac_address": "52:54:00:10:00:01", "architecture": "x86-64", "install": True,
         "install_disk": "only", "install_wipe": False},
    ],
}  # fmt: skip
# Words that end a command of iPXE and begin another one or a comment, and an option.
ENDS = ("||", "&&", ";")
COMMANDS = (*("x %s reboot" % word for word in ENDS), "|| reboot", "x #y", "#y", "--delete x")
MENU_TEXTS = ("title", "console", "kernel_arguments", "url", "tftp", "name", "kernel", "initrd")


def shape(path, text):
    """The commands of a script as iPXE takes it apart, or the directives of a menu of PXELINUX."""
    lines = [line.split() for line in re.split("[\r\n]", text)]
    if not path.endswith(".ipxe"):
        return [words[:1] for words in lines]
    lines = [list(itertools.takewhile(lambda word: not word.startswith("#"), words)) for words in lines]
    return [
        [
            word
            for number, word in enumerate(words)
            if number == 0 or word in ENDS or words[number - 1] in ENDS or (number == 1 and word.startswith("-"))
        ]
        for words in lines
    ]


def menu_shapes(wanted):
    configs = {"default": "{}", wanted["nodes"][0]["name"]: "{}"}
    files = make_plan(wanted, configs, {}, lambda: "a" * 32).menus
    return {path: shape(path, text) for path, text in files.items() if "published" not in path}


@pytest.mark.parametrize("syntax", (*SYNTAX, *COMMANDS), ids=repr)
@pytest.mark.parametrize("place", MENU_TEXTS)
def test_texts_of_menus_are_refused_or_stay_one_text(place, syntax):
    usual = menu_shapes(MENUS)
    for before in (False, True):
        wanted = copy.deepcopy(MENUS)
        holder, key = {
            "console": (wanted["console"], 0),
            "kernel_arguments": (wanted["kernel_arguments"], 0),
            "name": (wanted["nodes"][0], "name"),
        }.get(place, (wanted["releases"]["x86-64"] if place in RELEASE else wanted, place))
        holder[key] = holder[key] + syntax if before else syntax
        try:
            shapes = menu_shapes(wanted)
        except DesiredError as error:
            assert any(syntax in problem or repr(holder[key]) in problem for problem in error.problems), error.problems
            continue
        assert shapes == usual


def test_settings_of_ipxe_are_arguments_that_people_use():
    wanted = dict(MENUS, kernel_arguments=["BOOTIF=01-${net0/mac:hexhyp}", "rd.luks=0", "--"], title="Rack 7: ${mac}?")
    assert menu_shapes(wanted) == menu_shapes(MENUS)
