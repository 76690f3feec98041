# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""k3s on light nodes: what they fetch and check, who founds and who joins, and the token that must not get lost.

k3s itself is a stand-in, because its releases are not to be had everywhere. Its servers refuse a token other than the
one that they were founded with, as those of the real one do.
"""

from __future__ import annotations

import hashlib
import json
import sys

import pytest
import yaml
from clients import listening, wait_for
from light_cluster import NODES
from light_nodes import LightNode
from playbook_run import Site

VERSION = "v1.34.1+k3s1"
PORT = 8099
PROGRAM = """#!/bin/sh
data=/var/lib/rancher/k3s/server token=/etc/rancher/k3s/token
if [ "$1" = server ]; then
    [ ! -e $data/token ] || cmp -s $data/token $token || exit 1
    mkdir -p $data/db
    cp $token $data/token
fi
{ echo "$1"; cat /etc/rancher/k3s/config.yaml; } > /run/k3s.told
exec sleep infinity
"""
# What the units k3s.service and pfrack-k3s.path do: wait for the last file, start, and start again.
UNITS = """
while :; do
    until [ -e /etc/rancher/k3s/complete ]; do sleep 0.2; done
    %s &
    echo $! > /run/k3s.pid
    wait $!
    rm -f /run/k3s.pid
    sleep 0.2
