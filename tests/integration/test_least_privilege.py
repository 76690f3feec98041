# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A key that may read leases and edit HAProxy's servers, and nothing else, is enough for the backend sync."""

from __future__ import annotations

import base64
import json
import re

import pytest
from api_line import DIE, ApiLine, install_rest, trusted
from clients import dhcp_lease, wait_for, web_server
from fleet import ROOT, DesiredError, Router, RouterError, SyncRouter, Wish
from playbook_run import give_up_port_80, playbook
from test_leases import inventory  # noqa: F401

PRIVILEGES = re.findall(r"^ +- `(api-v2-[a-z0-9-]+)`", (ROOT / "docs" / "api-key.md").read_text(), re.M)
ADD_USER = """require_once('config.inc');
    config_set_path('system/user/', ['name' => 'balancer', 'uid' => '2000', 'scope' => 'user',
        'bcrypt-hash' => password_hash('secret', PASSWORD_BCRYPT, ['cost' => 4]), 'priv' => json_decode('%s', true)]);
    write_config('a user');"""
SET_PRIVILEGES = """require_once('config.inc');
    config_set_path('system/user/1/priv', json_decode('%s', true)); write_config('privileges');"""
SETTING = """require_once('config.inc');
    foreach (config_get_path('installedpackages/package') as $index => $package)
        if ($package['name'] === 'RESTAPI') config_set_path("installedpackages/package/{$index}/conf/%s", '%s');
    write_config('a setting of the API');"""
SERVERS = "/usr/local/pkg/RESTAPI/haproxy.inc"


def entry(name, number, **more):
    return {"name": name, "id": str(number), "status": "active", "address": "10.10.0.9", "port": "80", **more}


def pool(mark, *servers):
    lines = base64.b64encode(f"{mark}\nno option http-server-close".encode()).decode()
    return {"advanced_backend": lines, "ha_servers": {"item": list(servers)} if servers else ""}


def prepared(rack):
    """The way in with all rights: a backend where the names node* are ours, and one with a server of the admin."""
    full = SyncRouter(rack)
    hand = entry("hand1", 150, checkssl="yes", maxconn="9", cookie="c")
    full.install(
        web=pool("# [pfrack] servers: node* old1", entry("node1", 102, weight="3", maxconn="7"), entry("old1", 103)),
        lines=pool("# [pfrack] servers: node1", hand, entry("node1", 104)),
    )
    install_rest(rack.router)
    rack.router.php(ADD_USER % json.dumps(PRIVILEGES))
    rack.router.php(SETTING % ("auth_methods", "BasicAuth,KeyAuth"))
    return full


@pytest.fixture
def full(rack, router):
    full = prepared(rack)
    yield full
    full.before = None
    full.end()


class Limited(SyncRouter):
    """Runs of the sync with the key of a user who may do little."""

    def __init__(self, rack, **options):
        self.rack, self.before = rack, None
        self.line = ApiLine(rack, "rest", remote_user="balancer", **{"password": "secret", **options})
        self.port = Router(self._call)


@pytest.fixture
def limited(rack, router, full):
    made = []

    def make(**options):
        made.append(Limited(rack, **options))
        return made[-1]

    yield make
    for one in made:
        one.line.kill()


def key_of(rack, user="balancer:secret"):
    url = "https://10.10.0.1/api/v2/auth/key"
    answer = rack.controller.run(
        ["curl", "-s", "--cacert", trusted(rack)["ca_path"], "-u", user, "-H", "Content-Type: application/json",
         "-d", '{"descr": "pfrack"}', url]
    )  # fmt: skip
    return json.loads(answer.stdout)["data"]["key"]


def servers(*numbers, **more):
    named = [{"name": f"node{n}", "address": f"10.10.0.{n}", "port": 80} for n in numbers]
    return Wish("pfrack", [{"name": "web", "servers": named}], **more)


def in_config(full, name="web"):
    pools = {one["name"]: one for one in full.section()["ha_pools"]["item"]}
    return {one["name"]: one for one in (pools[name]["ha_servers"] or {"item": []})["item"]}


def in_haproxy(router):
    text = router.run("cat /var/etc/haproxy/haproxy.cfg").stdout
    return set(
        re.findall(r"^\s+server\s+(node\S+ \S+)", text.split("\nbackend web_ipvANY")[1].split("\nbackend ")[0], re.M)
    )


def test_a_key_follows_the_nodes(rack, full, limited):
    follow_the_nodes(rack, full, limited(api_key=key_of(rack)))


