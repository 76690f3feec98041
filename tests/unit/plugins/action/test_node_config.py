# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""node_config: what is in the files, who checks them, and how snippets change them."""

from __future__ import annotations

import base64
import json

import pytest
from ansible.errors import AnsibleActionFail
from ansible_collections.pfrack.cluster.plugins.action.node_config import ActionModule
from ansible_collections.pfrack.cluster.plugins.module_utils.node_config.merge import merge
from ansible_collections.pfrack.cluster.tests.unit.run_action import make_action
from hypothesis import given
from hypothesis import strategies as st

KEY = "ssh-ed25519 AAAA me"


@pytest.fixture
def validator(tmp_path):
    program = tmp_path / "validate"
    program.write_text("#!/bin/sh\n! grep -q BAD\n")
    program.chmod(0o755)
    return program


@pytest.fixture
def run(tmp_path, validator):
    def play(check=False, **options):
        arguments = {
            "nodes": [{"name": "node1", "mac_address": "52:54:00:10:00:01", "address": "10.10.0.20"}],
            "dest": str(tmp_path / "out"),
            "ssh_authorized_keys": [KEY],
            "validator": str(validator),
            **options,
        }
        return make_action(ActionModule, arguments, check).run(task_vars={})

    return play


def config(tmp_path, name="node1.ign"):
    return json.loads((tmp_path / "out" / name).read_text())


def contents(entry):
    return base64.b64decode(entry["contents"]["source"].split(",")[1]).decode()


def test_name_keys_and_engine(run, tmp_path):
    result = run()
    assert result["changed"] and result["written"] == ["node1.ign"]
    made = config(tmp_path)
    assert made["ignition"] == {"version": "3.3.0"}
    assert made["passwd"]["users"] == [{"name": "core", "sshAuthorizedKeys": [KEY]}]
    files = {entry["path"]: contents(entry) for entry in made["storage"]["files"]}
    assert files["/etc/hostname"] == "node1\n"
    assert {"name": "docker.service", "enabled": True} in made["systemd"]["units"]
    assert not run()["changed"]


def test_secrets_are_for_their_owner_only(run, tmp_path):
    run()
    assert (tmp_path / "out").stat().st_mode & 0o077 == 0
    assert (tmp_path / "out" / "node1.ign").stat().st_mode & 0o077 == 0


def test_files_of_nodes_that_left_go_away(run, tmp_path):
    run(default_node=True)
    assert "/etc/hostname" not in str(config(tmp_path, "default.ign"))
    result = run()
    assert result["removed"] == ["default.ign"]
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"node1.ign", ".gitignore", ".validated"}


def test_the_validator_sees_each_text_once(run, validator, tmp_path):
    seen = tmp_path / "seen"
    seen.mkdir()
    counting = f"#!/bin/sh\ncat > {seen}/$$; ! grep -q BAD {seen}/$$\n"

    def asked(**options):
        before = len(list(seen.iterdir()))
        result = run(**options)
        return result.get("failed", False), len(list(seen.iterdir())) - before

    validator.write_text(counting)
    assert asked(default_node=True) == (False, 2)
    assert asked(default_node=True) == (False, 0)
    # What it refuses it is asked again.
    bad = {"files": [{"path": "/etc/BAD", "content": ""}]}
    assert asked(**bad) == (True, 1) and asked(**bad) == (True, 1)
    assert asked() == (False, 0)
    # Another one may judge otherwise.
    validator.write_text(counting + "# newer\n")
    assert asked() == (False, 1)


def test_check_mode_writes_nothing(run, tmp_path):
    assert run(check=True)["written"] == ["node1.ign"] and not (tmp_path / "out").exists()


def test_a_refused_file_is_not_written(run, tmp_path):
    result = run(snippets=[{"variant": "BAD"}])
    assert result["failed"] and "node1.ign: refused" in result["msg"] and not (tmp_path / "out").exists()


def test_a_missing_validator_is_an_error_with_a_way_out(run, tmp_path):
    result = run(validator="no-such-program")
    assert result["failed"] and 'set validator to ""' in result["msg"]
    assert run(validator="")["changed"]


def test_static_network(run, tmp_path):
    run(network="static", prefix=24, gateway="10.10.0.1", nameservers=["10.10.0.1"], domain="c.example")
    files = {entry["path"]: contents(entry) for entry in config(tmp_path)["storage"]["files"]}
    assert "Address=10.10.0.20/24\nGateway=10.10.0.1\nDNS=10.10.0.1" in files["/etc/systemd/network/10-pfrack.network"]


def test_registries_of_the_guide(run, tmp_path):
    run(insecure_registries=["10.0.0.0/8"])
    docker = next(unit for unit in config(tmp_path)["systemd"]["units"] if unit["name"] == "docker.service")
    assert "--insecure-registry=10.0.0.0/8" in docker["dropins"][0]["contents"]


def test_snippets_of_everybody_then_of_the_node(run, tmp_path):
    unit = {"name": "docker.service", "enabled": False}
    own = {"systemd": {"units": [{"name": "docker.service", "mask": True}, {"name": "x.service", "enabled": True}]}}
    node = {"name": "node1", "mac_address": "52:54:00:10:00:01", "node_snippets": [own]}
    run(nodes=[node], snippets=[{"systemd": {"units": [unit]}}])
    units = {entry["name"]: entry for entry in config(tmp_path)["systemd"]["units"]}
    assert units["docker.service"] == {"name": "docker.service", "enabled": False, "mask": True}
    assert units["x.service"]["enabled"]


