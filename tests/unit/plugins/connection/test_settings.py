# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os

import pytest
from ansible_collections.pfrack.cluster.plugins.plugin_utils.ssh.errors import SshError
from ansible_collections.pfrack.cluster.plugins.plugin_utils.ssh.settings import build_settings, jump_settings

CONFIG = """
Host fw
    HostName 192.0.2.7
    User root
    Port 2222
    IdentityFile ~/.ssh/fw
    UserKnownHostsFile ~/.ssh/known_fw
    StrictHostKeyChecking accept-new
    HostKeyAlias fw-key
    ConnectTimeout 3
    ServerAliveInterval 7
    ProxyJump me@jump:2022,second
Host piped
    ProxyCommand nc %h %p
Host second
    User other
    HostName 192.0.2.9
"""


@pytest.fixture
def settings(tmp_path):
    path = tmp_path / "config"
    path.write_text(CONFIG)

    def build(host, **options):
        return build_settings({"host": host, "ssh_config_files": [str(path), "/nowhere"], **options})

    return build


def test_ssh_config_is_honoured(settings):
    found = settings("fw")
    assert (found.host, found.user, found.port, found.host_key_name) == ("192.0.2.7", "root", 2222, "fw-key")
    assert found.key_files == [os.path.expanduser("~/.ssh/fw")]
    assert found.known_hosts[0] == os.path.expanduser("~/.ssh/known_fw")
    assert (found.host_key_checking, found.connect_timeout, found.keepalive) == ("accept-new", 3, 7)
    assert found.jumps == ["me@jump:2022", "second"]


def test_ansible_wins_over_ssh_config(settings):
    found = settings(
        "fw",
        port=22,
        remote_user="admin",
        private_key_file="/key",
        host_key_checking="True",
        known_hosts_files=["/kh"],
        proxy_jump="none",
        connect_timeout=20,
    )
    assert (found.user, found.port, found.key_files[0], found.host_key_checking) == ("admin", 22, "/key", "strict")
    assert (found.known_hosts, found.jumps, found.connect_timeout) == (["/kh"], [], 20)


def test_defaults(settings):
    found = settings("10.10.0.1")
    assert (found.host, found.user, found.port, found.host_key_checking) == ("10.10.0.1", "admin", 22, "strict")
    assert found.jumps == [] and found.proxy_command == ""


def test_proxy_command_is_expanded(settings):
    assert settings("piped").proxy_command == "nc piped 22"


def test_a_jump_host_has_its_own_entry_and_never_our_password(settings):
    found = settings("fw", password="secret")
    first, second = (jump_settings(found, hop) for hop in found.jumps)
    assert (first.host, first.user, first.port, first.password) == ("jump", "me", 2022, None)
    assert (second.host, second.user, second.port, second.jumps) == ("192.0.2.9", "other", 22, [])
    assert "secret" not in repr(found)


@pytest.mark.parametrize("value", ["maybe", "2"])
def test_host_key_checking_is_validated(settings, value):
    with pytest.raises(SshError, match="host_key_checking"):
        settings("fw", host_key_checking=value)


@pytest.mark.parametrize("value", [False, "False", "no", 0])
def test_host_key_checking_off(settings, value):
    assert settings("fw", host_key_checking=value).host_key_checking == "off"