def follow_the_nodes(rack, full, sync):
    router = rack.router
    foreign = full.section()["ha_pools"]["item"][1]
    report = sync.run(servers(1, 2, 3), allow_empty=True)
    assert (report["added"], report["removed"]) == (["web/node2", "web/node3"], ["web/old1"])
    assert report["route"] == "reload" and "may not run commands" in report["reasons"][0]
    assert in_haproxy(router) == {"node1 10.10.0.1:80", "node2 10.10.0.2:80", "node3 10.10.0.3:80"}
    # What the API does not know of a server is still there, and nobody else's entries are another's now.
    assert {name: in_config(full)["node1"].get(name) for name in ("id", "weight", "maxconn", "address")} == {
        "id": "102", "weight": "3", "maxconn": "7", "address": "10.10.0.1",
    }  # fmt: skip
    assert full.section()["ha_pools"]["item"][1] == foreign
    assert sync.run(servers(1, 2, 3))["changed"] is False
    # With all rights the same servers are wanted and ours: only their numbers are missing.
    report = full.run(servers(1, 2, 3), probe=False)
    assert (report["added"], report["removed"]) == ([], []) and in_haproxy(router)
    assert sync.run(servers(1, 2, 3))["changed"] is False
    assert sync.run(servers(3), max_removed=100)["removed"] == ["web/node1", "web/node2"]
    assert set(in_config(full)) == {"node3"}


def test_a_node_is_drained_and_comes_back(router, full, limited):
    sync = limited()
    assert sync.run(Wish("pfrack", None, drain=["node1"]), allow_empty=True)["drained"] == ["lines/node1", "web/node1"]
    assert "disabled" in router.run("grep -A1 'server.*node1' /var/etc/haproxy/haproxy.cfg").stdout
    assert in_config(full, "lines")["node1"]["status"] == "disabled"
    assert sync.run(Wish("pfrack", None, undrain=["node1"]))["updated"] == ["lines/node1", "web/node1"]
    assert in_config(full)["node1"]["status"] == "active"


NODE7 = {"name": "node7", "address": "10.10.0.7", "port": 22}
REFUSED = [
    ({"name": "lines", "servers": [NODE7]}, "does not claim node7"),
    ({"name": "web", "retries": 5}, "retries changes"),
    ({"name": "web", "servers": [{**NODE7, "check_ssl": True}]}, "checkssl"),
]


def test_what_a_key_cannot_do_is_refused_before_anything_is_written(router, limited):
    before = router.run("sha256sum /cf/conf/config.xml").stdout
    sync = limited()
    for backend, words in REFUSED:
        with pytest.raises(RouterError, match=words) as caught:
            sync.run(Wish("pfrack", [backend]), allow_empty=True, max_removed=100)
        assert caught.value.kind == "privilege" and "api-v2-diagnostics-command-prompt-post" in str(caught.value)
    for op, params in (("info", {}), ("read", {"paths": ["system"]}), ("checkpoint", {}), ("note", {"name": "x"})):
        error = sync.line.bad(op, params)
        assert error["kind"] == "privilege" and "api-v2-diagnostics-command-prompt-post" in error["message"]
    with pytest.raises(DesiredError, match="nothing would serve it"):
        sync.run(Wish("pfrack", [{"name": "web", "servers": []}]))
    assert sync.run(servers(1, 2), allow_empty=True, check_mode=True)["changed"] is True
    assert router.run("sha256sum /cf/conf/config.xml").stdout == before


def test_each_missing_privilege_is_named(router, limited):
    for lacking in [name for name in PRIVILEGES if name.startswith("api-v2-services")]:
        router.php(SET_PRIVILEGES % json.dumps([name for name in PRIVILEGES if name != lacking]))
        with pytest.raises(RouterError, match=lacking) as caught:
            # One server comes, one changes, one goes; each round gets one step further.
            limited().run(servers(1, 2), max_removed=100, allow_empty=True)
        assert caught.value.kind == "privilege"
    router.php(SET_PRIVILEGES % json.dumps(PRIVILEGES))
    assert limited().run(servers(1, 2))["reasons"] == ["earlier changes in config.xml were not applied"]


def test_somebody_else_edits_at_the_same_time(router, full, limited):
    """Before each write the server is looked up by its name: places in lists move."""
    sync = limited()
    done = []

    def another(op, params):
        if op == "commit" and not done:
            done.append(op)
            items = full.section()["ha_pools"]["item"]
            front = {**items[0], "name": "aaa", "id": "190", "advanced_backend": "", "ha_servers": ""}
            full.change("installedpackages/haproxy/ha_pools/item", [front, *items])

    sync.before = another
    assert sync.run(servers(1, 2), allow_empty=True)["added"] == ["web/node2"]
    assert set(in_config(full)) == {"node1", "node2"} and in_config(full, "aaa") == {}


