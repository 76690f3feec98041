# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Leases of the lab router: the agent waits for them, the inventory plugin makes hosts of them."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from pathlib import Path

import pytest
import yaml
from api_line import install_rest, trusted
from clients import dhcp_lease, listening, wait_for
from playbook_run import Site, give_up_port_80
from router_line import RouterLine

ROOT = Path(__file__).resolve().parents[2]
VARIANTS = [("2.8", "isc"), ("2.8", "kea"), ("2.7", "kea")]
MAC = "52:54:00:77:00:01"


@pytest.fixture
def line(rack, router):
    line = RouterLine(rack)
    yield line
    line.end()


@pytest.fixture
def inventory(rack, router, tmp_path):
    """Runs ansible-inventory on a pfsense_leases file with these options, besides other sources."""

    def run(*sources, check=True, **options):
        path = tmp_path / "pfsense_leases.yml"
        settings = {
            "plugin": "pfrack.cluster.pfsense_leases",
            "host": "10.10.0.1",
            "private_key_file": str(rack.key),
            "known_hosts_files": [str(rack.known_hosts)],
            "ssh_config_files": [],
            **options,
        }
        path.write_text(yaml.safe_dump(settings))
        arguments = [argument for source in (*sources, path) for argument in ("-i", str(source))]
        result = rack.controller.run(
            ["env", f"ANSIBLE_CONFIG={ROOT / 'ansible.cfg'}", "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED=true",
             str(Path(sys.executable).parent / "ansible-inventory"), "--list", *arguments],
            check=False, cwd=str(ROOT), env=dict(os.environ)
        )  # fmt: skip
        if not check:
            return result
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout, object_hook=lambda entry: entry.get("__ansible_unsafe", entry))

    return run


def claim(node, hostname):
    """Take a lease under this DHCP host name."""
    return node.run(["udhcpc", "-i", "eth0", "-n", "-q", "-f", "-t", "10", "-T", "1", "-s", "/bin/true",
                     "-x", f"hostname:{hostname}"])  # fmt: skip


def serve(router, address, port=80):
    """HAProxy with one server, started by hand."""
    router.run(
        ["sh", "-c", "cat > /tmp/one.cfg && haproxy -D -f /tmp/one.cfg"],
        input="global\n stats socket /tmp/haproxy.socket level admin\ndefaults\n mode tcp\n timeout connect 1s\n"
        f" timeout client 1s\n timeout server 1s\nbackend web_ipvANY\n server one {address}:{port} check inter 200\n",
    )


@pytest.mark.parametrize("rack", VARIANTS, ids="-".join, indirect=True)
def test_waiting_ends_in_the_moment_a_lease_appears(line, node):
    token = line.good("wait", {"since": "", "timeout": 0})["token"]
    line.start("call", "wait", {"since": token, "timeout": 30})
    lease = dhcp_lease(node("fresh", MAC))
    began = time.monotonic()
    answer = line.answer()["result"]
    assert time.monotonic() - began < 15
    assert answer["changed"] == ["leases"]
    assert (lease["ip"], MAC) in [(entry["address"], entry["mac"]) for entry in line.good("leases")["leases"]]


@pytest.mark.parametrize("rack", VARIANTS, ids="-".join, indirect=True)
def test_a_renewal_wakes_nobody(line, node):
    machine = node("renews", MAC)
    dhcp_lease(machine)
    token = line.good("wait", {"since": "", "timeout": 0})["token"]
    dhcp_lease(machine)
    answer = line.good("wait", {"since": token, "timeout": 2})
    assert (answer["changed"], answer["token"]) == ([], token)


