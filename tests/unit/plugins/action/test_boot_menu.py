# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""boot_menu against a file system in memory: who installs, who boots the disk, what is left alone."""

from __future__ import annotations

import pytest
from ansible_collections.pfrack.cluster.plugins.action.boot_menu import ActionModule
from ansible_collections.pfrack.cluster.tests.unit.fake_agent import FakeAgent, success
from ansible_collections.pfrack.cluster.tests.unit.run_action import run_action

ROOT = "/tftpboot/"
MAC1, MAC2 = "52:54:00:10:00:01", "52:54:00:10:00:02"
RELEASE = {"version": "1.0.0", "base": "http://r/os", "kernel": "http://r/os/1.0.0/k", "initrd": "http://r/os/1.0.0/i"}


class BootAgent(FakeAgent):
    def do_boot_files(self, root, paths):
        files = self.do_tree(root)["result"]["files"] or {}
        return success({"files": {path: files[path] for path in files if path.startswith(tuple(paths))} or []})


@pytest.fixture
def configs(tmp_path):
    for name in ("node1", "node2", "default"):
        (tmp_path / f"{name}.ign").write_text(f'{{"for": "{name}"}}\n')
    return tmp_path


@pytest.fixture
def agent():
    return BootAgent()


@pytest.fixture
def run(agent, configs):
    def play(**options):
        controls = {name: options.pop(name) for name in ("check", "diff") if name in options}
        arguments = {
            "nodes": [{"name": "node1", "mac_address": MAC1}, {"name": "node2", "mac_address": MAC2}],
            "configs": str(configs),
            "releases": {"x86-64": RELEASE},
            "url": "http://10.10.0.1:8090/",
            "tftp_address": "10.10.0.1",
            **options,
        }
        return run_action(ActionModule, agent, arguments, **controls)

    return play


def text(agent, path):
    return agent.files[ROOT + path][0].decode()


def installations(agent):
    """{id: node} of the installations whose token is there."""
    install = ROOT + "pfrack/install/"
    tokens = [path.split("/")[-2] for path in agent.files if path.startswith(install) and path.endswith("/token")]
    return {token: text(agent, f"pfrack/install/{token}/config")[9:14] for token in tokens}


def is_installed(agent, install_id):
    """What a machine does when it is installed."""
    for path in [path for path in agent.files if f"/{install_id}/" in path]:
        del agent.files[path]


def id_of(agent, name):
    return next(install_id for install_id, node in installations(agent).items() if node == name)


def test_new_nodes_wait_for_their_installation(agent, run):
    result = run()
    assert result["nodes"] == {"node1": "waiting", "node2": "waiting"}
    one = id_of(agent, "node1")
    assert one != id_of(agent, "node2")
    menu = text(agent, "pxelinux.cfg/01-52-54-00-10-00-01")
    assert f"INCLUDE pfrack/install/{one}/token" in menu and "DEFAULT disk" in menu
    script = text(agent, "pfrack/boot/52-54-00-10-00-01.ipxe")
    assert script.startswith("#!ipxe\n") and f"ignition.config.url=http://10.10.0.1:8090/install/{one}/live" in script


def test_second_run_changes_nothing(agent, run):
    run()
    before = dict(agent.files)
    again = run()
    assert not again["changed"] and agent.files == before


def test_configurations_come_before_menus(agent, run):
    published = []
    publish = agent.do_publish
    agent.do_publish = lambda **params: published.append([f["path"] for f in params["files"]]) or publish(**params)
    run()
    assert published[0] == ["pfrack/README"]
    assert all(path.endswith(("/live", "/config", "/token")) for path in published[1])
    assert [path for path in published[1] if path.split("/")[0] == id_of(agent, "node1")][-1].endswith("/token")
    assert "pxelinux.cfg/01-52-54-00-10-00-01" in published[2]


