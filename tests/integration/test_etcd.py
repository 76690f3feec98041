# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real etcd on the controllers: founded, grown, shrunk, with a machine lost and replaced, saved and restored."""

from __future__ import annotations

import datetime
import json
import re
import shutil
import sys

import pytest
from clients import wait_for
from light_cluster import NODES, Cluster
from light_nodes import STOP_ETCD
from playbook_run import ROOT

sys.path.insert(0, str(ROOT / "build" / "collections"))

from ansible_collections.pfrack.cluster.plugins.plugin_utils import certificates

# Whether etcd was told to start on a node.
BEGUN = "test -e /etc/ssl/etcd/complete || test -e /var/lib/etcd/member"


@pytest.fixture(scope="module")
def cluster(racks, tmp_path_factory):
    rack = racks("2.8", "isc")
    rack.reset()
    cluster = Cluster(rack, tmp_path_factory.mktemp("etcd"))
    for name in ("node1", "node2", "node3"):
        cluster.plug_in(name)
    # On one of them the files have no place to go.
    cluster.nodes["node3"].machine.run("touch /etc/ssl/etcd")
    cluster.early = cluster.play()
    cluster.begun = [
        name for name, node in cluster.nodes.items() if node.machine.run(BEGUN, check=False).returncode == 0
    ]
    cluster.nodes["node3"].machine.run("rm /etc/ssl/etcd")
    cluster.play().ok()
    cluster.etcdctl("put", "greeting", "hello")
    yield cluster
    cluster.end()


def test_a_part_of_the_members_founds_nothing(cluster):
    assert cluster.early.returncode != 0 and "/etc/ssl/etcd" in cluster.early.output, cluster.early.output
    assert cluster.begun == []


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


def give_certificates_that_have_ended(cluster, name, address):
    own = cluster.site.directory / ".pfrack/etcd"
    (own / f"{name}.pem").unlink()
    item = {"name": name, "addresses": [address, "127.0.0.1"], "names": ["localhost"]}
    then = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=400)
    assert certificates.ensure(str(own), "", [item], 365, 60, now=then)["issued"] == [name]
    for kind, mode in (("pem", "0644"), ("key", "0400")):
        cluster.nodes[name].machine.run(
            f"umask 077; cat > /etc/ssl/etcd/new; chown etcd /etc/ssl/etcd/new; chmod {mode} /etc/ssl/etcd/new;"
            f"mv /etc/ssl/etcd/new /etc/ssl/etcd/server.{kind}",
            input=(own / f"{name}.{kind}").read_text(),
        )


def test_members_whose_certificates_have_ended_get_new_ones(cluster):
    for name in ("node1", "node2", "node3"):
        give_certificates_that_have_ended(cluster, name, NODES[name][1])
    assert "certificate" in cluster.etcdctl("get", "greeting", check=False).stderr
    predicted = cluster.play("--check")
    assert predicted.returncode != 0 and "certificate has expired" in " ".join(predicted.output.split()), (
        predicted.output
    )
    before = [cluster.nodes[name].machine.run("cat /run/etcd.pid").stdout for name in ("node1", "node2", "node3")]
    cluster.play().ok()
    for name in ("node1", "node2", "node3"):
        assert cluster.etcdctl("get", "greeting", "--print-value-only", node=name).stdout == "hello\n"
    after = [cluster.nodes[name].machine.run("cat /run/etcd.pid").stdout for name in ("node1", "node2", "node3")]
    assert after == before
    assert cluster.play().ok().output.count("changed=0") == 4


def test_an_alarm_is_told_and_is_no_lost_quorum(cluster):
    member = str(cluster.members()["node2"])
    path = "--cacert /etc/ssl/etcd/ca.pem --cert /etc/ssl/etcd/server.pem --key /etc/ssl/etcd/server.key"
    body = json.dumps({"action": "ACTIVATE", "memberID": member, "alarm": "NOSPACE"})
    machine = cluster.nodes["node1"].machine
    machine.run(f"curl -sSf {path} -d '{body}' https://10.10.0.51:2379/v3/maintenance/alarm")
    assert "space exceeded" in cluster.etcdctl("put", "more", "than enough", check=False).stderr
    # Before the last wait each member has to have heard of it.
    output = " ".join(cluster.play().ok().output.split())
    assert "etcd: node2: alarm NOSPACE: its database is full" in output, output
    saved = backup(cluster)
    refused = cluster.play("-e", f"etcd_restore_from={saved}", playbook="playbooks/etcd_restore.yml")
    assert refused.returncode != 0 and "would be lost" in refused.output, refused.output
    cluster.etcdctl("alarm", "disarm")
    cluster.etcdctl("put", "more", "than enough")


