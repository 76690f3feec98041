# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The carriers over HTTPS without a router: settings, answers in noise, and the outcome of changes."""

from __future__ import annotations

import base64
import contextlib
import json
import socket
import urllib.request
import zlib

import pytest
from ansible_collections.pfrack.cluster.plugins.plugin_utils.https import line as line_module
from ansible_collections.pfrack.cluster.plugins.plugin_utils.https.client import Response
from ansible_collections.pfrack.cluster.plugins.plugin_utils.https.errors import AnswerLost, HttpsError
from ansible_collections.pfrack.cluster.plugins.plugin_utils.https.line import HttpsLine, find_answer, pack
from ansible_collections.pfrack.cluster.plugins.plugin_utils.https.one_time_server import OneTimeServer
from ansible_collections.pfrack.cluster.plugins.plugin_utils.https.rest_api import RestApi, build_rest_settings
from ansible_collections.pfrack.cluster.plugins.plugin_utils.https.settings import build_settings, normal_fingerprint

DIGEST = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


@pytest.mark.parametrize(
    "text",
    [DIGEST, DIGEST.upper(), ":".join(DIGEST[at : at + 2] for at in range(0, 64, 2)), f"SHA256:{DIGEST}",
     f"sha256 Fingerprint={DIGEST}", f" {DIGEST}\n"],
)  # fmt: skip
def test_fingerprints_are_understood(text):
    assert normal_fingerprint(text) == DIGEST


@pytest.mark.parametrize("text", ["ab:cd", DIGEST + "00", "z" * 64])
def test_what_is_no_fingerprint(text):
    with pytest.raises(HttpsError):
        normal_fingerprint(text)


