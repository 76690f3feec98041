# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real flanneld on members of etcd and on a worker: the network, its parts, and packets between them."""

from __future__ import annotations

import ipaddress
import json
import re

import pytest
from clients import wait_for
from light_cluster import Cluster
from light_nodes import RESTART_ETCD

PLAYBOOK = "playbooks/flannel.yml"


class Overlay(Cluster):
    """A cluster of one controller and workers."""

    def subnet(self, name):
        """A node's part of the network; it is given to a bridge there, as a container engine does."""
        machine = self.nodes[name].machine
        settings = machine.run("cat /run/flannel/subnet.env").stdout.split()
        own = next(line.partition("=")[2] for line in settings if line.startswith("FLANNEL_SUBNET="))
        machine.run(
            "ip link show containers > /dev/null 2>&1 || ip link add containers type bridge;"
            f"ip addr replace {own} dev containers; ip link set containers up"
        )
        return ipaddress.IPv4Interface(own)

    def reach(self, one, other):
        """Packets with addresses of the overlay, as big as fit, from one node to the other."""
        source, target = self.subnet(one).ip, self.subnet(other).ip
        # 20 bytes of IP and 8 of ICMP make 1450 of them.
        ping = f"ping -c 1 -W 2 -M do -s 1422 -I {source} {target}"
        wait_for(lambda: self.nodes[one].machine.run(ping, check=False).returncode == 0, f"{one} reaches {other}", 60)


@pytest.fixture(scope="module")
def cluster(racks, tmp_path_factory):
    rack = racks("2.8", "isc")
    rack.reset()
    cluster = Overlay(rack, tmp_path_factory.mktemp("flannel"), overlay=True)
    cluster.plug_in("node1")
    cluster.plug_in("node2", worker=True)
    try:
        cluster.early = cluster.play(playbook=PLAYBOOK)
        cluster.predicted = cluster.play("--check", playbook="playbooks/cluster.yml")
        assert not (cluster.site.directory / ".pfrack").exists()
        assert "complete" not in cluster.nodes["node1"].machine.run("ls -R /etc/ssl").stdout
        cluster.play(playbook="playbooks/cluster.yml").ok()
        yield cluster
    finally:
        cluster.end()


def test_without_etcd_it_says_what_comes_first(cluster):
    assert cluster.early.returncode != 0
    assert "run playbooks/etcd.yml" in " ".join(cluster.early.output.split())


def test_check_mode_goes_through_where_nothing_is_there_yet(cluster):
    assert re.search(r"node2 +: ok=\d+ +changed=[1-9]", cluster.predicted.ok().output)


def test_each_node_has_a_part_of_the_network_and_reaches_the_others(cluster):
    one, other = cluster.subnet("node1"), cluster.subnet("node2")
    whole = ipaddress.IPv4Network("10.244.0.0/16")
    assert one.network.subnet_of(whole) and other.network.subnet_of(whole)
    assert one.network.prefixlen == 24 and not one.network.overlaps(other.network)
    cluster.reach("node1", "node2")
    worker = cluster.nodes["node2"].machine
    assert worker.run("stat -c '%a %U' /etc/ssl/etcd/flannel.key").stdout == "400 root\n"
    # What a member has is none of its business.
    assert worker.run("ls /etc/ssl/etcd").stdout.split() == [
        "ca.pem", "flannel-complete", "flannel.env", "flannel.key", "flannel.pem"
    ]  # fmt: skip
    again = cluster.play(playbook=PLAYBOOK).ok().output
    assert again.count("changed=0") == 3, again


def test_a_network_that_is_there_stays(cluster):
    before = cluster.etcdctl("get", "/coreos.com/network/config", "--print-value-only").stdout
    assert json.loads(before) == {"Network": "10.244.0.0/16", "SubnetLen": 24, "Backend": {"Type": "vxlan"}}
    refused = cluster.play("-e", "flannel_network=10.99.0.0/16", playbook=PLAYBOOK)
    assert refused.returncode != 0
    assert "10.244.0.0/16" in refused.output and "10.99.0.0/16" in refused.output, refused.output
    assert cluster.etcdctl("get", "/coreos.com/network/config", "--print-value-only").stdout == before


