# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
import os
import socket

import pytest
from ansible_collections.pfrack.cluster.plugins.plugin_utils.ssh.link import Link
from ansible_collections.pfrack.cluster.plugins.plugin_utils.ssh.settings import build_settings
from fake_router import FakeRouter


@pytest.fixture
def lines(tmp_path, monkeypatch):
    """Makes routers and links to them; everything is closed afterwards."""
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    made = []

    def make(known=True, options=None, **router_options):
        router = FakeRouter(**router_options)
        path = tmp_path / "known_hosts"
        path.write_text(router.known_hosts_line() if known else "")
        settings = {
            "host": "127.0.0.1",
            "port": router.port,
            "password": "right",
            "look_for_keys": False,
            "known_hosts_files": [str(path)],
            "connect_timeout": 30,
            **(options or {}),
        }
        link = Link(build_settings(settings), "the agent's source;\n")
        made.extend((link, router))
        return router, link

    yield make
    for thing in made:
        thing.close()


def kind(answer):
    assert not answer["ok"]
    return answer["error"]["kind"]


def test_one_connection_and_one_agent_for_all_requests(lines):
    router, link = lines()
    for _i in range(3):
        assert link.call("read", {"paths": ["a"]}) == {
            "id": pytest.approx(3, abs=1),
            "ok": True,
            "result": {"op": "read"},
        }
    assert (router.logins, len(router.agents)) == (1, 1)
    assert router.agents[0].script.startswith(b"the agent's source;")
    link.close()
    assert router.requests == ["hello", "read", "read", "read", "bye"]


def test_noise_and_big_answers(lines):
    big = "x" * 3_000_000

    def behave(op, params, agent):
        agent.noise = b"<p>Syncing&hellip;</p>\n" + os.urandom(5000) + f"\n{agent.marker[:-1]}0 12\n{{}}\n".encode()
        return {"big": big, "echo": params}

    _router, link = lines(behave=behave)
    for text in ("é\n\u2028", "y" * 2_000_000):
        answer = link.call("read", {"text": text})
        assert answer["result"] == {"big": big, "echo": {"text": text}}


def test_a_line_cut_between_requests_is_opened_again(lines):
    router, link = lines()
    assert link.call("read")["ok"]
    router.cut()
    assert link.call("commit")["ok"]
    assert router.logins == 2 and router.requests.count("commit") == 1


@pytest.mark.parametrize("op", ["commit", "publish", "package_start", "put", "unstage"])
def test_a_write_is_never_repeated(lines, op):
    router, link = lines(behave=lambda op, params, agent: router.cut())
    answer = link.call(op)
    assert kind(answer) == "unknown_outcome" and "not repeated" in answer["error"]["message"]
    assert router.requests.count(op) == 1


def test_a_read_is_repeated_once(lines):
    def behave(op, params, agent):
        if router.requests.count("read") == 1:
            router.cut()
            return None
        return {"second": True}

    router, link = lines(behave=behave)
    assert link.call("read")["result"] == {"second": True}
    router.requests.clear()
    router.behave = lambda op, params, agent: router.cut()
    assert kind(link.call("read")) == "unreachable"
    assert router.requests.count("read") == 2


def test_a_silent_router(lines):
    router, link = lines(behave=lambda op, params, agent: None, options={"command_timeout": 0.3})
    assert kind(link.call("read")) == "timeout"
    assert kind(link.call("commit")) == "unknown_outcome"


def test_wrong_password(lines):
    router, link = lines(options={"password": "wrong", "remote_user": "admin"})
    answer = link.call("hello")
    assert kind(answer) == "auth"
    assert f"admin@127.0.0.1:{router.port}" in answer["error"]["message"]
    assert "wrong" not in str(answer)


def test_unknown_host_key(lines, tmp_path):
    router, link = lines(known=False)
    answer = link.call("hello")
    assert kind(answer) == "host_key"
    assert f"ssh-keyscan -p {router.port} 127.0.0.1 >> {tmp_path}/known_hosts" in answer["error"]["message"]
    assert router.logins == 0


def test_changed_host_key_is_refused_even_with_accept_new(lines, tmp_path):
    router, link = lines(options={"host_key_checking": "accept-new"})
    other = FakeRouter()
    other.close()
    line = other.known_hosts_line().replace(str(other.port), str(router.port))
    (tmp_path / "known_hosts").write_text(line)
    answer = link.call("hello")
    assert kind(answer) == "host_key" and f"{tmp_path}/known_hosts:1" in answer["error"]["message"]
    assert router.logins == 0


def test_accept_new_learns_the_key(lines, tmp_path):
    router, link = lines(known=False, options={"host_key_checking": "accept-new"})
    assert link.call("read")["ok"]
    assert (tmp_path / "known_hosts").read_text() == router.known_hosts_line()


def test_nobody_there(lines):
    router, link = lines()
    router.close()
    assert kind(link.call("hello")) == "unreachable"


def test_no_ssh_on_the_port(lines):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        _router, link = lines(options={"port": silent.getsockname()[1], "connect_timeout": 1})
        assert kind(link.call("hello")) == "unreachable"


