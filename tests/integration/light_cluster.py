# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster of light nodes: its inventory, runs of playbooks, and what its etcd says."""

from __future__ import annotations

import json

from light_nodes import RESTART_ETCD, RESTART_FLANNEL, STOP_ETCD, LightNode
from playbook_run import Site

NODES = {f"node{number}": (f"52:54:00:70:00:0{number}", f"10.10.0.5{number}") for number in range(1, 5)}


class Cluster:
    """The inventory and its light nodes; with `overlay` they have flanneld."""

    def __init__(self, rack, directory, overlay=False):
        self.rack, self.overlay = rack, overlay
        self.site = Site(rack, directory)
        self.site.settings.update(
            cluster_platform="none",
            etcd_inner_path="/etc/ssl/etcd",
            etcd_timeout=120,
            etcd_stop=STOP_ETCD,
            etcd_restart=RESTART_ETCD,
            flannel_restart=RESTART_FLANNEL,
            flannel_timeout=120,
            # They have no engine to wait for.
            flannel_settled="grep ^FLANNEL_SUBNET= /run/flannel/subnet.env",
            verify_engine="engine",
            verify_image="busybox",
        )
        if overlay:
            self.site.settings.update(cluster_etcd=True, cluster_overlay="flannel")
        self.controllers = self.site.nodes("controllers")
        self.workers = self.site.nodes("workers")
        self.controllers.clear()
        self.workers.clear()
        self.nodes = {}

    def plug_in(self, name, worker=False):
        self.nodes[name] = LightNode(self.rack, name, *NODES[name], overlay=self.overlay)
        (self.workers if worker else self.controllers)[name] = self.nodes[name].variables()

    def play(self, *arguments, playbook="playbooks/etcd.yml"):
        return self.site.play(*arguments, playbook=playbook)

    def etcdctl(self, *arguments, node="node1", check=True):
        path = "/etc/ssl/etcd"
        certificates = ["--cacert", f"{path}/ca.pem", "--cert", f"{path}/server.pem", "--key", f"{path}/server.key"]
        endpoint = f"https://{NODES[node][1]}:2379"
        command = ["env", "ETCDCTL_API=3", "etcdctl", "--endpoints", endpoint, *certificates, *arguments]
        return self.nodes[node].machine.run(command, check=check)

    def members(self):
        """{name: id} of the members that have a vote."""
        answer = json.loads(self.etcdctl("member", "list", "-w", "json").stdout)
        return {member["name"]: member["ID"] for member in answer["members"] if not member.get("isLearner")}

    def end(self):
        for name in self.nodes:
            self.rack.remove_node(name)
