# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two routers that stand in for each other. VRRP stands in for CARP in the rack."""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys

import lab
import pytest
import small_vendor
from clients import dhcp_lease, wait_for, web_server
from fault_points import heal, let_daemons_refuse
from pair import VIP, carp_state, changed, config, fresh_pair, pair_site
from playbook_run import ROOT
from rack_vendor import Vendor
from router_line import RouterLine
from router_state import leftovers, sections

sys.path.insert(0, str(ROOT / "plugins" / "plugin_utils"))
from agent_bundle import agent_source

sys.path.insert(0, str(ROOT / "plugins" / "module_utils"))
from router import Router

NODE = "52:54:00:10:00:01"
GUEST = "52:54:00:77:00:01"
OTHER = "deis@two (ansible-playbook, process 2)"
INSTALL = f"http://{VIP}:8080/install"
HASHES = "find /tftpboot -type f | sort | xargs -r sha256sum"
CONFIG = "sha256sum /cf/conf/config.xml"
# What pfSense takes across as it is.
HAPROXY = "installedpackages/haproxy"
SCOPE = ("dhcpd/lan/staticmap", "dhcpd/lan/nextserver")
TAKEN = (*SCOPE, "unbound", "filter/rule", f"{HAPROXY}/ha_pools", f"{HAPROXY}/ha_backends")


@pytest.fixture(scope="module")
def rack():
    with lab.Rack(f"test-pair-{os.getpid()}", pair=True) as rack:
        fresh_pair(rack)
        yield rack


@pytest.fixture(scope="module")
def converged(rack, tmp_path_factory):
    """The pair after its first site.yml, and what the run said."""
    site = pair_site(rack, tmp_path_factory.mktemp("inventory"))
    return site, site.play().ok()


@pytest.fixture
def site(converged, rack, tmp_path):
    """An inventory to change; the pair has the one without the changes before and after."""
    original, _outcome = converged
    yield original.copy(tmp_path)
    heal(rack.router)


@pytest.fixture(scope="module")
def node(rack):
    return rack.add_node("node1", NODE)


def page(rack):
    result = rack.controller.run(["curl", "-s", "-m", "2", "-w", " %{http_code}", f"http://{VIP}/"], check=False)
    return result.stdout.split()[0] if result.stdout.endswith("200") else None


def states(rack):
    """Both routers, once the HAProxy that was there before a reload has ended with its last connection."""
    both, count = (rack.router, rack.router2), ["pgrep", "-c", "-x", "haproxy"]
    wait_for(lambda: all(router.run(count, check=False).stdout == "1\n" for router in both), "one HAProxy on each")
    return [sections(router) for router in both]


def differing(rack):
    """What the second router has otherwise, although pfSense takes it across."""
    both = {path: (config(rack.router, path), config(rack.router2, path)) for path in TAKEN}
    return {path: values for path, values in both.items() if values[0] != values[1]}


def test_the_second_router_has_everything_that_the_first_one_has(converged, rack):
    _site, outcome = converged
    wait_for(lambda: carp_state(rack.router) == "MASTER", "the first router serves")
    assert carp_state(rack.router2) == "BACKUP"
    assert differing(rack) == {}
    # The gateway, which the admin made, and ours.
    skews = [[vip["advskew"] for vip in config(router, "virtualip/vip")] for router in (rack.router, rack.router2)]
    assert skews == [["0", "0"], ["100", "100"]]
    assert rack.router.run(HASHES).stdout == rack.router2.run(HASHES).stdout != ""
    # What pfSense does not take across: packages, their settings, and files.
    assert changed(outcome, "router2") == 3, outcome.output


def test_a_second_run_changes_nothing_on_either(converged, rack):
    site, _outcome = converged
    before = [router.run(CONFIG).stdout for router in (rack.router, rack.router2)]
    again = site.play().ok()
    assert [changed(again, host) for host in ("router1", "router2")] == [0, 0], again.output
    assert "is no part of this run" not in again.output
    assert [router.run(CONFIG).stdout for router in (rack.router, rack.router2)] == before