def test_what_the_machine_withdrew_never_comes_back(agent, run, configs):
    run()
    is_installed(agent, id_of(agent, "node1"))
    menu = text(agent, "pxelinux.cfg/01-52-54-00-10-00-01")
    (configs / "node1.ign").write_text('{"for": "node1", "more": 1}')
    result = run(console=["ttyS0"])
    assert result["nodes"] == {"node1": "installed", "node2": "waiting"}
    assert set(installations(agent).values()) == {"node2"}
    assert text(agent, "pxelinux.cfg/01-52-54-00-10-00-01") == menu


def test_configuration_of_a_waiting_node_is_brought_up_to_date(agent, run, configs):
    run()
    one = id_of(agent, "node1")
    (configs / "node1.ign").write_text('{"for": "node1", "more": 1}')
    assert run()["uploaded"] == [f"pfrack/install/{one}/config"]


def test_leftovers_of_an_interrupted_withdrawal_go_away(agent, run):
    run()
    one = id_of(agent, "node1")
    del agent.files[ROOT + f"pfrack/install/{one}/token"]
    assert f"pfrack/install/{one}/config" in run()["removed"]
    assert not run()["changed"]


def test_reprovision_installs_exactly_one_once(agent, run):
    run()
    one, two = id_of(agent, "node1"), id_of(agent, "node2")
    is_installed(agent, one)
    is_installed(agent, two)
    result = run(reprovision=["node2"])
    assert result["nodes"] == {"node1": "installed", "node2": "waiting"}
    new = id_of(agent, "node2")
    assert new not in (one, two) and f"pfrack/install/{new}/replace" in str(agent.files)
    assert not run()["changed"] and id_of(agent, "node2") == new
    is_installed(agent, new)
    assert not run()["changed"] and not installations(agent)


def test_only_reprovision_may_replace_an_installation(agent, run):
    run()
    assert b"REPLACE='no'" in decoded_live(agent, "node1")
    run(reprovision=["node1"])
    assert b"REPLACE='yes'" in decoded_live(agent, "node1")
    run(nodes=[{"name": "node1", "mac_address": MAC1, "install_disk": "smallest"}])
    assert b"REPLACE='yes'" in decoded_live(agent, "node1") and b"DISK='smallest'" in decoded_live(agent, "node1")


def decoded_live(agent, name):
    import base64
    import json

    live = json.loads(text(agent, f"pfrack/install/{id_of(agent, name)}/live"))
    return b"".join(base64.b64decode(entry["contents"]["source"].split(",")[1]) for entry in live["storage"]["files"])


def test_reprovision_of_a_stranger(agent, run):
    result = run(reprovision=["node9"])
    assert result["failed"] and "node9" in result["msg"] and "publish" not in agent.calls


def test_a_node_that_left_loses_its_files(agent, run):
    run()
    run(nodes=[{"name": "node1", "mac_address": MAC1}])
    assert not [path for path in agent.files if "52-54-00-10-00-02" in path]
    assert list(installations(agent).values()) == ["node1"]


def test_files_of_others_stay(agent, run):
    agent.files[ROOT + "pxelinux.cfg/default"] = (b"mine\n", "0644")
    agent.files[ROOT + "pxelinux.cfg/01-52-54-00-99-99-99"] = (b"mine\n", "0644")
    result = run()
    assert result["failed"] and "pxelinux.cfg/default" in result["msg"] and "publish" not in agent.calls
    assert run(default_menu=False)["changed"]
    assert run(take_over=True)["changed"]
    run(nodes=[])
    assert text(agent, "pxelinux.cfg/01-52-54-00-99-99-99") == "mine\n"


def test_two_clusters_keep_apart(agent, run):
    run(nodes=[{"name": "node1", "mac_address": MAC1}])
    run(nodes=[{"name": "node2", "mac_address": MAC2}], owner="other", default_menu=False)
    assert sorted(installations(agent).values()) == ["node1", "node2"]
    run(nodes=[], owner="other", default_menu=False)
    assert list(installations(agent).values()) == ["node1"] and ROOT + "autoexec.ipxe" in agent.files