@pytest.mark.parametrize(
    ("shell", "expected", "words"),
    [
        ("menu", "privilege", "console menu"),
        ((b"This account is currently not available.\n", 1), "privilege", "no shell"),
        ((b"", 1), "privilege", "no shell"),
        ((b"sh: /usr/local/bin/php: not found\n", 127), "unsupported", "php"),
    ],
)
def test_logins_without_a_shell(lines, shell, expected, words):
    _router, link = lines(shell=shell)
    answer = link.call("hello")
    assert kind(answer) == expected and words in answer["error"]["message"]


def test_the_agent_is_new_after_packages_changed(lines):
    router, link = lines(behave=lambda op, params, agent: {"running": False, "exit_code": 0, "output": ""})
    assert link.call("job", {"job": "x"})["ok"]
    assert link.call("read")["ok"]
    assert (router.logins, len(router.agents)) == (1, 2)


def test_a_large_upload_has_a_channel_of_its_own(lines, tmp_path):
    router, link = lines()
    path = tmp_path / "file"
    path.write_bytes(os.urandom(3_000_000))
    answer = link.upload(str(path), "/a b'$(reboot)/.pfrack-stage-1-0", "000000")
    assert answer["ok"] and answer["result"]["size"] == 3_000_000
    assert router.files == {"/a b'$(reboot)/.pfrack-stage-1-0/000000": path.read_bytes()}
    assert router.logins == 1 and "put" not in router.requests


INCOMING, HASH = "/tftpboot/.pfrack-stage-incoming", "ab" * 32


def test_a_big_file_comes_in_legs_of_one_stream_and_goes_on_at_its_place(lines, tmp_path):
    router, link = lines()
    path, place = tmp_path / "file", f"{INCOMING}/{HASH}"
    path.write_bytes(os.urandom(5_000_000))
    router.files[place] = path.read_bytes()[:1_500_000]
    for offset in (1_500_000, 2_500_000, 3_500_000):
        assert link.upload(str(path), INCOMING, HASH, offset, 1_000_000)["ok"]
    assert link.upload(str(path), INCOMING, HASH, 4_500_000, 1_000_000)["result"]["size"] == 5_000_000
    assert router.files == {place: path.read_bytes()}
    assert len(router.commands) == 1


def test_a_stream_that_is_cut_says_so(lines, tmp_path):
    router, link = lines()
    path = tmp_path / "file"
    path.write_bytes(os.urandom(3_000_000))
    assert link.upload(str(path), INCOMING, HASH, 0, 1_000_000)["ok"]
    router.cut()
    assert kind(link.upload(str(path), INCOMING, HASH, 1_000_000, 2_000_000)) == "unreachable"


def test_a_file_that_becomes_shorter_is_not_taken(lines, tmp_path):
    _router, link = lines()
    path = tmp_path / "file"
    path.write_bytes(os.urandom(2_000_000))
    assert link.upload(str(path), INCOMING, HASH, 0, 1_000_000)["ok"]
    path.write_bytes(b"")
    answer = link.upload(str(path), INCOMING, HASH, 1_000_000, 1_000_000)
    assert not answer["ok"] or answer["result"]["size"] != 2_000_000


@pytest.mark.parametrize("content", [b"", b"menu\n"])
def test_a_small_upload_is_one_request(lines, tmp_path, content):
    router, link = lines(behave=lambda op, params, agent: {"size": len(base64.b64decode(params.get("data", "")))})
    link.call("hello")
    router.requests.clear()
    (tmp_path / "file").write_bytes(content)
    answer = link.upload(str(tmp_path / "file"), "/tftpboot/.pfrack-stage-1-0", "000000")
    assert answer["result"]["size"] == len(content)
    assert router.requests == ["put"] and len(router.commands) == 1


def test_an_upload_that_the_router_does_not_take_goes_through_the_agent(lines, tmp_path):
    received = bytearray()

    def behave(op, params, agent):
        if op != "put":
            return {}
        assert params["offset"] == len(received)
        received.extend(base64.b64decode(params["data"]))
        return {"size": len(received)}

    router, link = lines(behave=behave)
    router.takes_files = False
    path = tmp_path / "file"
    path.write_bytes(os.urandom(1_000_000))
    answer = link.upload(str(path), "/tftpboot/.pfrack-stage-1-0", "000000")
    assert answer["ok"] and answer["result"]["size"] == 1_000_000
    assert bytes(received) == path.read_bytes()
    assert kind(link.upload(str(path), "/etc", "000000")) == "unsafe_path"
    assert kind(link.upload(str(tmp_path / "no"), "/a/.pfrack-stage-1-0", "000000")) == "missing"


def test_secrets_stay_out_of_the_command_line(lines):
    router, link = lines()
    link.call("commit", {"operations": [{"value": "topsecret"}]})
    assert all("topsecret" not in command and "right" not in command for command in router.commands)
    assert all(len(command) < 400 for command in router.commands)