def test_a_node_by_one_line_and_new_certificates_keep_what_there_is(cluster):
    before = cluster.subnet("node2")
    certificate = cluster.nodes["node2"].machine.run("cat /etc/ssl/etcd/flannel.pem").stdout
    cluster.plug_in("node3", worker=True)
    # All certificates end within so many days.
    cluster.play("-e", "flannel_certificate_days=800", "-e", "flannel_renew_before=400", playbook=PLAYBOOK).ok()
    assert cluster.nodes["node2"].machine.run("cat /etc/ssl/etcd/flannel.pem").stdout != certificate
    wait_for(
        lambda: cluster.nodes["node2"].machine.run("test -e /run/flannel.pid", check=False).returncode == 0, "flanneld"
    )
    assert cluster.subnet("node2") == before
    for one, other in (("node3", "node1"), ("node2", "node3")):
        cluster.reach(one, other)


def test_a_member_that_is_lost_without_a_word_is_noticed(cluster):
    """etcd ends, and what its machine still says of that does not arrive, as if it had lost its power."""
    controller, listener = cluster.nodes["node1"].machine, cluster.nodes["node2"].address
    silence = f"OUTPUT -p tcp --sport 2379 -d {listener} -j DROP"
    controller.run(f"echo 1 > /proc/sys/net/ipv4/tcp_orphan_retries; iptables -I {silence}; {RESTART_ETCD}")
    wait_for(lambda: cluster.etcdctl("get", "/", check=False).returncode == 0, "etcd is back", 60)
    talks = f"ss -tnH state connected sport = :2379 dst {listener}"
    wait_for(lambda: controller.run(talks).stdout == "", "it has forgotten who listened", 60)
    controller.run(f"iptables -D {silence}")
    cluster.plug_in("node4", worker=True)
    cluster.play(playbook=PLAYBOOK).ok()
    cluster.reach("node2", "node4")
    del cluster.workers["node4"]
    cluster.nodes.pop("node4").lose()


def test_after_a_restore_nodes_hear_of_new_ones(cluster):
    """What they had heard since the backup has not come yet in what is restored."""
    saved = cluster.site.directory / ".pfrack/saved.snapshot"
    cluster.play("-e", f"etcd_snapshot={saved}", playbook="playbooks/etcd_backup.yml").ok()
    for again in (False, True):
        cluster.plug_in("node4", worker=True)
        cluster.play(playbook=PLAYBOOK).ok()
        cluster.reach("node2", "node4")
        del cluster.workers["node4"]
        cluster.nodes.pop("node4").lose()
        if not again:
            over = ["-e", f"etcd_restore_from={saved}", "-e", "etcd_restore_over=true"]
            cluster.play(*over, playbook="playbooks/etcd_restore.yml").ok()


def chat(cluster):
    """(whether it succeeded, what it printed, on one line) of playbooks/verify.yml, which leaves nothing behind."""
    run = cluster.play(playbook="playbooks/verify.yml")
    assert cluster.etcdctl("get", "/pfrack/", "--prefix", "--keys-only").stdout == ""
    for node in cluster.nodes.values():
        assert node.machine.run("ip netns list").stdout == "", node.name
    return run.returncode == 0, " ".join(run.output.split())


def test_containers_talk_and_what_stops_them_is_named(cluster):
    worked, output = chat(cluster)
    assert worked and "6 pairs talked" in output, output
    machine = cluster.nodes["node2"].machine
    machine.run("mv /usr/local/bin/engine /usr/local/bin/gone")
    worked, output = chat(cluster)
    assert not worked, output
    for words in (
        "node1 -> node3: talked",
        "node3 -> node1: talked",
        "node3 -> node2: listener: node2: no container listens (there is no engine on the node)",
    ):
        assert words in output, output
    machine.run("mv /usr/local/bin/gone /usr/local/bin/engine")

    cluster.nodes["node3"].machine.run("iptables -I INPUT -p udp --dport 8472 -j DROP")
    worked, output = chat(cluster)
    assert not worked, output
    for words in (
        "node1 -> node2: talked",
        "node2 -> node1: talked",
        "node2 -> node3: connection: node2: no connection",
    ):
        assert words in output, output
