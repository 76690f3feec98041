# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sync over the REST API's own addresses, against a package in memory that moves, refuses and gets cut off."""

from __future__ import annotations

import pytest
from ansible_collections.pfrack.cluster.plugins.module_utils.backend_sync.config import Wish
from ansible_collections.pfrack.cluster.plugins.module_utils.backend_sync.sync import Options, synchronise
from ansible_collections.pfrack.cluster.plugins.module_utils.router import Router, RouterError
from ansible_collections.pfrack.cluster.plugins.plugin_utils.https import native
from ansible_collections.pfrack.cluster.plugins.plugin_utils.https.errors import AnswerLost, HttpsError, RequestFailed
from ansible_collections.pfrack.cluster.plugins.plugin_utils.https.settings import build_settings


class Package:
    """backends: {name: (mark, [server])}. before: called with (method, path) ahead of each request, and may raise."""

    who = "the API key"

    def __init__(self, **backends):
        self.backends, self.applied, self.before = backends, True, lambda method, path: None
        self.asked = []
        self.refuses = lambda: False
        # How many looks an apply in the background takes.
        self.background = self.pending = 0

    def ask(self, method, path, fields=None, timeout=60.0):
        self.asked.append((method, path.rpartition("/")[2]))
        self.before(method, path)
        if path == native.BACKENDS:
            return [
                {"id": number, "name": name, "advanced_backend": mark, "retries": None, "check_type": "Basic",
                 "servers": [{"id": at, "parent_id": number, **one} for at, one in enumerate(servers)]}
                for number, (name, (mark, servers)) in enumerate(self.backends.items())
            ]  # fmt: skip
        if path == native.APPLY:
            if method == "POST":
                self.applied, self.pending = self.applied or not self.background and not self.refuses(), self.background
            elif not self.applied and self.background:
                self.pending -= 1
                self.applied = self.pending < 0
            return {"applied": self.applied}
        self.applied = False
        servers = list(self.backends.values())[fields["parent_id"]][1]
        if method == "DELETE":
            return servers.pop(fields["id"])
        values = {name: value for name, value in fields.items() if name not in ("id", "parent_id")}
        if method == "PATCH":
            servers[fields["id"]].update(values)
            return servers[fields["id"]]
        servers.append({"status": "active", "weight": 1, "ssl": False, "serverid": 7, **values})
        return servers[-1]

    def names(self, backend="web"):
        return [one["name"] for one in self.backends[backend][1]]


def shown(number, **more):
    return {"name": f"node{number}", "status": "active", "address": f"10.10.0.{number}", "port": "80", "weight": 1,
            "ssl": False, "serverid": 100, "advanced": None, **more}  # fmt: skip


def sync(package, *numbers, **wish):
    ways = native.Native(package, build_settings({"host": "fw"}))

    def call(op, params):
        try:
            return ways.answer(op, params)
        except HttpsError as error:
            return error.answer()

    servers = [{"name": f"node{n}", "address": f"10.10.0.{n}", "port": 80} for n in numbers]
    wanted = Wish("pfrack", [{"name": "web", "servers": servers}] if numbers else None, **wish)
    return synchronise(Router(call), wanted, Options(allow_empty=True, max_removed=100))


@pytest.fixture
def package():
    return Package(
        other=("", [shown(1)]), web=("# [pfrack] servers: node*\noption x", [shown(1), shown(2), shown(3, name="hand")])
    )


def test_servers_come_and_go_and_the_rest_stays(package):
    report = sync(package, 2, 4)
    assert (report["added"], report["removed"], report["route"]) == (["web/node4"], ["web/node1"], "reload")
    assert package.names() == ["node2", "hand", "node4"] and package.names("other") == ["node1"]
    assert [what for what, where in package.asked if where == "server"] == ["POST", "DELETE"]
    assert [what for what, where in package.asked if where == "apply"].count("POST") == 1
    assert sync(package, 2, 4)["changed"] is False


def test_a_list_that_moves_between_two_requests(package):
    def insert(method, path):
        if len(package.asked) == 4:
            servers = package.backends.pop("web")
            package.backends.update(first=("", [shown(9)]), web=servers)
            servers[1].insert(0, shown(7, name="front"))

    package.before = insert
    sync(package, 1, 2, 5)
    assert package.names() == ["front", "node1", "node2", "hand", "node5"]
    assert package.names("first") == ["node9"] and package.names("other") == ["node1"]


