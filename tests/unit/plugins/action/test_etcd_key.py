# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""etcd_key: one key, put or removed in a transaction."""

from __future__ import annotations

import base64
import http.server
import json
import threading

import pytest
from ansible_collections.pfrack.cluster.plugins.action.etcd_key import ActionModule
from ansible_collections.pfrack.cluster.tests.unit.run_action import make_action


class Store(http.server.ThreadingHTTPServer):
    """As much of etcd as one key needs; `meanwhile` is what somebody else does before a transaction."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.keys, self.revision, self.meanwhile = {}, 1, lambda: None

    def put(self, key, value):
        self.revision += 1
        self.keys[key] = {"value": value, "mod_revision": str(self.revision)}

    def range(self, body):
        key = decoded(body["key"])
        found = self.keys.get(key)
        return {"kvs": [{**found, "value": encoded(found["value"])}]} if found else {}

    def txn(self, body):
        self.meanwhile()
        (compare,), (change,) = body["compare"], body["success"]
        key = decoded(compare["key"])
        if self.keys.get(key, {"mod_revision": "0"})["mod_revision"] != compare["modRevision"]:
            return {}
        if "requestPut" in change:
            self.put(key, decoded(change["requestPut"]["value"]))
        else:
            del self.keys[key]
        return {"succeeded": True}


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answer = json.dumps(getattr(self.server, self.path.rpartition("/")[2])(body)).encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_arguments):
        """Says nothing."""


def encoded(text):
    return base64.b64encode(text.encode()).decode()


def decoded(text):
    return base64.b64decode(text).decode()


@pytest.fixture
def store():
    with Store() as store:
        threading.Thread(target=store.serve_forever, daemon=True).start()
        yield store
        store.shutdown()


@pytest.fixture
def run(store):
    def play(check=False, **options):
        endpoints = ["http://127.0.0.1:%d" % store.server_port]
        return make_action(ActionModule, {"name": "/k", "endpoints": endpoints, **options}, check).run(task_vars={})

    return play


def test_it_is_put_once_and_removed_once(run, store):
    first = run(value="one")
    assert first["changed"] and first["value"] is None and first["diff"]["after"] == "one\n"
    again = run(value="one")
    assert not again["changed"] and again["value"] == "one"
    assert run(value="two")["diff"]["before"] == "one\n" and store.keys["/k"]["value"] == "two"
    assert run(state="absent")["changed"] and not store.keys
    assert not run(state="absent")["changed"]


def test_json_that_says_the_same_is_the_same(run, store):
    store.put("/k", '{"a": 1,  "b": [2]}')
    assert not run(value='{"b": [2], "a": 1}')["changed"]
    assert run(value='{"b": [3], "a": 1}')["changed"]


def test_what_is_there_is_kept_on_request_and_both_are_named(run, store):
    store.put("/k", "theirs")
    refused = run(value="mine", overwrite=False)
    assert refused["failed"] and "/k: theirs: is there, and wanted is mine" in refused["msg"]
    assert store.keys["/k"]["value"] == "theirs"


def test_check_mode_says_the_same_and_writes_nothing(run, store):
    said = run(check=True, value="one")
    assert not store.keys
    assert said == run(value="one")


def test_what_somebody_else_writes_at_the_same_moment_is_not_lost(run, store):
    store.meanwhile = lambda: store.put("/k", "theirs")
    result = run(value="mine", overwrite=False)
    assert result["failed"] and "somebody else has just changed it" in result["msg"]
    assert store.keys["/k"]["value"] == "theirs"