def test_the_second_router_stands_in_when_the_first_loses_power(converged, rack, node):
    address = dhcp_lease(node)["ip"]
    # Nobody announced this one: it has an address of the pool, which the two DHCP servers tell each other.
    guest = rack.add_node("guest", GUEST)
    borrowed = dhcp_lease(guest)["ip"]
    leases = ["grep", "-q", GUEST, "/var/dhcpd/var/db/dhcpd.leases"]
    wait_for(lambda: rack.router2.run(leases, check=False).returncode == 0, "the second router knows the lease")
    with web_server(node, 80):
        wait_for(lambda: page(rack) == "node1", "HTTP through the first router")
        rack.router.stop()
        try:
            wait_for(lambda: page(rack) == "node1", "HTTP through the second router")
            assert carp_state(rack.router2) == "MASTER"
            lease = dhcp_lease(node, "bios")
            assert (lease["ip"], lease["siaddr"]) == (address, VIP)
            assert lease["router"] == "10.10.0.254"
            assert dhcp_lease(guest)["ip"] == borrowed
            node.run(f"cd /tmp && rm -f pxelinux.0 && tftp {VIP} -c get pxelinux.0")
            digest = "sha256sum < %s/pxelinux.0"
            assert node.run(digest % "/tmp").stdout == rack.router2.run(digest % "/tftpboot").stdout
            answer = node.run(["dig", "+short", "@10.10.0.3", "node1.cluster.lab.example"]).stdout
            assert answer.split() == [address]
        finally:
            rack.router.start()
        wait_for(lambda: carp_state(rack.router) == "MASTER", "the first router serves again")
        wait_for(lambda: carp_state(rack.router2) == "BACKUP", "the second one stands by again")
        wait_for(lambda: page(rack) == "node1", "HTTP through the first router again")


def test_the_watch_acts_on_the_one_that_serves(converged):
    site, _outcome = converged
    output = site.play("--check", playbook="playbooks/watch.yml").ok().output
    assert "router2 watch: stands by" in output and "router1 watch: stands by" not in output


def maintenance(rack, node):
    """Whether the node's servers in both running HAProxys are in maintenance, as a set."""
    lines = []
    for router in (rack.router, rack.router2):
        lines += router.run("echo 'show stat' | socat - /tmp/haproxy.socket").stdout.splitlines()
    return {line.split(",")[17] == "MAINT" for line in lines if f",{node}," in line}


def test_maintenance_holds_on_both(converged, rack):
    site, _outcome = converged
    site.play("-l", "node2", playbook="playbooks/drain.yml").ok()
    wait_for(lambda: maintenance(rack, "node2") == {True}, "drain")
    site.play("-l", "node2", playbook="playbooks/undrain.yml").ok()
    wait_for(lambda: maintenance(rack, "node2") == {False}, "undrain")
    wait_for(lambda: differing(rack) == {}, "the configurations are the same again")


def test_a_fault_in_the_middle_leaves_both_as_they_were(site, rack, tmp_path):
    before = states(rack)
    site.nodes()["node4"] = {"mac_address": "52:54:00:10:00:04"}
    let_daemons_refuse(site, tmp_path, daemons=("dhcpd",))
    outcome = site.play()
    heal(rack.router)
    assert outcome.returncode != 0 and "refused by the test" in outcome.output, outcome.output
    wait_for(lambda: states(rack) == before, "both are as they were")
    assert not leftovers(rack.router) and not leftovers(rack.router2)


def test_another_run_on_the_second_router_is_waited_for_before_anything_changes(site, rack):
    site.settings["cluster_services"] = [{"name": "later", "port": 8082}]
    before = rack.router.run(CONFIG).stdout
    other = RouterLine(rack, host="10.10.0.3")
    Router(lambda op, params: other.call(op, dict(params, holder=OTHER)), None).checkpoint(60, agent_source())
    outcome = site.play()
    other.call("confirm", {"holder": OTHER})
    other.end()
    assert outcome.returncode != 0 and f"{OTHER} holds a checkpoint of this router since" in outcome.output
    assert rack.router.run(CONFIG).stdout == before


def test_what_goes_on_the_first_router_goes_on_the_second(site, rack):
    site.settings["haproxy_settings"] = {"enable": True, "synchronise": True, "terminate_on_reload": True}
    site.settings["cluster_services"] = [{"name": "extra", "port": 8081}]
    site.play().ok()
    assert config(rack.router2, f"{HAPROXY}/terminate_on_reload") == ""
    assert "extra" in str(config(rack.router2, f"{HAPROXY}/ha_backends"))

    # pfSense does not tell the other one that a flag is gone.
    site.settings["haproxy_settings"]["terminate_on_reload"] = False
    del site.settings["cluster_services"]
    site.play("-e", "lab_carrier=xmlrpc").ok()
    for router in (rack.router, rack.router2):
        assert config(router, f"{HAPROXY}/terminate_on_reload") is None
        assert "extra" not in str(config(router, f"{HAPROXY}/ha_backends"))
    assert differing(rack) == {}


def test_a_second_router_that_fails_keeps_what_the_first_one_brought_it(site, rack):
    site.settings["cluster_services"] = [{"name": "later", "port": 8082}]
    site.hosts["all"]["children"]["routers"]["hosts"]["router2"]["tftp_server_files"] = "/nowhere"
    assert "In check mode nothing was changed." in " ".join(site.play("--check").output.split())
    outcome = site.play()
    words = " ".join(outcome.output.split())
    assert outcome.returncode != 0 and "The router is back at what router1 brought it; packages stay" in words, words
    assert "router1 has the new configuration; run again" in words
    assert differing(rack) == {} and "later" in str(config(rack.router2, f"{HAPROXY}/ha_backends"))
    del site.hosts["all"]["children"]["routers"]["hosts"]["router2"]["tftp_server_files"]
    site.play().ok()


