# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""site.yml against the router of the rack, seen with the eyes of its clients."""

from __future__ import annotations

import pytest
import small_vendor
from api_line import install_rest
from clients import ARCHITECTURES, dhcp_lease, line_server, wait_for, web_server
from playbook_run import Site, give_up_port_80
from rack_vendor import Vendor

VIP = "10.10.0.10"
DOMAIN = "cluster.lab.example"
# A login, a configuration write, a start of the DHCP server, a start or reload of HAProxy.
LOG_WORDS = ("Accepted ", "Configuration Change", "Server starting service", "haproxy: .* exit code")
BOOT_FILES = {"bios": "pxelinux.0", "uefi64": "ipxe.efi"}


@pytest.fixture(scope="module", params=[("2.8", "isc"), ("2.8", "kea"), ("2.7", "isc")], ids="-".join)
def converged(request, racks, tmp_path_factory):
    """A fresh router after the first site.yml, and what the run said."""
    rack = racks(*request.param)
    rack.reset()
    give_up_port_80(rack.router)
    site = Site(rack, tmp_path_factory.mktemp("inventory"))
    return site, site.play().ok()


@pytest.fixture
def fresh_site(rack, router, tmp_path):
    """The default rack with a router in its first state."""
    give_up_port_80(router)
    return Site(rack, tmp_path)


@pytest.fixture(scope="module")
def members(converged):
    """The inventory's nodes, plugged in and with their leases, each serving the ports of the Deis preset."""
    site, _outcome = converged
    nodes = {}
    for group in ("controllers", "workers"):
        for name, variables in site.nodes(group).items():
            nodes[name] = site.rack.add_node(name, variables["mac_address"])
            dhcp_lease(nodes[name])
    yield nodes
    for name in nodes:
        site.rack.remove_node(name)


def mapped_address(site, name):
    """The address that the router's configuration maps to the node's name."""
    return site.rack.router.php(
        f"""require_once('config.inc');
        foreach (config_get_path('dhcpd/lan/staticmap', []) as $map)
            if ($map['hostname'] === '{name}') echo $map['ipaddr'];"""
    ).stdout.strip()


def test_the_first_run_changes_things_and_the_second_does_nothing(converged):
    site, outcome = converged
    assert outcome.changed > 0
    router = site.rack.router
    state = "sha256sum /cf/conf/config.xml; ls /cf/conf/backup | wc -l; pgrep -a 'haproxy|dnsmasq|unbound|dhcp|tftp'"
    before = router.run(state, check=False).stdout
    again = site.play("--diff").ok()
    assert again.changed == 0
    assert again.diffs == []
    assert router.run(state, check=False).stdout == before


@pytest.mark.parametrize("firmware", ARCHITECTURES)
def test_a_node_is_given_its_address_and_the_boot_file_of_its_firmware(converged, members, firmware):
    site, _outcome = converged
    lease = dhcp_lease(members["node1"], firmware)
    assert lease["ip"] == mapped_address(site, "node1")
    assert lease["siaddr"] == "10.10.0.1"
    expected = BOOT_FILES.get(firmware, BOOT_FILES["bios"])
    assert expected in (lease["boot_file"], lease["bootfile"])


def test_tftp_delivers_a_file_to_a_node(converged, members):
    site, _outcome = converged
    site.rack.router.run("echo 'hello over tftp' > /tftpboot/greeting && chmod 644 /tftpboot/greeting")
    node = members["node1"]
    node.run("cd /tmp && tftp 10.10.0.1 -c get greeting")
    assert node.run("cat /tmp/greeting").stdout == "hello over tftp\n"


def test_dns_answers_the_wildcard_and_the_node_names(converged, members):
    site, _outcome = converged
    node = members["node2"]

    def ask(name):
        return node.run(["dig", "+short", "+tries=2", "@10.10.0.1", name]).stdout.split()

    assert ask(f"anything.{DOMAIN}") == [VIP]
    assert ask(f"deep.below.{DOMAIN}") == [VIP]
    assert ask(f"node1.{DOMAIN}") == [mapped_address(site, "node1")]


