# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The REST API of the lab's router: logins, settings of the API that stop us, files, and Ansible on top."""

from __future__ import annotations

import hashlib
import json
import os
import sys

import pytest
from api_line import ApiLine, install_rest, trusted
from clients import wait_for
from playbook_run import playbook
from test_connection_xmlrpc import ADD_USER, PLAY

# An address that nobody has: the router cannot fetch anything from there.
NOBODY = "10.10.0.77"
SETTING = """require_once('config.inc'); require_once('/usr/local/pkg/RESTAPI/install.inc');
    config_set_path(restapi_path() . '/%s', '%s'); write_config('a setting of the API');"""


@pytest.fixture
def api(rack, router):
    """The router with the API package; sends requests as its users do."""
    install_rest(router)

    def ask(path, body=None, login="admin:pfsense"):
        data = ["-d", json.dumps(body), "-H", "Content-Type: application/json"] if body is not None else []
        command = ["curl", "-s", "--cacert", str(rack.directory / "webgui.crt"), "-u", login, *data]
        return json.loads(rack.controller.run([*command, f"https://10.10.0.1/api/v2/{path}"]).stdout)

    return ask


@pytest.fixture
def lines(rack, api):
    made = []

    def make(**options):
        made.append(ApiLine(rack, "rest", **options))
        return made[-1]

    yield make
    for line in made:
        line.kill()


def test_every_login(router, api, lines):
    assert lines().good("hello")["uid"] == 0
    key = api("auth/key", {"descr": "pfrack"})["data"]["key"]
    error = lines(api_key=key).bad("hello")
    assert error["kind"] == "auth" and "KeyAuth" in error["message"] and key not in json.dumps(error)
    router.php(SETTING % ("auth_methods", "KeyAuth,JWTAuth"))
    assert lines(api_key=key, password=None).good("hello")["uid"] == 0
    assert lines(api_auth="jwt").good("hello")["uid"] == 0
    assert lines().bad("hello")["kind"] == "auth"
    assert lines(password=None).bad("hello")["kind"] == "auth"


def test_a_token_that_ends_is_renewed(router, lines):
    router.php(SETTING % ("auth_methods", "JWTAuth"))
    line = lines(api_auth="jwt")
    line.good("hello")
    router.php(SETTING % ("server_key", "another"))
    assert line.good("read", {"paths": []})["revision"]


def test_wrong_credentials_are_tried_once(lines):
    line = lines(password="sesame")
    for _task in range(4):
        error = line.bad("hello")
        assert error["kind"] == "auth" and "sesame" not in json.dumps(error)
    assert line.counts() == [1, 1]
    assert lines().good("hello")


def test_the_login_protection_locked_us_out(router, lines):
    for _play in range(3):
        lines(password="sesame").bad("hello")
    wait_for(lambda: "blackhole 10.10.0.2" in router.run("ip route").stdout, "the block", 30)
    error = lines(connect_timeout=1).bad("hello")
    assert error["kind"] == "timeout" and "login protection" in error["message"]


def test_a_user_without_the_privilege(router, lines):
    router.php(ADD_USER % "['api-v2-services-haproxy-backends-get']")
    error = lines(remote_user="bob", password="secret").bad("hello")
    assert error["kind"] == "privilege" and "api-v2-diagnostics-command-prompt-post" in error["message"]
    assert router.run("ls -A /tmp | grep pfrack", check=False).stdout == ""


@pytest.mark.parametrize(
    ("setting", "value", "kind", "words"),
    [("enabled", "disabled", "unsupported", "not enabled"), ("read_only", "enabled", "privilege", "read-only")],
)
def test_an_api_that_is_off(router, lines, setting, value, kind, words):
    router.php(SETTING % (setting, value))
    error = lines().bad("hello")
    assert error["kind"] == kind and words in error["message"]


def test_no_api_package(rack, router):
    line = ApiLine(rack, "rest")
    error = line.bad("hello")
    line.kill()
    assert error["kind"] == "unsupported" and "pkg-static add" in error["message"]


def test_bodies_that_are_not_what_they_should_be(router, lines):
    front = "/usr/local/pkg/RESTAPI/front.php"
    router.run(f"echo '<html>Login</html>' > {front}")
    error = lines().bad("hello")
    assert error["kind"] == "unsupported" and "Login" in error["message"]
    router.run(f"echo '[]' > {front}")
    assert lines().bad("hello")["kind"] == "unsupported"
    router.run(f"echo '<?php http_response_code(500);' > {front}")
    error = lines().bad("hello")
    assert error["kind"] == "unreachable" and "500" in error["message"]


# One character of one piece arrives as another one; or what the router fetched changed on its way.
IN_PIECES = "$fields['command'] = preg_replace('~^(printf %s .)(.*/a.00003)$~', '$1x$2', $fields['command']);"
FETCHED = "foreach (glob('/tmp/pfrack-run-*/a.0') as $f) file_put_contents($f, 'x' . file_get_contents($f));"


DAMAGES = [(IN_PIECES, {"pull_host": NOBODY}), (FETCHED, {})]


@pytest.mark.parametrize(("damage", "options"), DAMAGES, ids=["sent", "fetched"])
def test_a_damaged_agent_is_not_run(router, lines, damage, options):
    line = lines(**options)
    router.run(["sed", "-i", f"s|^    $output = \\[\\];|    {damage}\\n&|", "/usr/local/pkg/RESTAPI/endpoints.inc"])
    error = line.bad("hello")
    assert error["kind"] == "internal" and "damaged" in error["message"]
    assert router.run("ls -A /tmp | grep pfrack", check=False).stdout == ""