@pytest.mark.parametrize("rack", [*VARIANTS, ("2.7", "isc")], ids="-".join, indirect=True)
def test_leases_and_probes(line, router, node):
    router.php(
        """require_once('config.inc'); require_once('functions.inc'); require_once('services.inc');
        config_set_path('dhcpd/lan/staticmap/', ['mac' => '52:54:00:AA:00:09', 'ipaddr' => '10.10.0.77',
            'hostname' => 'fixed', 'descr' => 'a test']);
        write_config('a test'); services_dhcpd_configure();"""
    )
    claim(node("client", "52:54:00:aa:00:01"), "client")

    def leases():
        found = line.good("leases")
        return {lease["mac"]: (found, lease) for lease in found["leases"]}

    answer, lease = wait_for(lambda: leases().get("52:54:00:aa:00:01"), "the lease")
    assert (lease["state"], lease["type"], lease["hostname"]) == ("active", "dynamic", "client")
    assert 0 < lease["ends"] - answer["now"] <= 86400
    fixed = leases()["52:54:00:aa:00:09"][1]
    assert (fixed["state"], fixed["type"], fixed["address"], fixed["ends"]) == ("static", "static", "10.10.0.77", None)
    targets = [("10.10.0.1", 22), ("10.10.0.1", 2222), ("10.10.0.250", 80)]
    targets = [{"address": address, "port": port} for address, port in targets]
    results = line.good("probe", {"targets": targets, "timeout": 1})["results"]
    assert [result["ok"] for result in results] == [True, False, False]


def test_waiting_ends_when_a_server_fails_or_the_configuration_changes(line, router, node):
    machine = node("server", MAC)
    address = dhcp_lease(machine)["ip"]
    web = machine.popen(["socat", "TCP-LISTEN:80,reuseaddr,fork", "SYSTEM:true"])
    serve(router, address)
    token = ""
    while "health" in (answer := line.good("wait", {"since": token, "timeout": 2}))["changed"]:
        token = answer["token"]
    line.start("call", "wait", {"since": token, "timeout": 30})
    web.kill()
    answer = line.answer()["result"]
    assert answer["changed"] == ["health"]
    line.start("call", "wait", {"since": answer["token"], "timeout": 30})
    router.php("require_once('config.inc'); config_set_path('system/hostname', 'other'); write_config('an admin');")
    assert line.answer()["result"]["changed"] == ["config"]


def test_waiting_ends_when_a_target_answers(line, router, node):
    machine = node("boots", MAC)
    target = {"address": dhcp_lease(machine)["ip"], "port": 8080}
    token = line.good("wait", {"since": "", "timeout": 0})["token"]
    assert line.good("wait", {"since": token, "timeout": 1, "targets": [target]})["answering"] == []
    line.start("call", "wait", {"since": token, "timeout": 30, "targets": [target]})
    web = machine.popen(["socat", "TCP-LISTEN:8080,reuseaddr,fork", "SYSTEM:true"])
    assert line.answer()["result"] == {**line.good("wait", {"since": token, "timeout": 0}), "answering": [0],
                                       "now": pytest.approx(time.time(), abs=30)}  # fmt: skip
    web.kill()


@pytest.mark.parametrize("rack", VARIANTS, ids="-".join, indirect=True)
def test_machines_with_a_lease_are_hosts(inventory, router, node):
    machine = node("server", MAC)
    address = dhcp_lease(machine)["ip"]
    web = machine.popen(["socat", "TCP-LISTEN:80,reuseaddr,fork", "SYSTEM:true"])
    wait_for(lambda: listening(machine, 80), "the node's server")
    serve(router, address)
    status = "echo 'show servers state' | socat - /tmp/haproxy.socket | awk '$4 == \"one\" {print $6, $12}'"
    # 2: it runs; 3: its last check passed. Until then HAProxy only assumes so.
    wait_for(lambda: router.run(status).stdout.split() == ["2", "3"], "HAProxy finds the server up")
    router.php(
        """require_once('config.inc');
        config_set_path('dhcpd/lan/staticmap/', ['mac' => '02:00:00:00:99:01', 'ipaddr' => '10.10.0.240',
            'hostname' => 'printer', 'descr' => 'the printer']);
        write_config('an admin');"""
    )
    found = inventory(groups={"here": "haproxy_healthy"}, keyed_groups=[{"key": "lease_state", "prefix": "lease"}])
    web.kill()
    hosts = found["_meta"]["hostvars"]
    assert sorted(hosts) == ["node-525400770001", "printer"]
    assert hosts["node-525400770001"]["ansible_host"] == hosts["node-525400770001"]["ipv4_address"] == address
    assert hosts["node-525400770001"]["mac_address"] == MAC
    assert hosts["node-525400770001"]["haproxy_servers"] == ["web_ipvANY/one"]
    assert (hosts["printer"]["dhcp_descr"], hosts["printer"]["haproxy_healthy"]) == ("the printer", None)
    assert found["static"]["hosts"] == ["printer"]
    for group in ("leased", "healthy", "here", "lease_active"):
        assert found[group]["hosts"] == ["node-525400770001"]


