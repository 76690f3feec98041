# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The web server for files, against the agent in memory."""

from __future__ import annotations

import pytest
from ansible_collections.pfrack.cluster.plugins.action.pfsense_static_web import ActionModule
from fake_agent import FakeAgent
from run_action import run_action

INFO = {"webgui": {"protocol": "https", "port": 443, "redirect": True}, "static_web": {"in_order": True}}
OTHER = {"name": "ntopng", "rcfile": "ntopng.sh", "description": "an admin's"}


@pytest.fixture
def agent():
    return FakeAgent({"installedpackages": {"service": [OTHER]}}, INFO)


def run(agent, check=False, **args):
    return run_action(ActionModule, agent, args, check=check)


def section(agent):
    return agent.config["installedpackages"].get("pfrack_static_web")


def test_it_takes_the_address_of_the_interface(agent):
    result = run(agent)
    assert (result["changed"], result["url"], result["applied"]) == (True, "http://10.10.0.1:8080", ["static_web"])
    assert section(agent) == {
        "enable": "", "address": "10.10.0.1", "port": "8080", "directory": "/tftpboot/pfrack",
    }  # fmt: skip
    services = agent.config["installedpackages"]["service"]
    assert services[0] == OTHER and services[1]["description"].endswith("[pfrack]")
    assert run(agent)["changed"] is False


def test_check_mode_says_the_same(agent):
    planned, done = run(agent, check=True), run(agent)
    assert (planned["changed"], planned["url"]) == (done["changed"], done["url"])


def test_lost_files_are_put_back_without_a_write(agent):
    run(agent)
    agent.facts["static_web"]["in_order"] = False
    before, revision = len(agent.commits), agent.revision
    assert run(agent, check=True)["changed"] is True
    result = run(agent)
    assert (result["changed"], result["repaired"], result["applied"]) == (True, True, ["static_web"])
    assert agent.commits[before:] == [
        {"operations": [], "services": ["static_web"], "description": "static web server"}
    ]
    assert agent.revision == revision


def test_it_goes_without_a_trace(agent):
    before = agent.revision
    run(agent)
    result = run(agent, state="absent")
    assert (result["changed"], result["url"]) == (True, "")
    assert agent.revision == before
    assert run(agent, state="absent")["changed"] is False


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"address": "0.0.0.0"}, "is not an address of the router"),
        ({"address": "198.51.100.2"}, "is on the interface wan"),
        ({"address": "router"}, "is neither"),
        ({"interface": "opt7"}, "opt7: the router has no address on it"),
        ({"port": 443}, "web GUI"),
        ({"port": 80}, "web GUI"),
        ({"port": 0}, "must lie between"),
        ({"directory": "/usr/local/www; }"}, "directory:"),
        ({"directory": "/usr/../etc"}, "directory:"),
    ],
)
def test_what_cannot_be_is_refused(agent, args, words):
    result = run(agent, **args)
    assert result["failed"] and words in result["msg"]
    assert agent.commits == []