def test_a_write_that_hits_another_server_is_told(package):
    def insert(method, path):
        if method == "DELETE":
            package.backends["web"][1].insert(0, shown(7, name="front"))

    package.before = insert
    with pytest.raises(RouterError, match="hit front instead"):
        sync(package, 2)


@pytest.mark.parametrize("arrived", [True, False])
def test_a_lost_answer_is_looked_into_and_not_repeated(package, arrived, monkeypatch):
    monkeypatch.setattr(native, "PATIENCE", 0)

    def lose(method, path):
        if method == "POST" and path == native.SERVER:
            if arrived:
                package.backends["web"][1].append(shown(4))
            raise AnswerLost("no answer within 60 s", sent=True)

    package.before = lose
    if arrived:
        assert sync(package, 1, 2, 4)["added"] == ["web/node4"]
    else:
        with pytest.raises(RouterError, match="got lost") as caught:
            sync(package, 1, 2, 4)
        assert caught.value.kind == "unknown_outcome"
    assert package.asked.count(("POST", "server")) == 1


def test_a_request_that_failed_is_over(package):
    def fail(method, path):
        if method == "DELETE":
            raise RequestFailed("the API says 500: ouch", sent=True)

    package.before = fail
    with pytest.raises(RouterError, match="ouch.*is as it was"):
        sync(package, 2)
    package.before = lambda method, path: None
    report = sync(package, 1, 2)
    assert report["reasons"] == [], "nothing had been written"


def test_what_was_not_applied_is_applied_by_the_next_run(package):
    package.applied = False
    assert sync(package, 1, 2)["reasons"] == ["earlier changes in config.xml were not applied"]
    assert package.applied


def test_an_apply_in_the_background_is_waited_for(package, monkeypatch):
    monkeypatch.setattr(native, "PAUSE", 0)
    package.background = 9
    assert sync(package, 1, 2, 4)["added"] == ["web/node4"]
    assert package.applied and package.asked.count(("POST", "apply")) == 1


def test_what_haproxy_does_not_take_is_put_back(package, monkeypatch):
    monkeypatch.setattr(native, "PATIENCE", 0)
    package.refuses = lambda: "node4" in package.names()
    before = [dict(one) for one in package.backends["web"][1]]
    package.backends["web"][1][0].update(address="10.10.0.99")
    with pytest.raises(RouterError, match="they were put back. The API") as caught:
        sync(package, 1, 2, 4)
    assert caught.value.kind == "apply_failed" and package.applied
    before[0]["address"] = "10.10.0.99"
    assert package.backends["web"][1] == before


def test_maintenance_is_a_status(package):
    assert sync(package, drain=["node1"])["drained"] == ["web/node1"]
    assert package.backends["web"][1][0]["status"] == "disabled"
    assert package.backends["other"][1][0]["status"] == "active", "it is not ours"
    assert sync(package, undrain=["node1"])["updated"] == ["web/node1"]


def test_a_name_that_is_not_claimed_is_refused(package):
    package.backends["web"] = ("# [pfrack] servers: node1 node3", package.backends["web"][1])
    with pytest.raises(RouterError, match="does not claim node4") as caught:
        sync(package, 1, 4)
    assert caught.value.kind == "privilege" and "POST" not in [what for what, _where in package.asked]
    # node3 was ours once, so it may come back.
    package.backends["web"][1].pop()
    assert sync(package, 1, 3)["added"] == ["web/node3"]
    assert sync(package, 1, 3)["changed"] is False


NO_BACKENDS = [{}, "x", [1], None, [{"name": 1}], [{"name": "web", "servers": [1]}], [{"name": "web", "servers": "x"}]]


@pytest.mark.parametrize(
    ("op", "answer"), [("read", one) for one in NO_BACKENDS] + [("leases", one) for one in NO_BACKENDS[:4]]
)
def test_answers_that_make_no_sense(op, answer):
    class Garbage:
        who = "x"

        def ask(self, *_arguments):
            return answer

    with pytest.raises(HttpsError, match="no list of") as caught:
        native.Native(Garbage(), build_settings({"host": "fw"})).answer(op, {"paths": [native.SECTION]})
    assert caught.value.kind == "unsupported"
