# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real etcd on the controllers: founded, grown, shrunk, with a machine lost and replaced, saved and restored."""

from __future__ import annotations

import re
import shutil

import pytest
from clients import wait_for
from light_cluster import Cluster


@pytest.fixture(scope="module")
def cluster(racks, tmp_path_factory):
    rack = racks("2.8", "isc")
    rack.reset()
    cluster = Cluster(rack, tmp_path_factory.mktemp("etcd"))
    for name in ("node1", "node2", "node3"):
        cluster.plug_in(name)
    cluster.play().ok()
    cluster.etcdctl("put", "greeting", "hello")
    yield cluster
    cluster.end()


def test_it_is_founded_with_mutual_tls_and_a_second_run_changes_nothing(cluster):
    assert set(cluster.members()) == {"node1", "node2", "node3"}
    for name in ("node2", "node3"):
        assert cluster.etcdctl("get", "greeting", "--print-value-only", node=name).stdout == "hello\n"
    machine = cluster.nodes["node1"].machine
    assert machine.run("curl -sk https://10.10.0.51:2379/version", check=False).returncode != 0
    assert machine.run("stat -c '%a %U' /etc/ssl/etcd/server.key").stdout == "400 etcd\n"
    assert "BEGIN" not in machine.run("ps -eo args").stdout
    again = cluster.play().output
    assert again.count("changed=0") == 4, again


def test_a_joining_that_was_interrupted_is_ended_by_the_next_run(cluster):
    before = cluster.members()
    cluster.plug_in("node4")
    machine = cluster.nodes["node4"].machine
    machine.run("iptables -I INPUT -p tcp --dport 2379 -j DROP")
    impatient = cluster.play("-e", "etcd_timeout=3")
    assert impatient.returncode != 0 and "node4: cannot get a vote" in impatient.output, impatient.output
    assert cluster.members() == before
    has_data = "ls /var/lib/etcd/member/wal/*.wal"
    wait_for(lambda: machine.run(has_data, check=False).returncode == 0, "node4 has begun to learn", 60)
    machine.run("iptables -D INPUT -p tcp --dport 2379 -j DROP")
    predicted = cluster.play("--check").ok().output
    assert re.search(r"localhost +: .*changed=1 |node1 +: .*changed=1 ", predicted), predicted
    cluster.play().ok()
    assert set(cluster.members()) == {*before, "node4"}
    del cluster.controllers["node4"]
    cluster.play().ok()
    assert cluster.members() == before
    cluster.nodes.pop("node4").lose()


def test_it_grows_and_shrinks_by_a_line_of_the_inventory(cluster):
    before = cluster.members()
    cluster.plug_in("node4")
    cluster.play().ok()
    assert set(cluster.members()) == {*before, "node4"}
    assert cluster.etcdctl("get", "greeting", "--print-value-only", node="node4").stdout == "hello\n"
    assert cluster.play().ok().output.count("changed=0") == 5
    del cluster.controllers["node4"]
    cluster.play().ok()
    assert cluster.members() == before
    cluster.nodes.pop("node4").lose()


REMOVE = """
- name: Remove a member by hand
  hosts: localhost
  gather_facts: false
  tasks:
    - name: Remove node2
      pfrack.cluster.etcd_member:
        name: node2
        state: absent
        endpoints: ["https://10.10.0.51:2379"]
        authority: "{{ pki }}/ca.pem"
        certificate: "{{ pki }}/client.pem"
        key: "{{ pki }}/client.key"
"""


def test_a_lost_controller_is_replaced_by_a_blank_machine(cluster, tmp_path):
    before = cluster.members()
    cluster.nodes["node3"].lose()
    (tmp_path / "remove.yml").write_text(REMOVE)
    pki = cluster.site.directory / ".pfrack" / "etcd"
    refused = cluster.play("-e", f"pki={pki}", playbook=str(tmp_path / "remove.yml"))
    assert refused.returncode != 0 and "node2: cannot go" in refused.output, refused.output
    assert cluster.members() == before

    cluster.nodes["node3"].start()
    cluster.play().ok()
    after = cluster.members()
    assert set(after) == set(before) and after["node3"] != before["node3"]
    assert cluster.etcdctl("get", "greeting", "--print-value-only", node="node3").stdout == "hello\n"


