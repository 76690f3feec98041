# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The REST API package itself, from checkouts that are not ours to ship, beside the lab's emulation of it."""

from __future__ import annotations

import json
import os

import lab
import pytest
from api_line import ApiLine, trusted
from fleet import RouterError, Wish
from test_least_privilege import (
    PRIVILEGES,
    REFUSED,
    SET_PRIVILEGES,
    Limited,
    follow_the_nodes,
    key_of,
    prepared,
    servers,
)

BACKEND, SERVER, APPLY = "services/haproxy/backend", "services/haproxy/backend/server", "services/haproxy/apply"
NODE5 = {"parent_id": 0, "name": "node5", "address": "10.10.0.5", "port": "80"}
QUESTIONS = [
    ("GET", "services/haproxy/backends", None),
    *[("GET", f"{BACKEND}{query}", None) for query in ("?id=0", "?id=1", "?id=9", "")],
    *[("GET", f"{SERVER}?{q}", None) for q in ("parent_id=0&id=0", "parent_id=0&id=7", "parent_id=7&id=0", "id=0")],
    *[("POST", SERVER, {**NODE5, **more}) for more in (
        {"name": "n"}, {"name": "no de"}, {"name": "node1"}, {"name": None}, {"port": 80}, {"port": "99999"},
        {"weight": "3"}, {"weight": 300}, {"status": "asleep"}, {"advanced": "x" * 1025}, {"parent_id": None},
        {"parent_id": 9}, {"nonsense": 1},
    )],
    *[("PATCH", SERVER, {"weight": 5, **ids}) for ids in (
        {"parent_id": 0, "id": 0}, {"parent_id": 0, "id": 44}, {"parent_id": 0},
    )],
    ("DELETE", f"{SERVER}?parent_id=0&id=2", None),
    ("DELETE", f"{SERVER}?parent_id=0&id=2", None),
    ("PATCH", BACKEND, {"id": 1, "retries": 3}),
    ("GET", f"{BACKEND}?id=1", None),
    ("PUT", SERVER, {}),
    ("POST", APPLY, {"async": "no"}),
    ("GET", APPLY, None),
    ("POST", APPLY, {"async": False}),
    ("GET", APPLY, None),
]  # fmt: skip


@pytest.fixture
def original():
    source = os.environ.get("PFSENSE_SRC", "")
    if not os.path.isdir(os.path.join(source, "restapi")):
        pytest.skip("set PFSENSE_SRC to a checkout of pfSense with the API package in it")  # not ours to ship
    with lab.Rack(f"test-rest-src-{os.getpid()}", pfsense_src=source) as own:
        yield own


def test_the_sync_with_a_key(original):
    full = prepared(original)
    assert ApiLine(original, "rest", password="sesame").bad("hello")["kind"] == "auth"
    everything = ApiLine(original, "rest")
    assert everything.good("hello")["uid"] == 0
    everything.end()
    sync = Limited(original, api_key=key_of(original))
    follow_the_nodes(original, full, sync)
    for backend, words in REFUSED:
        with pytest.raises(RouterError, match=words):
            sync.run(Wish("pfrack", [backend]), allow_empty=True, max_removed=100)
    assert isinstance(sync.line.good("leases")["leases"], list)
    original.router.php(SET_PRIVILEGES % json.dumps([name for name in PRIVILEGES if "server-post" not in name]))
    with pytest.raises(RouterError, match="api-v2-services-haproxy-backend-server-post"):
        sync.run(servers(3, 4))
    sync.end()


def answers(rack):
    """[(question, code, response_id, data)], and at last the servers as they are stored after all that."""
    full = prepared(rack)
    result = []
    for method, path, body in QUESTIONS:
        more = ["-H", "Content-Type: application/json", "-d", json.dumps(body)] if body is not None else []
        command = ["curl", "-s", "-X", method, "--cacert", trusted(rack)["ca_path"], "-u", "admin:pfsense", *more]
        answer = json.loads(rack.controller.run([*command, f"https://10.10.0.1/api/v2/{path}"]).stdout)
        result.append((f"{method} {path} {body}", answer["code"], answer["response_id"], answer["data"]))
    stored = [pool["ha_servers"] for pool in full.section()["ha_pools"]["item"]]
    full.end()
    return [*result, ("config.xml", 200, "", stored)]


def known(original, ours):
    """What the original shows, as far as the emulation shows it too."""
    if isinstance(ours, dict) and isinstance(original, dict):
        return {name: known(original.get(name, "missing"), ours[name]) for name in ours if name != "serverid"}
    if isinstance(ours, list) and isinstance(original, list) and len(ours) == len(original):
        return [known(one, other) for one, other in zip(original, ours)]
    return original


def test_the_emulation_answers_the_same(rack, router, original):
    for theirs, ours in zip(answers(original), answers(rack), strict=True):
        assert ours[:3] == theirs[:3]
        assert known(ours[3], ours[3]) == known(theirs[3], ours[3]), ours[0]