def test_filters_choose_machines(inventory, node):
    for number in (1, 2):
        dhcp_lease(node(f"n{number}", f"52:54:00:77:00:0{number}"))

    def names(**options):
        return sorted(inventory(**options)["_meta"]["hostvars"])

    assert names() == ["node-525400770001", "node-525400770002"]
    assert names(mac_addresses=["52-54-00-77-00-*2"]) == ["node-525400770002"]
    assert names(networks=["192.0.2.0/24"]) == names(states=["static"]) == names(hostnames=["web*"]) == []


HOSTILE = ["{{7*7}}", "router1", "localhost", "web[01:99]", "all", "-web", "leased"]


def test_a_machine_cannot_name_itself_into_the_inventory(inventory, node, tmp_path):
    static = tmp_path / "hosts.yml"
    static.write_text("all: {hosts: {router1: {ansible_host: 10.10.0.1}, n1: {}}, children: {cluster: {}}}")
    for number, hostname in enumerate(HOSTILE):
        claim(node(f"evil{number}", f"52:54:00:66:00:0{number}"), hostname)
    claim(node("good", "52:54:00:66:00:99"), "worker7")
    found = inventory(static, dhcp_names=True)
    hosts = found["_meta"]["hostvars"]
    macs = [f"node-52540066000{number}" for number in range(len(HOSTILE))]
    assert sorted(hosts) == sorted([*macs, "worker7", "router1"])
    assert hosts["router1"] == {"ansible_host": "10.10.0.1"}
    assert HOSTILE[0] in {hosts[name]["dhcp_hostname"] for name in macs} <= {*HOSTILE, ""}


DARING = ['"; } subnet 0.0.0.0', "x\nserver evil 192.0.2.66:80", "$(touch /tmp/owned)", "</descr><evil>", "[pfrack]"]


@pytest.mark.parametrize("rack", VARIANTS, ids="-".join, indirect=True)
def test_a_name_that_is_no_text_hides_nobody(line, node):
    """Bytes that are no UTF-8, quotes and commas stand in the files of leases; the others are read as well."""
    names = ["\udcff\udcfe", 'a"b,c\\', "x" * 60, "caf\u00e9", "tab\there"]
    for number, hostname in enumerate(names):
        claim(node(f"odd{number}", f"52:54:00:66:00:0{number}"), hostname)
    claim(node("good", MAC), "worker7")

    def seen():
        found = {lease["mac"]: lease["hostname"] for lease in line.good("leases")["leases"]}
        return found if MAC in found else None

    found = wait_for(seen, "the lease of worker7", 30)
    assert found[MAC] == "worker7" and len(found) == len(names) + 1
    assert all(isinstance(name, str) and "\n" not in name for name in found.values())