def test_a_member_keeps_its_name_and_its_address(cluster):
    before, line = cluster.members(), cluster.controllers["node3"]
    cluster.controllers["renamed"] = cluster.controllers.pop("node3")
    refused = cluster.play()
    words = "renamed: has data of etcd, but is no member called renamed"
    assert refused.returncode != 0 and words in " ".join(refused.output.split()), refused.output
    del cluster.controllers["renamed"]
    cluster.controllers["node3"] = {**line, "ipv4_address": "10.10.0.59", "ansible_host": line["ipv4_address"]}
    refused = cluster.play()
    words = "is no member called node3 at https://10.10.0.59:2380"
    assert refused.returncode != 0 and words in " ".join(refused.output.split()), refused.output
    cluster.controllers["node3"] = line
    assert cluster.members() == before


def test_without_its_authority_nothing_is_locked_out_and_a_new_one_comes_when_it_is_meant(cluster):
    own = cluster.site.directory / ".pfrack/etcd"
    assert (own / ".gitignore").read_text() == "*\n"
    own.rename(own.with_name("lost"))
    refused = cluster.play()
    assert refused.returncode != 0 and "-e etcd_new_authority=true" in " ".join(refused.output.split()), refused.output
    assert not own.exists()
    assert cluster.etcdctl("get", "greeting", "--print-value-only").stdout == "hello\n"
    before = cluster.members()
    cluster.play("-e", "etcd_new_authority=true").ok()
    assert cluster.members() == before
    with_the_old_one = f"curl -sS --cacert {own.with_name('lost')}/ca.pem https://10.10.0.51:2379/version"
    assert "certificate" in cluster.rack.controller.run(with_the_old_one, check=False).stderr
    assert cluster.play().ok().output.count("changed=0") == 4
    shutil.rmtree(own.with_name("lost"))


def backup(cluster):
    # Ansible would read what lies in the inventory itself.
    saved = cluster.site.directory / ".pfrack/saved.snapshot"
    cluster.play("-e", f"etcd_snapshot={saved}", playbook="playbooks/etcd_backup.yml").ok()
    return saved


def test_a_backup_is_restored_on_all_members(cluster):
    saved = backup(cluster)
    assert saved.stat().st_mode & 0o777 == 0o600
    cluster.etcdctl("put", "later", "lost")
    source = ["-e", f"etcd_restore_from={saved}"]
    refused = cluster.play(*source, playbook="playbooks/etcd_restore.yml")
    assert refused.returncode != 0 and "would be lost" in refused.output, refused.output

    cluster.play(*source, "-e", "etcd_restore_over=true", playbook="playbooks/etcd_restore.yml").ok()
    assert set(cluster.members()) == {"node1", "node2", "node3"}
    for name in cluster.nodes:
        assert cluster.etcdctl("get", "greeting", "--print-value-only", node=name).stdout == "hello\n"
        assert cluster.etcdctl("get", "later", "--print-value-only", node=name).stdout == ""


def test_a_backup_is_restored_when_the_quorum_is_gone_and_the_first_member_blank(cluster):
    source = ["-e", f"etcd_restore_from={backup(cluster)}"]
    for name in ("node1", "node2"):
        cluster.nodes[name].lose()
        cluster.nodes[name].start()
    refused = cluster.play()
    assert refused.returncode != 0 and "restore a backup" in " ".join(refused.output.split()), refused.output

    # Broken off when all data were put aside: nobody takes the nodes for new ones.
    broken = cluster.play(*source, "-e", "etcd_util=false", playbook="playbooks/etcd_restore.yml")
    assert re.search(r"Make its data of the backup\] \*+\s+.*\n?.*(FAILED|ERROR)", broken.output), broken.output
    refused = cluster.play()
    assert refused.returncode != 0 and "a restore that was interrupted: node1" in " ".join(refused.output.split())

    cluster.play(*source, playbook="playbooks/etcd_restore.yml").ok()
    assert set(cluster.members()) == {"node1", "node2", "node3"}
    for name in cluster.nodes:
        assert cluster.etcdctl("get", "greeting", "--print-value-only", node=name).stdout == "hello\n"
    assert cluster.nodes["node3"].machine.run("ls -d /var/lib/etcd/before-restore-*").stdout != ""
    assert cluster.play().ok().output.count("changed=0") == 4