def test_node_that_is_never_installed(agent, run):
    result = run(nodes=[{"name": "node1", "mac_address": MAC1, "install_os": False}])
    assert result["nodes"] == {"node1": "disk"} and not installations(agent)
    assert "install" not in text(agent, "pxelinux.cfg/01-52-54-00-10-00-01")
    assert "kernel" not in text(agent, "pfrack/boot/52-54-00-10-00-01.ipxe")


@pytest.mark.parametrize("admission, chosen", [("inventory", "disk"), ("any", "install")])
def test_machines_that_nobody_announced(agent, run, admission, chosen):
    run(admission=admission, timeout=7)
    menu = text(agent, "pxelinux.cfg/default")
    assert f"ONTIMEOUT {chosen}\n" in menu and "TIMEOUT 70\n" in menu
    script = text(agent, "pfrack/boot/default.ipxe")
    assert f"--timeout 7000 --default {chosen} " in script
    assert ("kernel http" in script) == (admission == "any")
    if admission == "any":
        assert script.index("sanboot") < script.index("kernel http")
        assert b"node" not in agent.files[ROOT + "pfrack/default/live"][0]


def test_check_mode_predicts(agent, run):
    predicted = run(check=True, diff=True)
    assert predicted["changed"] and agent.files == {}
    assert predicted == run(check=True, diff=True)
    assert len(predicted["uploaded"]) == len(run()["uploaded"])


@pytest.mark.parametrize(
    "node, words",
    [
        ({"install_disk": "sda"}, "install_disk: sda"),
        ({"install_disk": "/dev/sda; reboot"}, "install_disk"),
        ({"architecture": "arm64"}, "no release"),
        ({"mac_address": "52:54"}, "mac_address"),
    ],
)
def test_refused(agent, run, node, words):
    result = run(nodes=[{"name": "node1", "mac_address": MAC1, **node}])
    assert result["failed"] and words in result["msg"] and "publish" not in agent.calls


def test_missing_configuration(agent, run, configs):
    (configs / "node2.ign").unlink()
    result = run()
    assert result["failed"] and "node2" in result["msg"]


def test_check_mode_predicts_with_configurations_that_are_not_written_yet(agent, run, configs):
    unwritten = ["default.ign", "node1.ign", "node2.ign"]
    predicted = run(configs=str(configs / "not there"), changed_configs=unwritten, check=True, diff=True)
    assert predicted["nodes"] == {"node1": "waiting", "node2": "waiting"}
    assert "what node_config makes" in predicted["diff"]["after"]
    run()
    assert run(changed_configs=["node1.ign"], check=True)["uploaded"] == [
        f"pfrack/install/{id_of(agent, 'node1')}/config"
    ]
    # Outside check mode the files are what counts.
    assert not run(changed_configs=["node1.ign"])["changed"]


@pytest.mark.parametrize(
    "options, problem",
    [
        (
            {"title": "our\nmenu"},
            "title: 'our\\nmenu': holds a line break or another control character; write it in one",
        ),
        ({"title": "ours || reboot"}, "title: 'ours || reboot': iPXE ends the command at ||; leave that out"),
        ({"console": ["tty0\n"]}, "console: 'tty0\\n': holds a line break"),
        ({"kernel_arguments": ["quiet splash"]}, "kernel_arguments: 'quiet splash': holds a space; make each word an"),
        (
            {"kernel_arguments": ["quiet\n|| goto retry\n"]},
            "kernel_arguments: 'quiet\\n|| goto retry\\n': holds a line",
        ),
    ],
)
def test_texts_that_would_change_the_menus_are_refused(agent, run, options, problem):
    result = run(**options)
    assert result["failed"] and problem in result["msg"], result["msg"]
    assert not agent.files