def test_defaults_and_proxies(monkeypatch):
    for name in ("https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY", "http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    settings = build_settings({"host": "fw"})
    assert (settings.port, settings.user, settings.validate_certs, settings.proxy) == (443, "admin", True, "")
    assert build_settings({"host": "fw", "use_ssl": False}).port == 80
    monkeypatch.setenv("https_proxy", "http://proxy:3128")
    assert build_settings({"host": "fw"}).proxy == "http://proxy:3128"
    assert build_settings({"host": "fw", "use_proxy": False}).proxy == ""
    assert build_settings({"host": "fw", "proxy": "other:1"}).proxy == "other:1"
    monkeypatch.setenv("no_proxy", "fw")
    assert build_settings({"host": "fw"}).proxy == ""
    with pytest.raises(HttpsError):
        build_settings({"host": "fw", "proxy": "socks5://x"})


def framed(request_id, answer):
    engine = zlib.compressobj(9, zlib.DEFLATED, -15)
    text = base64.b64encode(engine.compress(json.dumps(answer).encode()) + engine.flush()).decode()
    return f"<b>Warning</b> & noise pfrack:{request_id}:{text}:</string>"


def test_answers_are_found_in_noise():
    assert find_answer(framed("a1", {"ok": True}), "a1") == {"ok": True}
    assert find_answer(framed("a1", {"ok": True}), "b2") is None
    assert find_answer("<html>", "a1") is None
    with pytest.raises(AnswerLost):
        find_answer("pfrack:a1:AAAA:", "a1")


class FakeLine(HttpsLine):
    """Answers what the test says: an op's list holds results, states, or exceptions to raise."""

    def __init__(self, **says):
        super().__init__(build_settings({"host": "fw", "use_proxy": False, "command_timeout": 30}), "")
        self.says = {"hello": [{"uid": 0}], **says}
        self.asked = []

    def send(self, packed, data, request_id, timeout):
        request = json.loads(zlib.decompress(base64.b64decode(packed), -15))
        self.asked.append(request)
        says = self.says[request["op"]]
        said = says.pop(0) if len(says) > 1 else says[0]
        if isinstance(said, Exception):
            raise said
        return said if "ok" in said else {"id": request_id, "ok": True, "result": said}

    def ops(self):
        return [request["op"] for request in self.asked]


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    monkeypatch.setattr(line_module.time, "sleep", lambda seconds: None)


LOST = AnswerLost("cut", sent=True)
DONE = {"state": "done", "answer": {"id": 1, "ok": True, "result": {"revision": "new"}}}


def test_a_change_is_claimed_by_an_id_and_asked_about():
    line = FakeLine(commit=[{"state": "running"}], outcome=[{"state": "running"}, LOST, DONE])
    assert line.call("commit", {"revision": "old"})["result"] == {"revision": "new"}
    assert line.ops() == ["hello", "commit", "outcome", "outcome", "outcome"]
    commit, outcome = line.asked[1], line.asked[2]
    assert commit["background"] and not outcome["background"]
    assert outcome["params"] == {"request": commit["id"]} and outcome["run"] == commit["run"]


def test_what_never_arrived_is_sent_again_under_another_id():
    line = FakeLine(commit=[LOST, DONE], outcome=[{"state": "never"}])
    assert line.call("commit", {"revision": "old"})["ok"]
    first, second = [request["id"] for request in line.asked if request["op"] == "commit"]
    assert first != second
    line = FakeLine(commit=[LOST], outcome=[{"state": "never"}])
    error = line.call("commit", {"revision": "old"})["error"]
    assert error["kind"] == "unreachable" and "Nothing was done" in error["message"]
    assert line.ops().count("commit") == 2


@pytest.mark.parametrize(
    ("state", "revision", "kind", "words"),
    [
        ("died", "old", "internal", "Nothing was written"),
        ("died", "new", "unknown_outcome", "an admin clicks"),
        ("lost", "old", "internal", "started again"),
        ("lost", "new", "unknown_outcome", "not repeated"),
    ],
)
def test_nothing_is_guessed(state, revision, kind, words):
    line = FakeLine(commit=[LOST], outcome=[{"state": state, "revision": revision, "last_change": "an admin clicks"}])
    error = line.call("commit", {"revision": "old"})["error"]
    assert error["kind"] == kind and words in error["message"]
    assert line.ops().count("commit") == 1


def test_a_router_that_forgot_the_run_gets_a_new_one():
    gone = {"id": 1, "ok": False, "error": {"kind": "run_gone", "message": ""}}
    line = FakeLine(commit=[gone, DONE])
    assert line.call("commit", {"revision": "old"})["ok"]
    assert line.ops() == ["hello", "commit", "hello", "commit"]
    assert line.asked[1]["run"] != line.asked[3]["run"]


def test_looks_are_repeated_and_refusals_are_not():
    line = FakeLine(read=[LOST, LOST, {"revision": "r"}])
    assert line.call("read", {"paths": []})["ok"]
    line = FakeLine(hello=[HttpsError("auth", "no")])
    for _task in range(3):
        assert line.call("read")["error"]["kind"] == "auth"
    assert line.ops() == ["hello"]


def test_only_known_ops_may_be_made_twice():
    line = FakeLine(something_new=[DONE])
    line.call("something_new")
    assert line.asked[1]["background"]


def test_requests_survive_packing():
    request = {"op": "x", "params": {"text": "R&D \u00e9 '\"", "number": 1}}
    assert json.loads(zlib.decompress(base64.b64decode(pack(request)), -15)) == request


@pytest.mark.parametrize(
    ("status", "response_id", "kind", "words"),
    [
        (401, "AUTH_AUTHENTICATION_FAILED", "auth", "KeyAuth"),
        (403, "AUTH_AUTHORIZATION_FAILED", "privilege", "api-v2-services-haproxy-backend-server-post"),
        (403, "ENDPOINT_CLIENT_NOT_ALLOWED_BY_ACL", "privilege", "access list"),
        (403, "ENDPOINT_INTERFACE_NOT_ALLOWED", "privilege", "allowed interfaces"),
        (405, "ENDPOINT_METHOD_NOT_ALLOWED_IN_READ_ONLY_MODE", "privilege", "read-only"),
        (503, "ENDPOINT_REST_API_IS_NOT_ENABLED", "unsupported", "does not work now"),
        (503, "MODEL_WRITE_CONFIG_LOCKED", "busy", "nothing was changed"),
        (409, "SOMETHING_NEW", "internal", "SOMETHING_NEW"),
    ],
)
def test_refusals_of_the_rest_package(status, response_id, kind, words):
    class Client:
        def request(self, method, path, body, headers, timeout):
            answer = {"code": status, "response_id": response_id, "message": "no", "data": []}
            return Response(status, {}, json.dumps(answer).encode())

    rest = build_rest_settings({"api_key": "k"})
    with pytest.raises(HttpsError, match=words) as caught:
        RestApi(build_settings({"host": "fw"}), Client(), rest).ask("POST", "/services/haproxy/backend/server", {})
    assert caught.value.kind == kind


def test_the_one_time_server_asks_no_name_server(tmp_path, monkeypatch):
    monkeypatch.setattr(socket, "getfqdn", lambda *_: pytest.fail("asked"))
    (tmp_path / "file").write_bytes(b"content")
    with OneTimeServer(str(tmp_path / "file"), "127.0.0.1", 0, False) as server:
        assert urllib.request.urlopen(server.url, timeout=10).read() == b"content"


def test_nothing_is_served_any_more_when_the_one_time_server_ends(tmp_path):
    path = tmp_path / "image"
    path.write_bytes(bytes(50_000_000))
    with OneTimeServer(str(path), "127.0.0.1", 0, False) as server:
        answer = urllib.request.urlopen(server.url, timeout=10)
        received = len(answer.read(1000))
    with contextlib.suppress(OSError):
        while chunk := answer.read(1 << 20):
            received += len(chunk)
    assert 0 < received < 50_000_000