def test_http_and_tcp_reach_the_nodes_through_the_virtual_ip(converged, members):
    site, _outcome = converged
    client = site.rack.controller

    def page():
        result = client.run(["curl", "-s", "-m", "5", "-w", " %{http_code}", f"http://{VIP}/"], check=False)
        return result.stdout.split() if result.stdout.endswith("200") else None

    def line():
        result = client.run(["socat", "-u", "-T", "3", f"TCP:{VIP}:2222", "-"], check=False)
        return result.stdout.strip() if result.returncode == 0 else None

    with web_server(members["node1"], 80), line_server(members["node2"], 2222):
        name, forwarded_for, _code = wait_for(page, "HTTP through the virtual IP")
        assert (name, forwarded_for) == ("node1", "10.10.0.2")
        assert wait_for(line, "TCP through the virtual IP") == "node2"


def test_a_node_comes_and_goes_by_one_line_and_the_admins_things_stay(converged, members, tmp_path):
    site = converged[0].copy(tmp_path)
    router = site.rack.router
    router.php(
        """require_once('config.inc');
        config_set_path('dhcpd/lan/staticmap/', ['mac' => '02:00:00:00:99:01', 'ipaddr' => '10.10.0.240',
            'hostname' => 'printer', 'descr' => 'the printer']);
        config_set_path('installedpackages/haproxy/ha_pools/item/', ['name' => 'by_hand', 'id' => '900',
            'ha_servers' => ['item' => [['name' => 'old', 'address' => '10.10.0.241', 'port' => '81']]]]);
        write_config('an admin');"""
    )

    def admins():
        return router.php(
            """require_once('config.inc');
            foreach (config_get_path('dhcpd/lan/staticmap', []) as $m) if ($m['hostname'] === 'printer') print_r($m);
            foreach (config_get_path('installedpackages/haproxy/ha_pools/item', []) as $p)
                if ($p['name'] === 'by_hand') print_r($p);"""
        ).stdout

    by_hand = admins()
    assert "10.10.0.240" in by_hand and "10.10.0.241" in by_hand

    site.nodes()["node9"] = {"mac_address": "52:54:00:10:00:09"}
    site.play().ok()
    address = mapped_address(site, "node9")
    haproxy = router.run("cat /var/etc/haproxy/haproxy.cfg").stdout
    assert f"{address}:80" in haproxy and f"{address}:2222" in haproxy
    node = site.rack.add_node("node9", "52:54:00:10:00:09")
    try:
        assert dhcp_lease(node)["ip"] == address
        assert node.run(["dig", "+short", "@10.10.0.1", f"node9.{DOMAIN}"]).stdout.split() == [address]
    finally:
        site.rack.remove_node("node9")
    assert admins() == by_hand
    others = [mapped_address(site, name) for name in ("node1", "node2")]

    del site.nodes()["node9"]
    site.play().ok()
    assert mapped_address(site, "node9") == ""
    assert address not in router.run("cat /var/etc/haproxy/haproxy.cfg").stdout
    assert router.run(["dig", "+short", "@10.10.0.1", f"node9.{DOMAIN}"]).stdout.split() == [VIP]
    assert admins() == by_hand
    assert [mapped_address(site, name) for name in ("node1", "node2")] == others


def test_check_mode_predicts_what_the_run_does(fresh_site):
    predicted = fresh_site.play("--check", "--diff").ok()
    before = fresh_site.rack.router.run("sha256sum /cf/conf/config.xml").stdout
    assert fresh_site.play("--check", "--diff").ok().diffs == predicted.diffs
    assert fresh_site.rack.router.run("sha256sum /cf/conf/config.xml").stdout == before
    done = fresh_site.play("--diff").ok()
    assert predicted.diffs
    assert predicted.diffs == done.diffs