def test_an_answer_that_got_lost(router, full, limited):
    """The web server gives up after the write: it is looked whether it was made, and it is not made twice."""
    router.run("echo 5 > /etc/pfrack-lab-gateway-seconds; /etc/rc.restart_webgui")
    slow = "rest_write_haproxy('Added HAProxy Backend Server via API');"
    router.run(["sed", "-i", f"s|{slow}|& sleep(9);|", SERVERS])
    sync = limited()
    assert sync.run(servers(1, 2), allow_empty=True)["added"] == ["web/node2"]
    assert set(in_config(full)) == {"node1", "node2"} and "got lost" in sync.line.log()


def test_a_run_that_was_killed_before_it_applied(router, limited):
    first = limited()
    once = "if (!is_file('/cf/once')) { touch('/cf/once'); exit; }"
    router.run(["sed", "-i", f"s|    if (haproxy_check_and_run|    {once}\\n&|", SERVERS])
    with pytest.raises(RouterError):
        first.run(servers(1, 2), allow_empty=True)
    assert "node2 10.10.0.2:80" not in in_haproxy(router)
    report = limited().run(servers(1, 2))
    assert report["changed"] and "not applied" in report["reasons"][0]
    assert "node2 10.10.0.2:80" in in_haproxy(router)


@pytest.mark.parametrize("when", ["before", "after"])
def test_php_that_dies_in_a_write(router, full, limited, when):
    """A fatal error, so no answer: it is looked whether the server was written, and said when it was not."""
    write = "rest_write_haproxy('Added HAProxy Backend Server via API');"
    router.run(["sed", "-i", f"s|{write}|{f'{DIE} &' if when == 'before' else f'& {DIE}'}|", SERVERS])
    if when == "after":
        assert limited().run(servers(1, 2), allow_empty=True)["added"] == ["web/node2"]
        assert set(in_config(full)) == {"node1", "node2"} and "node2 10.10.0.2:80" in in_haproxy(router)
        return
    before = full.section()
    with pytest.raises(RouterError, match="memory.*is as it was") as caught:
        limited().run(servers(1, 2), allow_empty=True)
    assert caught.value.kind == "internal" and full.section() == before


def in_background(router, first):
    """The package applies in the background, whatever it is asked for; `first` runs there before."""
    router.run(["sed", "-i", "s|if (.fields.'async'. ?? true)|if (true)|", SERVERS])
    router.run(["sed", "-i", f"s|rest_run_haproxy();'));|{first} &|", SERVERS])
    text = router.run(["cat", SERVERS]).stdout
    assert "if (true)" in text and f"{first} rest_run_haproxy" in text


def test_an_apply_in_the_background_is_waited_for(router, full, limited):
    # It begins only when somebody has asked whether it is done.
    router.run(["sed", "-i", r"s|^    return .'applied' =>|    touch('/cf/asked');\n&|", SERVERS])
    in_background(router, '@unlink("/cf/asked"); while (!is_file("/cf/asked")) usleep(10000);')
    assert limited().run(servers(1, 2), allow_empty=True)["added"] == ["web/node2"]
    assert in_haproxy(router) == {"node1 10.10.0.1:80", "node2 10.10.0.2:80"}
    assert limited().run(servers(1, 2))["changed"] is False


def test_an_apply_that_never_happens_is_told(router, full, limited):
    before, running = in_config(full)["node1"], router.run("cat /var/etc/haproxy/haproxy.cfg").stdout
    in_background(router, 'if (is_file("/cf/never")) exit;')
    router.run("touch /cf/never")
    with pytest.raises(RouterError, match="the apply never ran; they were put back.*not applied either") as caught:
        limited(command_timeout=1).run(servers(1, 2), allow_empty=True)
    assert caught.value.kind == "apply_failed" and "web/old1 stay out" in str(caught.value)
    assert set(in_config(full)) == {"node1"} and in_config(full)["node1"]["address"] == before["address"]
    assert router.run("cat /var/etc/haproxy/haproxy.cfg").stdout == running
    router.run("rm /cf/never")
    report = limited().run(servers(1, 2))
    assert report["added"] == ["web/node2"] and in_haproxy(router) == {"node1 10.10.0.1:80", "node2 10.10.0.2:80"}


