# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HAProxy's own words, as version 3.0 says them."""

from __future__ import annotations

import pytest
from ansible_collections.pfrack.cluster.plugins.module_utils.backend_sync.plan import refused
from ansible_collections.pfrack.cluster.plugins.module_utils.backend_sync.running import (
    backends_of,
    read_line,
    read_state,
    same_address,
)

STATE = """1
# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight \
srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state \
srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl \
srv_check_port srv_check_addr srv_agent_addr srv_agent_port
100 web_ipvANY 101 node1 fd00::7 2 8 13 1 0 1 0 2 7 0 1 1 - 81 - 0 0 - - 0
100 web_ipvANY 102 node2 10.10.0.12 2 4 7 7 0 1 0 2 6 0 1 1 - 80 - 0 0 - - 0
100 web_ipvANY 104 node4 10.10.0.4 0 5 5 5 0 1 0 0 10 0 1 1 - 80 - 0 0 - - 0
"""


def test_the_state_of_servers():
    servers = read_state(STATE)["web_ipvANY"]
    assert (servers["node1"].address, servers["node1"].port, servers["node1"].weight) == ("fd00::7", "81", "13")
    assert (servers["node1"].drained, servers["node1"].up) == (True, False)
    # "Disabled in the file" alone does not keep a server from serving.
    assert (servers["node2"].ready, servers["node2"].up, servers["node2"].check_runs) == (True, True, True)
    assert (servers["node4"].maintenance, servers["node4"].check_runs) == (True, False)
    assert read_state("") == read_state(None) == {}


def test_lines_of_the_file():
    line = read_line("node1 fd00::5:80 id 103 check-ssl check inter 1000 disabled weight 7 verify none")
    assert (line.address, line.port, line.id, line.weight) == ("fd00::5", "80", "103", "7")
    assert line.check and line.disabled
    assert line.words == "fd00::5:80 id 103 check-ssl check inter 1000 disabled weight 7 verify none"
    plain = read_line("node1 10.0.0.1:80")
    assert (plain.id, plain.weight, plain.check, plain.disabled) == ("", "1", False, False)
    assert read_line("inner /inner.socket send-proxy-v2-ssl-cn").port == ""
    assert read_line("") is None


def test_names_of_backends():
    names = ["web_ipvANY", "web_ipv4", "web2_ipvANY"]
    assert backends_of("web", names) == ["web_ipvANY", "web_ipv4"]


def test_addresses():
    assert same_address("fd00::5", "fd00:0::5") is True
    assert same_address("10.0.0.1", "10.0.0.2") is False
    assert same_address("node1.example.org", "10.0.0.2") is None


@pytest.mark.parametrize(
    ("command", "answer", "agreed"),
    [
        ("add server b/s 10.0.0.1:80", "New server registered.", True),
        ("add server b/s 10.0.0.1:80", "Already exists a server with the same name in backend.", False),
        ("add server b/s 10.0.0.1:80", None, False),
        ("del server b/s", "Server deleted.", True),
        ("del server b/s", "No such server.", True),
        ("del server b/s", "Only servers in maintenance mode can be deleted.", False),
        ("set server b/s addr 10.0.0.1 port 81", "IP changed from '10.0.0.2' to '10.0.0.1'", True),
        ("set server b/s addr 10.0.0.1 port 81", "no need to change the addr, port changed from '80' to '81'", True),
        ("set server b/s addr 10.0.0.1 port 81", "Invalid addr format.", False),
        ("set server b/s state ready", "", True),
        ("set server b/s state ready", "No such server.", False),
    ],
)
def test_yes_and_no(command, answer, agreed):
    assert (refused(command, answer) == "") == agreed