# As docs/performance.md has them: writes, starts of the DHCP server, starts of HAProxy.
WORK = {"first": (5, 1, 1), "nothing": (0, 0, 0), "one more": (3, 1, 0), "one less": (3, 1, 0)}


@pytest.mark.parametrize("carrier", ["ssh", "xmlrpc", "rest"])
def test_the_work_does_not_grow_with_the_number_of_nodes(rack, carrier, tmp_path, monkeypatch):
    log = tmp_path / "log"
    monkeypatch.setenv("ANSIBLE_LOG_PATH", str(log))
    monkeypatch.setenv("ANSIBLE_PERSISTENT_LOG_MESSAGES", "1")
    few, many = (costs(rack, carrier, tmp_path / str(nodes), nodes, log) for nodes in (3, 300))
    assert few == many
    for kind, work in WORK.items():
        _tasks, requests, logins, *done = few[kind]
        assert requests > 0 and logins == (carrier == "ssh"), kind
        assert tuple(done) == work, kind
    assert few["nothing"][1] == 13


def test_nodes_that_are_installed_cost_no_more_requests(rack, tmp_path, monkeypatch):
    """Each has files of its own: a menu for each way to boot, and what configures it."""
    log = tmp_path / "log"
    monkeypatch.setenv("ANSIBLE_LOG_PATH", str(log))
    monkeypatch.setenv("ANSIBLE_PERSISTENT_LOG_MESSAGES", "1")
    vendor = Vendor(rack, tmp_path, small_vendor.Signer(tmp_path / "signer"))
    try:
        vendor.release("1.2.3")
        install = {**vendor.settings(tmp_path), "cluster_install": True, "tftp_server_files": ""}
        few, many = (costs(rack, "ssh", tmp_path / str(nodes), nodes, log, install) for nodes in (3, 60))
    finally:
        vendor.stop()
    assert few == many


def costs(rack, carrier, directory, nodes, log, settings=()):
    """What runs cost on a router with its packages: tasks, requests, logins, then as in WORK."""
    rack.reset()
    router = rack.router
    give_up_port_80(router)
    # 300 nodes do not fit into the rack's usual /24.
    router.php(
        """require_once('config.inc');
        config_set_path('interfaces/lan/subnet', '16');
        write_config('a wider network');"""
    )
    router.run("for name in haproxy tftpd; do /usr/local/sbin/pfSense-upgrade -y -i pfSense-pkg-$name; done")
    if carrier == "rest":
        install_rest(router)
    site = Site(rack, directory)
    site.router_vars = {"lab_carrier": carrier}
    site.settings.update(settings, cluster_node_range="10.10.4.1-10.10.7.250")
    site.nodes("controllers").clear()
    site.nodes().clear()
    for number in range(nodes):
        site.nodes()[f"node{number}"] = {"mac_address": f"52:54:00:20:{number // 256:02x}:{number % 256:02x}"}

    def cost():
        log.unlink(missing_ok=True)
        count = "; ".join(f"grep -c '{words}' /var/log/system.log" for words in LOG_WORDS) + "; true"
        before = [int(number) for number in router.run(count).stdout.split()]
        outcome = site.play().ok()
        after = [int(number) for number in router.run(count).stdout.split()]
        requests = log.read_text().count(": request: ")
        return [outcome.tasks, requests, *(new - old for old, new in zip(before, after))]

    def leases():
        return int(router.run("grep -c 'hardware ethernet' /var/dhcpd/etc/dhcpd.conf").stdout)

    found = {"first": cost(), "nothing": cost()}
    site.nodes()["more"] = {"mac_address": "52:54:00:30:00:01"}
    found["one more"] = cost()
    assert leases() == nodes + 1
    del site.nodes()["more"]
    found["one less"] = cost()
    assert leases() == nodes
    return found