def test_no_node_restarts_while_a_member_is_down_or_nobody_can_tell(cluster):
    own = cluster.site.directory / ".pfrack/etcd"
    cluster.site.settings["cluster_etcd"] = True
    restart = ["-e", "rolling_reboot_command='touch /root/told'", "-e", "rolling_reboot_timeout=1", "-l", "node2"]

    def refused(*more):
        run = cluster.play(*restart, *more, playbook="playbooks/rolling_reboot.yml")
        assert run.returncode != 0 and cluster.nodes["node2"].machine.run("ls /root").stdout == "", run.output
        return " ".join(run.output.split())

    cluster.nodes["node3"].machine.run(f"rm /etc/ssl/etcd/complete; {STOP_ETCD}")
    assert "etcd: node3: not up" in refused("-e", "etcd_timeout=2")
    own.rename(own.with_name("elsewhere"))
    assert "Bring that directory here" in refused()
    own.with_name("elsewhere").rename(own)
    del cluster.site.settings["cluster_etcd"]
    cluster.play().ok()


def test_without_its_authority_nothing_is_locked_out_and_a_new_one_comes_when_it_is_meant(cluster):
    own = cluster.site.directory / ".pfrack/etcd"
    of_a_part = cluster.play("-e", "etcd_new_authority=true", "-l", "router1,node1,node2")
    assert of_a_part.returncode != 0 and "all members have to change at once" in " ".join(of_a_part.output.split())
    assert (own / ".gitignore").read_text() == "*\n"
    own.rename(own.with_name("lost"))
    refused = cluster.play()
    assert refused.returncode != 0 and "-e etcd_new_authority=true" in " ".join(refused.output.split()), refused.output
    assert not own.exists()
    cluster.plug_in("node4")
    blank = cluster.play("-l", "router1,node4")
    assert blank.returncode != 0 and "takes no part in this run" in " ".join(blank.output.split()), blank.output
    assert not own.exists()
    del cluster.controllers["node4"]
    cluster.nodes.pop("node4").lose()
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

    # What is no whole backup ends nothing.
    damaged = saved.with_name("damaged.snapshot")
    damaged.write_bytes(saved.read_bytes()[:-4096])
    over = ["-e", f"etcd_restore_from={damaged}", "-e", "etcd_restore_over=true"]
    broken = cluster.play(*over, playbook="playbooks/etcd_restore.yml")
    assert broken.returncode != 0 and "snapshot" in broken.output, broken.output
    assert cluster.etcdctl("get", "later", "--print-value-only").stdout == "lost\n"
    assert "before-restore" not in cluster.nodes["node1"].machine.run("ls /var/lib/etcd").stdout
    damaged.unlink()

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
    lost = ["-e", json.dumps({"etcd_stop": f"{STOP_ETCD}; rm -rf /var/lib/etcd/restored"})]
    broken = cluster.play(*source, *lost, playbook="playbooks/etcd_restore.yml")
    assert re.search(r"have the data of the backup\] \*+\s+.*\n?.*(FAILED|ERROR)", broken.output), broken.output
    refused = cluster.play()
    assert refused.returncode != 0 and "a restore that was interrupted: node1" in " ".join(refused.output.split())

    cluster.play(*source, playbook="playbooks/etcd_restore.yml").ok()
    assert set(cluster.members()) == {"node1", "node2", "node3"}
    for name in cluster.nodes:
        assert cluster.etcdctl("get", "greeting", "--print-value-only", node=name).stdout == "hello\n"
    assert cluster.nodes["node3"].machine.run("ls -d /var/lib/etcd/before-restore-*").stdout != ""
    assert cluster.play().ok().output.count("changed=0") == 4