def test_a_daemon_that_does_not_run_on_the_second_router_is_named(site, rack):
    daemon = "/usr/local/sbin/dhcpd"
    rack.router2.run(f"mv {daemon} {daemon}.real; printf '#!/bin/sh\nexit 1\n' > {daemon}; chmod 755 {daemon}")
    site.nodes()["node4"] = {"mac_address": "52:54:00:10:00:04"}
    outcome = site.play()
    heal(rack.router2)
    assert outcome.returncode != 0 and "router2: dhcpd: enabled, but does not run" in outcome.output, outcome.output
    del site.nodes()["node4"]
    site.play().ok()


def test_a_second_router_that_is_away_is_said_before_anything_changes(site, rack):
    site.settings["cluster_services"] = [{"name": "later", "port": 8082}]
    site.router_vars = {"ansible_connect_timeout": 10}
    before = rack.router.run(CONFIG).stdout
    rack.router2.stop()
    try:
        outcome = site.play()
        assert outcome.returncode != 0 and "router2" in outcome.output
        assert rack.router.run(CONFIG).stdout == before and not leftovers(rack.router)

        # The way on without it: the first one alone, with a warning that the other one lacks it.
        outcome = site.play("-l", "router1").ok()
        assert "could not bring the configuration to the other router of the pair, 10.99.0.2" in outcome.output
        assert "router2 is no part of this run" in outcome.output
        assert not leftovers(rack.router)
    finally:
        rack.router2.start()
    assert "later" not in str(config(rack.router2, f"{HAPROXY}/ha_backends"))
    site.play().ok()
    assert "later" in str(config(rack.router2, f"{HAPROXY}/ha_backends"))


def fetched(node, url, *options):
    """What a machine gets there, or None."""
    done = node.run(["curl", "-s", "-f", "-m", "10", *options, url], check=False)
    return done.stdout if done.returncode == 0 else None


def offered(node, image):
    """Asserts that the router that serves offers node1 all that an installation takes; the name of its installation."""
    assert fetched(node, f"tftp://{VIP}/pxelinux.0") == "pxelinux.0 of one version\n"
    menu = fetched(node, f"tftp://{VIP}/pxelinux.cfg/01-{NODE.replace(':', '-')}")
    name = re.search(r"^INCLUDE pfrack/install/([0-9a-f]{32})/token$", menu, re.M).group(1)
    assert fetched(node, f"tftp://{VIP}/pfrack/install/{name}/token") == "DEFAULT install\n"
    release = f"http://{VIP}:8080/os/flatcar/stable/amd64-usr"
    assert node.run(f"curl -s {release}/1.2.3/{image.name} | sha256sum").stdout.split()[0] == (
        hashlib.sha256(image.read_bytes()).hexdigest()
    )
    assert "FLATCAR_VERSION=1.2.3" in fetched(node, f"{release}/current/version.txt")
    assert '"ignition"' in fetched(node, f"{INSTALL}/{name}/live")
    assert json.loads(fetched(node, f"{INSTALL}/{name}/config"))["ignition"]["version"]
    return name


def test_a_node_installs_from_either_router_after_one_run(site, rack, node, tmp_path):
    vendor = Vendor(rack, tmp_path, small_vendor.Signer(tmp_path / "signer"))
    try:
        image = vendor.release("1.2.3") / "flatcar_production_image.bin.bz2"
        site.settings |= {**vendor.settings(tmp_path), "cluster_install": True, "tftp_server_files": ""}
        site.play().ok()
    finally:
        vendor.stop()
    dhcp_lease(node)
    first = offered(node, image)
    rack.router.stop()
    try:
        wait_for(lambda: carp_state(rack.router2) == "MASTER", "the second router serves")
        second = offered(node, image)
        # Each has an installation of its own, and the machine takes back that of the one it installs from.
        assert second != first
        assert fetched(node, f"{INSTALL}/{second}/", "-X", "DELETE") == ""
        wait_for(lambda: fetched(node, f"{INSTALL}/{second}/config") is None, "the configuration is taken back")
        assert fetched(node, f"tftp://{VIP}/pfrack/install/{second}/token") is None
    finally:
        rack.router.start()
    wait_for(lambda: carp_state(rack.router) == "MASTER", "the first router serves again")
    # docs/high-availability.md tells of this limit.
    assert wait_for(lambda: fetched(node, f"{INSTALL}/{first}/config"), "that of the first router stays")