def test_snippets_of_groups_come_first(run, tmp_path):
    def enabled(name, value=True):
        return {"systemd": {"units": [{"name": name, "enabled": value}]}}

    nodes = [
        {"name": "node1", "mac_address": "52:54:00:10:00:01", "groups": ["cluster", "controllers"]},
        {"name": "node2", "mac_address": "52:54:00:10:00:02", "groups": ["cluster", "workers"]},
    ]
    groups = {
        "controllers": [enabled("server.service")],
        "workers": [enabled("agent.service")],
        "cluster": [enabled("a")],
    }
    run(nodes=nodes, group_snippets=groups, snippets=[enabled("a", value=False)], default_node=True)
    units = {
        name: {unit["name"]: unit for unit in config(tmp_path, f"{name}.ign")["systemd"]["units"]}
        for name in ("node1", "node2", "default")
    }
    assert "server.service" in units["node1"] and "agent.service" not in units["node1"]
    assert "agent.service" in units["node2"] and "server.service" not in units["node2"]
    assert "agent.service" in units["default"]
    assert not any(own["a"]["enabled"] for own in units.values())


def test_historic_coreos_gets_cloud_config(run, tmp_path):
    run(family="coreos", validator="no-such-program", units=[{"name": "etcd2.service", "enabled": True}])
    text = (tmp_path / "out" / "node1.yml").read_text()
    assert text.startswith("#cloud-config\n")
    made = json.loads(text.partition("\n")[2])
    assert made["hostname"] == "node1" and made["ssh_authorized_keys"] == [KEY]
    assert made["coreos"]["update"] == {"reboot-strategy": "off"}
    assert {"name": "etcd2.service", "command": "start", "enable": True} in made["coreos"]["units"]


values = st.recursive(
    st.none() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["path", "name", "a", "b"]), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["a", "b", "c"]), values), st.dictionaries(st.sampled_from(["a", "b"]), values))
def test_merging_twice_is_merging_once(base, snippet):
    once = merge(base, snippet)
    assert merge(once, snippet) == once
    assert {key: value for key, value in once.items() if key not in snippet} == {
        key: value for key, value in base.items() if key not in snippet
    }


def units(tmp_path, name):
    return {unit["name"]: unit for unit in config(tmp_path, name)["systemd"]["units"]}


def test_members_wait_for_etcds_certificates_and_all_nodes_for_those_of_flannel(run, tmp_path):
    nodes = [
        {"name": "node1", "mac_address": "52:54:00:10:00:01", "groups": ["cluster", "controllers"]},
        {"name": "node2", "mac_address": "52:54:00:10:00:02", "groups": ["cluster"]},
    ]
    run(nodes=nodes, etcd_group="controllers", overlay="flannel", flannel_image="example/flannel:1", default_node=True)
    member, worker = units(tmp_path, "node1.ign"), units(tmp_path, "node2.ign")
    assert "PathExists=/etc/ssl/etcd/complete\n" in member["pfrack-etcd.path"]["contents"]
    assert "pfrack-etcd.path" not in worker
    assert "PathExists=/etc/ssl/etcd/flannel-complete\n" in worker["pfrack-flannel.path"]["contents"]
    for name in ("flanneld.service", "flannel-docker-opts.service"):
        assert "FLANNEL_IMAGE=example/flannel:1\n" in worker[name]["dropins"][0]["contents"]
    # A path that led to the unit itself would start it over and over while it fails.
    started = "systemctl start --no-block flanneld.service flannel-docker-opts.service\n"
    assert started in worker["pfrack-flannel.service"]["contents"]
    files = {entry["path"]: contents(entry) for entry in config(tmp_path, "node2.ign")["storage"]["files"]}
    assert files["/etc/modules-load.d/pfrack-flannel.conf"] == "br_netfilter\n"
    # Nobody brings certificates to a machine that is not in the inventory.
    assert "pfrack-flannel.path" not in units(tmp_path, "default.ign")


def test_an_operating_system_without_these_units_is_refused(run):
    result = run(family="fedora-coreos", overlay="flannel")
    assert result["failed"] and "fedora-coreos: has no units for etcd and flannel" in result["msg"]


def test_a_drop_in_of_the_users_own_joins_ours(run, tmp_path):
    dropin = {"name": "30-mine.conf", "contents": "[Service]\n"}
    run(overlay="flannel", units=[{"name": "flanneld.service", "dropins": [dropin]}])
    names = [entry["name"] for entry in units(tmp_path, "node1.ign")["flanneld.service"]["dropins"]]
    assert names == ["20-pfrack.conf", "30-mine.conf"]


def test_what_is_wrong_is_told_without_its_content(run):
    result = run(snippets=["token: mark3d"])
    assert result["failed"] and "node1: snippets: (hidden): is not a set of fields" in result["msg"]
    with pytest.raises(AnsibleActionFail, match="'files'") as caught:
        run(files=[[{"path": "/etc/token", "content": "mark3d"}]])
    assert "mark3d" not in result["msg"] + str(caught.value)