def test_a_router_that_stays_away_after_a_write_is_told(router, full, limited):
    """Its servers are written by then, and nobody knows whether HAProxy has them."""
    in_background(router, 'exec("pkill -x nginx");')
    with pytest.raises(RouterError, match="stopped answering in the middle of the changes of .*web/node2") as caught:
        limited().run(servers(1, 2), allow_empty=True)
    assert caught.value.kind == "unknown_outcome" and "node2" in in_config(full)


def test_a_user_who_may_not_write_is_found_out(router, full, limited):
    router.php(SET_PRIVILEGES % json.dumps([*PRIVILEGES, "user-config-readonly"]))
    with pytest.raises(RouterError, match="does not have them") as caught:
        limited().run(servers(1, 2), allow_empty=True)
    assert caught.value.kind == "apply_failed" and set(in_config(full)) == {"node1", "old1"}


def test_what_haproxy_refuses_is_put_back(router, full, limited):
    before = in_config(full)["node1"]
    wish = servers(1, 2)
    wish.backends[0]["servers"][1]["advanced"] = "no-such-word"
    with pytest.raises(RouterError, match="put back") as caught:
        limited(command_timeout=2).run(wish, allow_empty=True)
    assert caught.value.kind == "apply_failed" and "web/old1 stay out" in str(caught.value)
    after = in_config(full)
    assert set(after) == {"node1"} and {name: after["node1"].get(name) for name in before} == before
    # The API's apply tests before it writes HAProxy's file.
    assert "no-such-word" not in router.run("cat /var/etc/haproxy/haproxy.cfg /cf/conf/config.xml").stdout
    assert router.run(["pgrep", "-x", "haproxy"]).stdout
    assert limited().run(servers(1, 2))["added"] == ["web/node2"]


def test_an_api_that_may_not_write(router, limited):
    router.php(SETTING % ("read_only", "enabled"))
    with pytest.raises(RouterError, match="read-only"):
        limited().run(servers(1, 2), allow_empty=True)
    router.php(SETTING % ("read_only", "disabled"))
    router.run("touch /tmp/.RESTAPI.write_config.lock; echo 1 > /etc/pfrack-lab-lock-seconds")
    with pytest.raises(RouterError, match="RESTAPI.write_config.lock") as caught:
        limited().run(servers(1, 2), allow_empty=True)
    assert caught.value.kind == "busy"


def test_requests_grow_with_the_changes_only(limited):
    """Many nodes that stay as they are cost nothing."""
    sync = limited()
    many = servers(*range(10, 25))
    sync.run(many, allow_empty=True, max_removed=100)
    before = sync.line.counts()[0]
    assert sync.run(many)["changed"] is False
    assert sync.line.counts()[0] - before == 2
    sync.run(servers(*range(10, 26)))
    # Looked, looked again, found the place, written, applied, and looked whether it is there.
    assert sync.line.counts()[0] - before <= 2 + 8


PLAY = """
- hosts: all
  gather_facts: false
  tasks:
    - pfrack.cluster.haproxy_backend_sync:
        backends: [{{name: web, servers: [{{name: node1, address: {address}, port: 80}}]}}]
        allow_empty: true
        max_removed_percent: 100
      register: result
    - ansible.builtin.assert:
        that: result.route == "reload"
"""


def test_a_node_is_found_and_serves(rack, router, full, node, tmp_path, inventory):  # noqa: F811
    """The inventory plugin reads the leases, and the module adds the node, both with the key."""
    give_up_port_80(router)
    machine = node("node1", "52:54:00:00:00:01")
    leased = dhcp_lease(machine)["ip"]
    login = {"api_key": key_of(rack), "ca_path": trusted(rack)["ca_path"]}
    found = inventory(connection="pfrack.cluster.pfsense_rest", **login)["_meta"]["hostvars"]
    assert found["node-525400000001"]["ipv4_address"] == leased
    with web_server(machine, 80):
        done = playbook(
            rack,
            tmp_path,
            PLAY.format(address=leased),
            ansible_connection="pfrack.cluster.pfsense_rest",
            ansible_pfsense_api_key=login["api_key"],
            ansible_httpapi_ca_path=login["ca_path"],
        )
        assert done.returncode == 0, done.stdout + done.stderr
        ask = ["curl", "-s", "--max-time", "2", "http://10.10.0.1:8080/"]
        wait_for(lambda: "node1" in rack.controller.run(ask, check=False).stdout, "the node answers", 30)
