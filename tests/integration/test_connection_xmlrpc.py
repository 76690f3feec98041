# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""XML-RPC to the lab's web server: logins that fail, and Ansible on top."""

from __future__ import annotations

import json
import os
import time

import lab
import pytest
from api_line import ApiLine, trusted
from clients import wait_for
from playbook_run import playbook

ADD_USER = """require_once('config.inc');
    config_set_path('system/user/', ['name' => 'bob', 'uid' => '2000', 'scope' => 'user',
        'bcrypt-hash' => password_hash('secret', PASSWORD_BCRYPT, ['cost' => 4]), 'priv' => %s]);
    write_config('a user');"""


@pytest.fixture
def lines(rack, router):
    made = []

    def make(**options):
        made.append(ApiLine(rack, "xmlrpc", **options))
        return made[-1]

    yield make
    for line in made:
        line.kill()


def test_wrong_password_is_tried_once(router, lines):
    line = lines(password="sesame")
    for _task in range(4):
        error = line.bad("hello")
        assert error["kind"] == "auth" and "admin" in error["message"] and "sesame" not in json.dumps(error)
    assert line.counts() == [1, 1]
    assert lines().good("hello")["uid"] == 0, "not locked out"


def test_the_login_protection_locked_us_out(router, lines):
    for _play in range(3):
        lines(password="sesame").bad("hello")
    wait_for(lambda: "blackhole 10.10.0.2" in router.run("ip route").stdout, "the block")
    error = lines(connect_timeout=1).bad("hello")
    assert error["kind"] == "timeout" and "login protection" in error["message"]


def test_users_and_their_privilege(router, lines):
    router.php(ADD_USER % "['page-all']")
    error = lines(remote_user="bob", password="secret").bad("hello")
    assert error["kind"] == "privilege" and "system-xmlrpc-ha-sync" in error["message"]
    router.php(
        """require_once('config.inc');
        config_set_path('system/user/1/priv', ['system-xmlrpc-ha-sync']);
        write_config('a privilege');"""
    )
    assert lines(remote_user="bob", password="secret").good("hello")["uid"] == 0


def test_no_password(lines):
    error = lines(password=None).bad("hello")
    assert error["kind"] == "auth" and "ansible_password" in error["message"]


def test_a_missing_ca_file_and_a_senseless_pin(lines):
    assert "/nowhere" in lines(ca_path="/nowhere").bad("hello")["message"]
    assert lines(certificate_fingerprint="ab:cd").bad("hello")["kind"] == "invalid"


def test_not_a_pfsense(router, lines):
    router.run("mv /usr/local/www/xmlrpc.php /tmp/away")
    error = lines().bad("hello")
    assert error["kind"] == "unsupported" and "/xmlrpc.php" in error["message"]
    router.run("echo '<html>Login</html>' > /usr/local/www/xmlrpc.php")
    error = lines().bad("hello")
    assert error["kind"] == "unsupported" and "Login" in error["message"]
    error = lines(use_ssl=False).bad("hello")
    assert error["kind"] == "unreachable" and "https://" in error["message"]
    error = lines(port=22).bad("hello")
    assert error["kind"] in ("unreachable", "timeout") and "ansible_httpapi_port" in error["message"]


def test_noise_in_the_answer(router, lines):
    router.run("sed -i '2i echo \"<b>Warning</b>: something & more\\n\";' /usr/local/www/xmlrpc.php")
    assert lines().good("hello")["uid"] == 0


def test_a_router_that_is_off(router, lines):
    line = lines(connect_timeout=1)
    router.stop()
    try:
        started = time.monotonic()
        assert line.bad("hello")["kind"] in ("timeout", "unreachable")
        assert time.monotonic() - started < 6
    finally:
        router.start()


def test_a_connection_that_the_web_server_closed(router, lines):
    line = lines()
    line.good("hello")
    router.run("/etc/rc.restart_webgui")
    line.commit([], [])
    assert line.counts()[1] == 2


