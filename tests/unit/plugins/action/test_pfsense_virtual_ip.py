# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The base of the actions and pfsense_virtual_ip, against the agent in memory."""

from __future__ import annotations

import json

import pytest
import yaml
from ansible.errors import AnsibleActionFail
from ansible_collections.pfrack.cluster.plugins.action.pfsense_virtual_ip import ActionModule
from ansible_collections.pfrack.cluster.tests.unit.fake_agent import FakeAgent, failure
from ansible_collections.pfrack.cluster.tests.unit.run_action import make_action, run_action

FOREIGN = {
    "mode": "ipalias",
    "interface": "lan",
    "uniqid": "5f0c2a41b3de1",
    "descr": "made by hand",
    "type": "single",
    "subnet_bits": "32",
    "subnet": "10.10.0.9",
}
WANTED = {"virtual_ips": [{"address": "10.10.0.5", "descr": "Deis HA Proxy"}]}
CARP = {"virtual_ips": [{"address": "10.10.0.6", "mode": "carp", "vhid": 6, "password": "hunter22"}]}


@pytest.fixture
def agent():
    return FakeAgent({"virtualip": {"vip": [FOREIGN]}})


def test_creates_once_and_keeps_what_others_made(agent):
    first = run_action(ActionModule, agent, WANTED)
    assert first["changed"] and first["created"] == ["10.10.0.5"] and first["applied"] == ["virtual_ip", "filter"]
    assert agent.config["virtualip"]["vip"][0] == FOREIGN
    assert agent.config["virtualip"]["vip"][1]["descr"] == "Deis HA Proxy [pfrack]"
    assert first["revision"] == agent.revision
    second = run_action(ActionModule, agent, WANTED)
    assert not second["changed"] and len(agent.commits) == 1


def test_foreign_entries_do_not_travel_back(agent):
    run_action(ActionModule, agent, WANTED)
    assert "made by hand" not in json.dumps(agent.commits)


def test_check_mode_predicts_the_run(agent):
    predicted = run_action(ActionModule, agent, WANTED, check=True, diff=True)
    assert agent.commits == []
    done = run_action(ActionModule, agent, WANTED, diff=True)
    for name in ("changed", "diff", "created", "changed_entries", "removed"):
        assert predicted[name] == done[name]
    assert yaml.safe_load(done["diff"]["after"])["virtualip/vip"] == agent.config["virtualip"]["vip"]


def test_no_diff_unless_asked_for(agent):
    assert "diff" not in run_action(ActionModule, agent, WANTED)


def test_password_is_written_but_never_shown(agent):
    result = run_action(ActionModule, agent, CARP, diff=True)
    assert agent.config["virtualip"]["vip"][1]["password"] == "hunter22"
    assert "hunter22" not in json.dumps(result)
    assert not run_action(ActionModule, agent, CARP)["changed"]


def test_a_new_password_is_told_without_showing_it(agent):
    run_action(ActionModule, agent, CARP)
    other = {"virtual_ips": [dict(CARP["virtual_ips"][0], password="hunter33")]}
    result = run_action(ActionModule, agent, other, diff=True)
    assert result["changed_entries"] == ["10.10.0.6"] and "a secret differs" in result["diff"]["after"]
    assert "hunter" not in json.dumps(result)


def test_arguments_are_converted_as_ansible_does(agent):
    args = {"virtual_ips": [dict(CARP["virtual_ips"][0], vhid="6", prefix="24")], "purge": "no"}
    run_action(ActionModule, agent, args)
    assert agent.config["virtualip"]["vip"][1]["subnet_bits"] == "24" and FOREIGN in agent.config["virtualip"]["vip"]


def test_error_that_quotes_a_secret_is_masked(agent):
    agent.refuse = failure("refused", "bad password hunter22", "interface_carp_configure", "hunter22?")["error"]
    result = run_action(ActionModule, agent, CARP)
    assert result["failed"] and "hunter22" not in json.dumps(result)


def test_plans_again_when_an_admin_was_faster(agent):
    other = dict(FOREIGN, subnet="10.10.0.10", uniqid="5f0c2a41b3de2")
    agent.before_commit = lambda fake: fake.config["virtualip"]["vip"].insert(0, other)
    assert run_action(ActionModule, agent, WANTED)["changed"]
    assert [vip["subnet"] for vip in agent.config["virtualip"]["vip"]] == ["10.10.0.10", "10.10.0.9", "10.10.0.5"]


def test_gives_up_after_three_conflicts(agent):
    def busy_admin(fake):
        fake.config["count"] = str(int(fake.config.get("count", "0")) + 1)
        fake.before_commit = busy_admin

    agent.before_commit = busy_admin
    result = run_action(ActionModule, agent, WANTED)
    assert result["failed"] and result["error"]["kind"] == "conflict"
    assert agent.calls.count("commit") == 3 and agent.commits == []


def test_failure_names_host_kind_function_and_the_daemons_words(agent):
    agent.refuse = failure("refused", "the test said no", "haproxy_check", "line 5: unknown keyword")["error"]
    result = run_action(ActionModule, agent, WANTED)
    assert result["failed"]
    for word in ("router1", "refused", "haproxy_check", "the test said no", "line 5: unknown keyword"):
        assert word in result["msg"]


def test_all_problems_in_one_message(agent):
    bad = {"virtual_ips": [{"address": "10.10.0.1"}, {"address": "10.10.0.7", "interface": "dmz"}]}
    result = run_action(ActionModule, agent, bad)
    assert result["failed"] and len(result["problems"]) == 2 and "10.10.0.1" in result["msg"] and "dmz" in result["msg"]
    assert agent.commits == []


@pytest.mark.parametrize(
    "args",
    [
        {},
        {"virtual_ips": [{"descr": "no address"}]},
        {"virtual_ips": [{"address": "10.10.0.5", "mode": "magic"}]},
        dict(WANTED, unknown=1),
    ],
)
def test_bad_arguments_are_refused_before_anything_is_asked(agent, args):
    with pytest.raises(AnsibleActionFail):
        run_action(ActionModule, agent, args)
    assert agent.calls == []


def test_wrong_connection_is_explained():
    result = make_action(ActionModule, WANTED).run(task_vars={})
    assert result["failed"] and "pfrack.cluster.pfsense_ssh" in result["msg"] and "local" in result["msg"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"virtual_ips": [CARP["virtual_ips"]]},
        {"virtual_ips": CARP["virtual_ips"][0]},
        {"virtual_ips": [{**CARP["virtual_ips"][0], "mode": "hunter22"}]},
        {"virtual_ips": [{"address": "10.10.0.6", "mode": "carp", "vhid": 6, "passwd": "hunter22"}]},
    ],
    ids=["a list in the list", "no list", "twice", "another name"],
)
def test_wrong_options_do_not_tell_the_password(agent, wrong):
    with pytest.raises(AnsibleActionFail, match="virtual_ips") as caught:
        run_action(ActionModule, agent, wrong)
    assert "hunter22" not in str(caught.value)