done
"""
SERVICE = {"name": "api", "port": 6443, "mode": "tcp", "groups": ["controllers"], "check": {"type": "Basic"}}
API = "https://10.10.0.10:6443"


class Node(LightNode):
    """A light node that was installed with a configuration of pfrack."""

    def install(self, config):
        for file in config["storage"]["files"]:
            source = file.get("contents", {}).get("source", "")
            if source.startswith("http"):
                wanted = file["contents"]["verification"]["hash"].removeprefix("sha256-")
                path = file["path"]
                self.machine.run(
                    f"mkdir -p $(dirname {path}); curl -sf -m 60 -o {path} {source}; chmod {file['mode']:o} {path};"
                    f"echo '{wanted}  {path}' | sha256sum -c"
                )
        units = {unit["name"]: unit.get("contents", "") for unit in config["systemd"]["units"]}
        assert "PathChanged=/etc/rancher/k3s/complete\n" in units["pfrack-k3s.path"]
        service = units["k3s.service"]
        assert "ConditionPathExists=/etc/rancher/k3s/complete\n" in service
        start = next(line.partition("=")[2] for line in service.splitlines() if line.startswith("ExecStart="))
        self.units.append(self.machine.popen(UNITS % start))

    def told(self):
        """(server or agent, settings) that k3s was started with; waits until it is."""
        wait_for(
            lambda: self.machine.run("test -e /run/k3s.told", check=False).returncode == 0, f"k3s of {self.name}", 60
        )
        kind, _newline, settings = self.machine.run("cat /run/k3s.told").stdout.partition("\n")
        return kind, json.loads(settings)


class Cluster:
    """Two servers and an agent, and a router that has k3s for them."""

    def __init__(self, rack, directory):
        self.rack = rack
        self.site = Site(rack, directory / "inventory")
        release = directory / "k3s" / VERSION
        release.mkdir(parents=True)
        (release / "k3s").write_text(PROGRAM)
        (release / "sha256sum-amd64.txt").write_text(f"{hashlib.sha256(PROGRAM.encode()).hexdigest()}  k3s\n")
        serve = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", "-d", str(release.parent), str(PORT)]
        self.vendor = rack.controller.popen(serve)
        wait_for(lambda: listening(rack.controller, PORT), "the release server listens", 60)
        self.site.settings.update(
            # The API alone: the router's web GUI has the ports of the ingress.
            cluster_platform="own",
            cluster_platforms={"own": {"kubernetes": True, "services": [SERVICE]}},
            tftp_server_files="",
            node_config_ssh_authorized_keys=["ssh-ed25519 AAAA me"],
            node_config_validator="ignition-validate",
            k3s_base_url=f"http://127.0.0.1:{PORT}",
            k3s_restart="kill $(cat /run/k3s.pid)",
            k3s_runs="test -e /run/k3s.pid",
            k3s_timeout=60,
        )
        self.nodes = {}
        for group, names in (("controllers", ("node1", "node2")), ("workers", ("node3",))):
            lines = self.site.nodes(group)
            lines.clear()
            for name in names:
                self.nodes[name] = Node(rack, name, *NODES[name])
                lines[name] = self.nodes[name].variables()
        roles = ["cluster", "router_packages", "dhcp_server", "tftp_server", "k3s:fetch", "node_config"]
        tasks = []
        for role in roles:
            name, _colon, part = role.partition(":")
            tasks.append(
                {"ansible.builtin.import_role": {"name": f"pfrack.cluster.{name}", "tasks_from": part or "main"}}
            )
        tasks.insert(4, {"pfrack.cluster.pfsense_static_web": {"address": "10.10.0.1"}})
        playbook = directory / "router.yml"
        playbook.write_text(yaml.safe_dump([{"hosts": "routers", "gather_facts": False, "tasks": tasks}]))
        self.site.play(playbook=str(playbook)).ok()
        for name in self.nodes:
            self.install(name)

    def install(self, name):
        made = self.site.directory / ".pfrack/router1/node_config" / f"{name}.ign"
        self.nodes[name].install(json.loads(made.read_text()))

    def play(self, *arguments):
        return self.site.play(*arguments, playbook="playbooks/kubernetes.yml")

    def refused(self, *arguments):
        """What a run said that ended with an error."""
        run = self.play(*arguments)
        assert run.returncode != 0, run.output
        return " ".join(run.output.split())

    def end(self):
        self.vendor.kill()
        self.vendor.wait()
        for name in self.nodes:
            self.rack.remove_node(name)


@pytest.fixture(scope="module")
def cluster(racks, tmp_path_factory):
    rack = racks("2.8", "isc")
    rack.reset()
    cluster = Cluster(rack, tmp_path_factory.mktemp("k3s"))
    yield cluster
    cluster.end()


def test_the_first_server_founds_and_the_others_join(cluster):
    assert "none of these servers has data" in cluster.refused("-l", "router1,node2")
    cluster.play().ok()
    told = {name: node.told() for name, node in cluster.nodes.items()}
    assert {name: kind for name, (kind, _settings) in told.items()} == {
        "node1": "server",
        "node2": "server",
        "node3": "agent",
    }
    assert told["node1"][1]["cluster-init"] is True and "server" not in told["node1"][1]
    assert [told[name][1]["server"] for name in ("node2", "node3")] == [API, API]
    assert [told[name][1]["node-ip"] for name in told] == [NODES[name][1] for name in told]
    secrets = cluster.site.directory / ".pfrack/k3s"
    assert (secrets / ".gitignore").read_text() == "*\n"
    token = (secrets / "token").read_text()
    for node in cluster.nodes.values():
        assert (
            node.machine.run("cat /etc/rancher/k3s/token; stat -c '%a %U' /etc/rancher/k3s/token").stdout
            == token + "600 root\n"
        )
    again = cluster.play().ok().output
    assert again.count("changed=0") == 1 + len(cluster.nodes), again


def test_settings_reach_a_running_agent(cluster):
    cluster.play("-e", '{"k3s_agent_config": {"node-label": ["disk=ssd"]}}').ok()
    worker, server = cluster.nodes["node3"], cluster.nodes["node1"]
    wait_for(lambda: worker.told()[1].get("node-label") == ["disk=ssd"], "k3s of node3 was started anew", 60)
    assert "node-label" not in server.told()[1]


def test_k3s_that_does_not_stay_is_told(cluster):
    assert f"{NODES['node3'][1]}: k3s does not run" in cluster.refused("-e", "k3s_runs=false", "-e", "k3s_timeout=1")


def test_another_token_never_reaches_the_servers(cluster):
    token = cluster.site.directory / ".pfrack/k3s/token"
    kept = token.read_text()
    token.unlink()
    assert "node1: has data of k3s, and its token is not the one of" in cluster.refused()
    assert not token.exists()
    token.write_text("other\n")
    assert "bring that file back" in cluster.refused()
    for node in cluster.nodes.values():
        assert node.machine.run("cat /etc/rancher/k3s/token").stdout == kept
    token.write_text(kept)
    cluster.play().ok()


def test_a_blank_machine_in_the_founders_place_joins(cluster):
    cluster.nodes["node1"].lose()
    cluster.nodes["node1"].start()
    cluster.install("node1")
    cluster.play().ok()
    kind, settings = cluster.nodes["node1"].told()
    assert (kind, settings["server"], settings.get("cluster-init")) == ("server", API, None)