def test_what_a_machine_calls_itself_gets_into_no_configuration(rack, router, node, tmp_path):
    give_up_port_80(router)
    for number, hostname in enumerate(DARING):
        claim(node(f"evil{number}", f"52:54:00:66:00:0{number}"), hostname)
    site = Site(rack, tmp_path)
    site.settings["cluster_admission"] = "any"
    site.play().ok()
    config = router.run(["cat", "/cf/conf/config.xml"]).stdout
    made = config + router.run("cat /var/etc/haproxy/haproxy.cfg /var/dhcpd/etc/dhcpd.conf /var/unbound/*.conf").stdout
    assert all(f"node-52540066000{number}" in made for number in range(len(DARING)))
    assert not [word for word in ("evil", "0.0.0.0 {", "owned", "192.0.2.66") if word in made]
    assert router.run("test -e /tmp/owned", check=False).returncode == 1
    # A machine that calls itself by our mark is not taken for one of our entries.
    assert [entry for entry in re.findall(r"<hostname>(.*?)</hostname>", config) if "pfrack" in entry] == []


def test_the_cache_spares_the_router(inventory, router, rack, node, tmp_path):
    cache = {"cache": True, "cache_plugin": "ansible.builtin.jsonfile", "cache_connection": str(tmp_path / "cache")}
    dhcp_lease(node("n1", MAC))
    first = inventory(**cache)
    router.stop()
    try:
        assert inventory(**cache) == first
        assert "10.10.0.1" in inventory(check=False, connect_timeout=2).stderr
    finally:
        router.start()


def test_machines_are_found_without_secure_shell(inventory, rack, router, node):
    install_rest(router)
    router.run(["killall", "sshd"])
    dhcp_lease(node("n1", MAC))
    for carrier in ("xmlrpc", "rest"):
        found = inventory(connection=f"pfrack.cluster.pfsense_{carrier}", **trusted(rack))
        assert list(found["_meta"]["hostvars"]) == ["node-525400770001"]
    refused = inventory(connection="pfrack.cluster.pfsense_xmlrpc", check=False, password="wrong",
                        ca_path=trusted(rack)["ca_path"])  # fmt: skip
    assert refused.returncode != 0 and "10.10.0.1: auth:" in refused.stderr


@pytest.mark.parametrize("carrier", ["ssh", "xmlrpc"])
def test_the_event_source_tells_of_machines_that_come(rack, router, node, carrier):
    source = ROOT / "build/collections/ansible_collections/pfrack/cluster/extensions/eda/plugins/event_source"
    login = {"private_key_file": str(rack.key), "known_hosts_files": [str(rack.known_hosts)], "ssh_config_files": []}
    if carrier == "xmlrpc":
        login = trusted(rack)
    args = {"host": "10.10.0.1", "connection": f"pfrack.cluster.pfsense_{carrier}", "hostnames": ["worker*"],
            "resync": 0, **login}  # fmt: skip
    process = rack.controller.popen(
        [sys.executable, str(source / "pfsense_leases.py"), json.dumps(args)], stdout=-1, text=True
    )
    try:
        assert json.loads(process.stdout.readline()) == {"router": "10.10.0.1", "changes": [], "sync": True}
        claim(node("other", "52:54:00:77:00:02"), "printer")
        claim(node("fresh", MAC), "worker7")
        event = json.loads(process.stdout.readline())
        assert [(change["kind"], change["mac_address"], change["hostname"]) for change in event["changes"]] == [
            ("lease_added", MAC, "worker7")
        ]
    finally:
        process.terminate()
        process.wait(10)


def test_the_event_source_speaks_up_now_and_then(rack, router):
    source = ROOT / "build/collections/ansible_collections/pfrack/cluster/extensions/eda/plugins/event_source"
    args = {"host": "10.10.0.1", "connection": "pfrack.cluster.pfsense_xmlrpc", "resync": 0.5, **trusted(rack)}
    process = rack.controller.popen(
        [sys.executable, str(source / "pfsense_leases.py"), json.dumps(args)], stdout=-1, text=True
    )
    try:
        for _time in range(3):
            assert json.loads(process.stdout.readline()) == {"router": "10.10.0.1", "changes": [], "sync": True}
    finally:
        process.terminate()
        process.wait(10)
