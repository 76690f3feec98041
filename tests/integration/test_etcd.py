# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real etcd on the controllers: founded, grown, shrunk, with a machine lost and replaced, saved and restored."""

from __future__ import annotations

import pytest
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


def test_it_grows_and_shrinks_by_a_line_of_the_inventory(cluster):
    before = cluster.members()
    cluster.plug_in("node4")
    cluster.play().ok()
    assert set(cluster.members()) == {*before, "node4"}
    assert cluster.etcdctl("get", "greeting", "--print-value-only", node="node4").stdout == "hello\n"
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


def test_a_backup_is_restored_on_all_members(cluster):
    # Ansible would read what lies in the inventory itself.
    saved = cluster.site.directory / ".pfrack/saved.snapshot"
    cluster.play("-e", f"etcd_snapshot={saved}", playbook="playbooks/etcd_backup.yml").ok()
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