def stage(line, tmp_path, size):
    (tmp_path / "file").write_bytes(os.urandom(size))
    staged = line.good("stage", {"root": "/tftpboot", "sizes": [size]})
    return str(tmp_path / "file"), staged["directory"], staged["names"][0]


def test_large_files_are_fetched_by_the_router(rack, router, lines, tmp_path):
    line = lines()
    path, directory, name = stage(line, tmp_path, 20_000_000)
    before = line.counts()[0]
    assert line.upload(path, directory, name)["ok"]
    assert line.counts()[0] - before == 1
    assert router.run(f"sha256sum < {directory}/{name}").stdout == rack.controller.run(f"sha256sum < {path}").stdout
    assert not rack.controller.run("ss -Hlntp | grep python", check=False).stdout, "nothing listens any more"


def test_a_port_that_is_taken_is_waited_for(rack, lines, tmp_path):
    line = lines(pull_port=8098)
    path, directory, name = stage(line, tmp_path, 5_000_000)
    listen = "import socket, sys; server = socket.create_server(('10.10.0.2', 8098)); sys.stdin.read()"
    other = rack.controller.popen([sys.executable, "-c", listen], stdin=-1)
    wait_for(lambda: ":8098" in rack.controller.run("ss -Hlnt").stdout, "the other one")
    line.start("upload", path, directory, name)
    other.stdin.close()
    assert line.answer()["result"]["size"] == 5_000_000
    other.wait()


def test_files_go_in_pieces_when_the_router_cannot_reach_us(router, lines, tmp_path):
    line = lines(pull_host=NOBODY)
    path, directory, name = stage(line, tmp_path, 120_000)
    assert line.upload(path, directory, name)["result"]["size"] == 120_000
    path, directory, name = stage(line, tmp_path, 5_000_000)
    error = line.upload(path, directory, name)["error"]
    assert error["kind"] == "unreachable" and "ansible_pfsense_pull_host" in error["message"]


# Sends half of a file, and the rest when its input ends.
HESITATES = """
import socket, sys
with socket.create_server(("10.10.0.2", 8099)) as server:
    connection = server.accept()[0]
    connection.recv(4096)
    connection.sendall(b"HTTP/1.0 200 OK\\r\\nContent-Length: 2000000\\r\\n\\r\\n" + b"x" * 1000000)
    sys.stdin.read()
    connection.sendall(b"x" * 1000000)
    connection.close()
"""


def test_a_piece_that_is_still_arriving_is_not_written_over(rack, router, lines, tmp_path):
    key, first, second = "ab" * 32, lines(), lines()
    wanted = {"root": "/tftpboot", "sizes": {key: 2_000_000}}
    pull = {"directory": first.good("incoming", wanted)["directory"], "name": key, "offset": 0, "size": 2_000_000}
    pull.update(url="http://10.10.0.2:8099/ab", sha256=hashlib.sha256(b"x" * 2_000_000).hexdigest())
    second.good("hello")
    server = rack.controller.popen([sys.executable, "-c", HESITATES], stdin=-1)
    wait_for(lambda: ":8099" in rack.controller.run("ss -Hlnt").stdout, "the server")
    first.start("call", "pull", pull)
    place = f"{pull['directory']}/{key}"
    wait_for(lambda: router.run(f"stat -c %s {place}", check=False).stdout == "1000000\n", "the first half")
    error = second.bad("pull", pull)
    assert error["kind"] == "busy" and "still arriving" in error["message"]
    second.start("call", "incoming", wanted)
    server.stdin.close()
    assert second.answer()["result"]["sizes"] == {key: 2_000_000}, "it waited"
    assert first.answer()["ok"]
    server.wait()
    # One that does not fit is no sign that the router cannot reach us.
    (tmp_path / "file").write_bytes(bytes(5_000_000))
    assert second.upload(str(tmp_path / "file"), pull["directory"], key, 3_000_000)["error"]["kind"] == "invalid"
    assert router.run(f"stat -c %s {place}").stdout == "2000000\n"
    assert second.upload(str(tmp_path / "file"), pull["directory"], key, 2_000_000)["result"]["size"] == 5_000_000


@pytest.mark.parametrize(("reachable", "start", "most"), [(True, 6, 6), (False, 80, 60)])
def test_requests_do_not_grow_with_what_they_say(lines, reachable, start, most):
    """HTTP requests until the agent is there, and of commits of one and of three hundred static mappings."""
    line = lines() if reachable else lines(pull_host=NOBODY)
    revision = line.revision()
    counts = [line.counts()[0]]
    for many in (1, 300):
        items = [
            {"value": {"mac": f"52:54:00:00:{n // 256:02x}:{n % 256:02x}", "hostname": f"node{n}", "descr": "test"}}
            for n in range(many)
        ]
        line.commit([{"op": "arrange", "path": ["dhcpd", "lan", "staticmap"], "items": items}], [], revision=revision)
        counts.append(line.counts()[0])
        revision = line.revision()
    first, small, large = counts
    assert first <= start and small - first < 3 and large - small <= most


def test_a_play_leaves_nothing_and_says_no_secrets(rack, router, api, tmp_path):
    key = api("auth/key", {"descr": "pfrack"})["data"]["key"]
    router.php(SETTING % ("auth_methods", "KeyAuth"))
    done = playbook(
        rack,
        tmp_path,
        PLAY,
        ansible_connection="pfrack.cluster.pfsense_rest",
        ansible_pfsense_api_key=key,
        ansible_httpapi_ca_path=trusted(rack)["ca_path"],
    )
    assert done.returncode == 0, done.stdout + done.stderr
    wait_for(lambda: "pfrack-run" not in router.run("ls -A /tmp /tftpboot /root /").stdout, "the run leaves nothing")
    assert key not in router.run("cat /var/log/*.log", check=False).stdout + done.stdout + done.stderr
