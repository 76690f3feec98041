# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the client of etcd makes of answers that are not what they should be."""

from __future__ import annotations

import base64
import hashlib
import http.server
import json
import threading

import pytest
from ansible_collections.pfrack.cluster.plugins.module_utils.etcd import members as membership
from ansible_collections.pfrack.cluster.plugins.plugin_utils.etcd_client import EtcdClient, EtcdError

DATA = b"keys and values" * 100


@pytest.fixture
def etcd():
    """Starts a server that answers each path with what `answers` says: (status, [line])."""
    servers = []

    def start(answers):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                status, lines = answers[self.path]
                self.send_response(status)
                self.end_headers()
                for line in lines:
                    self.wfile.write(json.dumps(line).encode() + b"\n")

            def log_message(self, *_arguments):
                """Says nothing."""

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return "http://127.0.0.1:%d" % server.server_port

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def snapshot(data, digest):
    blobs = [data[:700], data[700:] + digest]
    lines = [{"result": {"blob": base64.b64encode(blob).decode()}} for blob in blobs]
    return {"/v3/maintenance/snapshot": (200, lines)}


def test_a_snapshot_is_for_its_owner_only(etcd, tmp_path):
    digest = hashlib.sha256(DATA).digest()
    path = tmp_path / "saved"
    size = EtcdClient([etcd(snapshot(DATA, digest))]).snapshot(str(path))
    assert path.read_bytes() == DATA + digest and size == path.stat().st_size
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("data", [DATA[:-1], b""])
def test_half_a_snapshot_replaces_nothing(etcd, tmp_path, data):
    path = tmp_path / "saved"
    path.write_text("the last good one")
    with pytest.raises(EtcdError, match="not whole"):
        EtcdClient([etcd(snapshot(data, hashlib.sha256(DATA).digest()))]).snapshot(str(path))
    assert path.read_text() == "the last good one"
    assert list(tmp_path.iterdir()) == [path]


def test_a_learner_is_asked_in_vain_and_the_next_one_answers(etcd):
    path = "/v3/cluster/member/add"
    learner = etcd({path: (400, [{"message": "etcdserver: rpc not supported for learner"}])})
    member = etcd({path: (200, [{"member": {"ID": "7"}}])})
    assert EtcdClient([learner, member]).add_learner("https://10.0.0.7:2380") == {"ID": "7"}


@pytest.mark.parametrize(("alarm", "healthy"), [("NOSPACE", True), ("CORRUPT", False)])
def test_an_alarm_is_named_and_is_no_lost_quorum(etcd, alarm, healthy):
    answers = {
        "/v3/cluster/member/list": (200, [{"members": [{"ID": "7", "name": "node1", "clientURLs": []}]}]),
        "/v3/maintenance/status": (
            200,
            [{"header": {"member_id": "7"}, "leader": "7", "errors": [f"memberID:7 alarm:{alarm} ", "something"]}],
        ),
    }
    endpoint = etcd(answers)
    answers["/v3/cluster/member/list"][1][0]["members"][0]["clientURLs"].append(endpoint)
    (member,) = EtcdClient([endpoint]).members()
    assert (member["healthy"], member["alarms"]) == (healthy, [alarm])
    assert f"node1: alarm {alarm}: " in membership.alarm_warnings([member])[0]


def test_a_refusal_is_final_and_silence_is_told_with_its_address(etcd):
    refusing = etcd({"/v3/cluster/member/remove": (400, [{"message": "etcdserver: member not found"}])})
    with pytest.raises(EtcdError, match="member not found") as caught:
        EtcdClient([refusing, "http://127.0.0.1:1"]).remove("1")
    assert caught.value.kind == "refused"
    with pytest.raises(EtcdError, match="127.0.0.1:1: ") as caught:
        EtcdClient(["http://127.0.0.1:1"]).members()
    assert caught.value.kind == "unreachable"
