# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""QEMU machines that installed themselves become a cluster: founded, with a controller lost and replaced by a
blank machine, grown by a line of the inventory and by a machine that nobody announced, restarted one after the other
under load, and with containers that talk.

The tests tell one story with the same machines, in the order of this file.
"""

from __future__ import annotations

import json

import flannel
import pytest
from blank_machines import Progress, installed, page, ssh
from clients import wait_for
from load import load
from node_image import image as node_image
from node_story import FIRMWARE, PATIENCE, STRANGER, VIP, Story, address, mac

# The first of the controllers is the one that is lost: whatever is founded there is not founded again.
LOST, STAYS, NEW = "node1", "node2", "node4"
IMAGE = f"/tftpboot/pfrack/os/flatcar/stable/{node_image.BOARD}/{node_image.VERSION}/{node_image.DISK}"
SECRETS = "/etc/ssl/etcd"


class Cluster:
    """etcd as one sees it on the nodes."""

    def __init__(self, story: Story):
        self.story = story

    def _command(self, name: str, *words: str) -> str:
        files = f"--cacert {SECRETS}/ca.pem --cert {SECRETS}/server.pem --key {SECRETS}/server.key"
        patience = "--dial-timeout 60s --command-timeout 120s"
        ask = f"sudo env ETCDCTL_API=3 etcdctl --endpoints https://{address(name)}:2379 {files} {patience}"
        return f"{ask} {' '.join(words)}"

    def etcdctl(self, name: str, *words: str) -> str:
        return self.story.run(name, self._command(name, *words))

    def put(self, name: str, key: str, value: str) -> None:
        """Without a leader nothing is taken until another one is elected."""
        command = self._command(name, "put", key, value)
        wait_for(lambda: self.story.answer(name, command) == "OK\n", f"etcd of {name} takes {key}", 300)

    def get(self, name: str, key: str) -> str:
        return self.etcdctl(name, "get", key, "--print-value-only").strip()

    def members(self, name: str) -> dict[str, int]:
        """{name: id} of the members that have a vote, as this node sees it."""
        answer = json.loads(self.etcdctl(name, "member list -w json"))
        return {member["name"]: member["ID"] for member in answer["members"] if not member.get("isLearner")}


@pytest.fixture(scope="module")
def cluster(story: Story) -> Cluster:
    story.play("cluster").ok()
    cluster = Cluster(story)
    cluster.put(STAYS, "greeting", "hello")
    return cluster


def test_etcd_is_founded_on_machines_that_were_blank(cluster: Cluster) -> None:
    story = cluster.story
    assert set(cluster.members(STAYS)) == set(FIRMWARE)
    assert {cluster.get(name, "greeting") for name in FIRMWARE} == {"hello"}
    # Only with a certificate, and keys come to the nodes over SSH alone.
    assert ssh(story.rack, address("node1"), "curl -sk https://10.10.0.22:2379/version", check=False).returncode != 0
    assert story.rack.router.run("grep -rl 'PRIVATE KEY' /tftpboot/pfrack", check=False).stdout == ""
    again = story.play("cluster").ok().output
    assert again.count("changed=0") == 1 + len(FIRMWARE), again


def test_a_blank_machine_replaces_a_lost_controller_and_others_join(cluster: Cluster) -> None:
    """One machine comes by a line of the inventory, one that nobody announced; at first the image is a damaged one."""
    story, router = cluster.story, cluster.story.rack.router
    before = cluster.members(STAYS)
    was, untouched = story.identity(LOST), story.boot_id(STAYS)
    lost = story.computers[LOST]
    lost.stop()
    lost.blank_disk()
    lost.set_boot("disk-first")
    story.play("reprovision", "-l", LOST).ok()
    intact = router.run(["sha256sum", IMAGE]).stdout
    router.run(f"printf damaged | dd of={IMAGE} bs=1 seek=500000 conv=notrunc 2> /dev/null")
    said = lost.console.stat().st_size
    lost.start()
    # Two of three go on.
    story.serve(set(FIRMWARE) - {LOST})
    cluster.put(STAYS, "meanwhile", "written")
    lost.wait_console("could not be installed", PATIENCE, after=said)
    assert f"{LOST}: the installer gave up: failed-image; the image was refused" in story.diagnose(LOST)

    # The next run repairs the image, and the installer tries again by itself.
    story.announce(NEW, "workers")
    story.site.settings["cluster_admission"] = "any"
    story.site.play().ok()
    assert router.run(["sha256sum", IMAGE]).stdout == intact
    installed([Progress(lost, said), story.plug_in(NEW), story.plug_in(STRANGER)], PATIENCE)
    story.play("cluster").ok()
    after = cluster.members(STAYS)
    assert set(after) == set(before)
    assert [name for name in before if before[name] != after[name]] == [LOST]
    assert (cluster.get(LOST, "greeting"), cluster.get(LOST, "meanwhile")) == ("hello", "written")
    assert story.identity(LOST) != was and story.boot_id(STAYS) == untouched

    lease = router.run(f"grep -B12 -i {mac(STRANGER)} /var/dhcpd/var/db/dhcpd.leases").stdout
    place = [line.split()[1] for line in lease.splitlines() if line.startswith("lease ")][-1]
    own = wait_for(lambda: page(story.rack.controller, f"http://{place}/"), "it serves", 300)
    assert own not in {*FIRMWARE, NEW}
    story.play("sync").ok()
    story.serve({*FIRMWARE, NEW, own})
    # What follows is slow enough without it.
    story.site.settings["cluster_admission"] = "inventory"
    story.play("sync").ok()
    story.computers[STRANGER].stop()


def test_all_machines_restart_one_after_the_other_and_no_request_is_lost(cluster: Cluster) -> None:
    story = cluster.story
    names = {*story.site.nodes("controllers"), *story.site.nodes("workers")}
    before = {name: story.boot_id(name) for name in names}
    members = cluster.members(STAYS)
    host = VIP.removeprefix("http://").strip("/")
    with load(story.rack.controller, ("kept", "new"), host, pause=0.1, web=80, patience=60) as clients:
        story.play("rolling_reboot", "-e", f"rolling_reboot_timeout={PATIENCE}").ok()
    assert clients.lost == {}
    assert {name.strip() for name in clients.answered_by("new")} >= names
    assert all(story.boot_id(name) != before[name] for name in names)
    assert cluster.members(LOST) == members
    assert {cluster.get(name, "greeting") for name in FIRMWARE} == {"hello"}


def test_containers_of_all_pairs_of_nodes_talk(cluster: Cluster) -> None:
    """The last word: after everything that happened to the nodes."""
    flannel.ensure_flannel()
    story = cluster.story
    names = [*story.site.nodes("controllers"), *story.site.nodes("workers")]
    assert set(story.chat()) == {f"{one} -> {other}" for one in names for other in names if one != other}