PROXY = """
import socket, threading
def pipe(a, b):
    while data := a.recv(65536): b.sendall(data)
    b.shutdown(socket.SHUT_WR)
server = socket.create_server(("127.0.0.1", 3128))
while True:
    one, _ = server.accept()
    head = b""
    while b"\\r\\n\\r\\n" not in head: head += one.recv(65536)
    if b"Proxy-Authorization: Basic dTpw" not in head:
        one.sendall(b"HTTP/1.1 407 Proxy Authentication Required\\r\\n\\r\\n"); one.close(); continue
    host, port = head.split()[1].decode().rsplit(":", 1)
    two = socket.create_connection((host, int(port)))
    one.sendall(b"HTTP/1.1 200 OK\\r\\n\\r\\n")
    for a, b in ((one, two), (two, one)): threading.Thread(target=pipe, args=(a, b), daemon=True).start()
"""


def test_a_proxy(rack, lines):
    proxy = rack.controller.popen(["python3", "-c", PROXY])
    try:
        listening = ["ss", "-Hlnt", "sport = :3128"]
        wait_for(lambda: rack.controller.run(listening).stdout, "the proxy listens")
        assert lines(proxy="http://u:p@127.0.0.1:3128").good("hello")["uid"] == 0
        error = lines(proxy="127.0.0.1:3128").bad("hello")
        assert error["kind"] == "unreachable" and "407" in error["message"]
    finally:
        proxy.kill()
        proxy.wait()


PLAY = """
- hosts: all
  gather_facts: false
  tasks:
    - pfrack.cluster.pfsense_virtual_ip:
        virtual_ips: [{address: 10.10.0.20, descr: test}]
    - pfrack.cluster.pfsense_info:
      register: info
    - ansible.builtin.assert:
        that: info.router.virtual_ips | map(attribute="address") | list == ["10.10.0.20"]
"""


def api_play(rack, tmp_path, text=PLAY, **variables):
    options = trusted(rack)
    return playbook(
        rack,
        tmp_path,
        text,
        **{
            "ansible_connection": "pfrack.cluster.pfsense_xmlrpc",
            "ansible_password": options["password"],
            "ansible_httpapi_ca_path": options["ca_path"],
            **variables,
        },
    )


def test_a_play_leaves_nothing_and_says_no_secrets(rack, router, tmp_path):
    done = api_play(rack, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    wait_for(lambda: "pfrack" not in router.run("ls -A /tmp /tftpboot /root /").stdout, "the run leaves nothing")
    logs = router.run("cat /var/log/*.log", check=False).stdout
    assert "pfsense:" not in logs and "Basic " not in logs


def test_ansible_shows_the_reason(rack, router, tmp_path):
    done = api_play(rack, tmp_path, ansible_password="sesame")
    assert done.returncode != 0 and "refused the login of admin" in done.stdout.replace("\n", " ")
    assert "sesame" not in done.stdout + done.stderr


def test_raw_is_refused_with_the_way_out(rack, router, tmp_path):
    text = "- hosts: all\n  gather_facts: false\n  tasks:\n    - ansible.builtin.raw: id\n"
    done = api_play(rack, tmp_path, text)
    assert done.returncode != 0 and "pfsense_ssh" in done.stdout + done.stderr


def test_the_page_of_pfsense_itself():
    """Against pfSense's own xmlrpc.php and login, from a checkout (2.8 or near) given by PFSENSE_SRC."""
    source = os.environ.get("PFSENSE_SRC")
    if not source:
        pytest.skip("set PFSENSE_SRC to a checkout of pfSense: its code is not ours to ship")
    with lab.Rack(f"test-xmlrpc-src-{os.getpid()}", pfsense_src=source) as own:
        wrong = ApiLine(own, "xmlrpc", password="sesame")
        assert wrong.bad("hello")["kind"] == "auth"
        line = ApiLine(own, "xmlrpc")
        line.commit([{"op": "set", "path": ["system", "domain"], "value": "x.example"}], ["dhcp_server", "filter"])
        assert line.section("system/domain") == "x.example"
        line.end()
        assert own.router.run("ls -A /tmp | grep pfrack", check=False).stdout == ""
        wrong.end()
