"""The SSH connection against the lab's sshd: logins that fail, lines that are cut, and Ansible on top."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time

import pytest
from playbook_run import playbook
from router_line import RouterLine

SLOW = [
    "global $config;\n    $revision = pfrack_snapshot();",
    "global $config;\n    $revision = pfrack_snapshot(); sleep(2);",
]
CHANGE = {"op": "set", "path": ["system", "domain"], "value": "changed.example"}


@pytest.fixture
def lines(rack, router):
    made = []

    def make(**options):
        made.append(RouterLine(rack, **options))
        return made[-1]

    yield make
    for line in made:
        line.kill()


def by_password(password="pfsense", **options):
    return {"private_key_file": "", "look_for_keys": False, "password": password, **options}


def wait_for(true, seconds=10):
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


@pytest.mark.parametrize("user", ["root", "admin"])
def test_logins(lines, user):
    assert lines(user=user).good("hello")["uid"] == 0
    assert lines(user=user, **by_password()).good("hello")["uid"] == 0


def test_wrong_password(lines):
    error = lines(user="admin", **by_password("sesame")).bad("hello")
    assert error["kind"] == "auth" and "admin@10.10.0.1" in error["message"]
    assert "sesame" not in json.dumps(error)


def test_a_router_that_wants_both_a_key_and_a_password(router, lines):
    router.php("require_once('config.inc'); config_set_path('system/ssh/sshdkeyonly', 'both'); write_config('both');")
    router.run("/etc/sshd")
    assert lines(user="admin", password="pfsense").good("hello")["uid"] == 0
    for options, words in (
        ({}, "besides it wants: password. Set ansible_password"),
        ({"password": "sesame"}, "Is the password (ansible_password) right"),
        (by_password(), "it accepts: publickey. Set ansible_private_key_file"),
    ):
        error = lines(**options).bad("hello")
        assert error["kind"] == "auth" and words in error["message"], error


def test_unknown_host_key(lines, tmp_path):
    path = str(tmp_path / "known_hosts")
    error = lines(known_hosts_files=[path]).bad("hello")
    assert error["kind"] == "host_key" and f"ssh-keyscan 10.10.0.1 >> {path}" in error["message"]
    assert lines(known_hosts_files=[path], host_key_checking="accept-new").good("hello")
    assert lines(known_hosts_files=[path]).good("hello"), "it is known now"


def test_changed_host_key(lines, tmp_path):
    path = tmp_path / "known_hosts"
    path.write_text("10.10.0.1 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDkQ3fpj6vC3JZVJ6rdoVtCCiXhCXgGXZz3rGYBOVN5f\n")
    error = lines(known_hosts_files=[str(path)], host_key_checking="accept-new").bad("hello")
    assert error["kind"] == "host_key" and f"{path}:1" in error["message"]


def test_router_down(rack, router, lines):
    line = lines(connect_timeout=2)
    router.stop()
    try:
        started = time.monotonic()
        error = line.bad("hello")
        assert error["kind"] in ("timeout", "unreachable") and "10.10.0.1" in error["message"]
        assert time.monotonic() - started < 8
    finally:
        router.start()


@pytest.mark.parametrize(
    ("shell", "kind", "words"),
    [
        ("/bin/nologin", "privilege", "no shell"),
        ("/bin/false", "privilege", "no shell"),
        ("/bin/sh", "privilege", "only root"),
        ("/bin/menu", "privilege", "console menu"),
    ],
)
def test_users_without_the_privilege(router, lines, shell, kind, words):
    router.run('printf \'#!/bin/sh\\necho " 0) Logout"; echo; printf "Enter an option: "; exec cat\\n\' > /bin/menu')
    router.run("printf '#!/bin/sh\\necho This account is currently not available.; exit 1\\n' > /bin/nologin")
    router.run("chmod 755 /bin/menu /bin/nologin")
    router.run(f"useradd -M -d /tmp/bob -s {shell} bob && echo bob:pfsense | chpasswd && install -d -o bob /tmp/bob")
    error = lines(user="bob", **by_password()).bad("hello")
    assert error["kind"] == kind and words in error["message"]


def test_jump_host_and_proxy_command(lines):
    # The router is its own jump host: it reaches itself.
    assert lines(proxy_jump="root@10.10.0.1,admin@10.10.0.1:22").good("hello")["uid"] == 0
    command = f'{sys.executable} -c "{PIPE}" 10.10.0.1 22'
    assert lines(proxy_command=command).good("hello")["uid"] == 0
    error = lines(proxy_jump="root@10.10.0.1", host="10.10.0.77", connect_timeout=4).bad("hello")
    assert error["kind"] == "unreachable" and "10.10.0.77" in error["message"]


PIPE = (
    "import socket,sys,threading,os;s=socket.create_connection((sys.argv[1],int(sys.argv[2])));"
    "threading.Thread(target=lambda:[s.sendall(d) for d in iter(lambda:os.read(0,65536),b'')],daemon=True).start();"
    "[os.write(1,d) for d in iter(lambda:s.recv(65536),b'')]"
)


def test_ssh_config(rack, lines, tmp_path):
    config = tmp_path / "config"
    config.write_text(
        f"Host lab-router\n  HostName 10.10.0.1\n  User admin\n  IdentityFile {rack.key}\n"
        f"  UserKnownHostsFile {rack.known_hosts}\n"
    )
    line = lines(
        host="lab-router", user=None, private_key_file=None, known_hosts_files=None, ssh_config_files=[str(config)]
    )
    assert line.good("hello")["uid"] == 0


def test_the_line_is_opened_again_between_requests(router, lines):
    line = lines()
    line.good("hello")
    router.kill("sshd-session")
    wait_for(lambda: not router.run(["pgrep", "-x", "php"], check=False).stdout)
    done = line.commit([CHANGE], [])
    assert done["revision"] == line.revision()


def test_a_commit_that_was_cut_is_not_repeated(router, lines):
    line = lines(patch=SLOW)
    revision = line.revision()
    line.start("call", "commit", {"revision": revision, "operations": [CHANGE], "services": [], "description": "cut"})
    wait_for(lambda: router.run("test -e /var/run/pfrack.lock", check=False).returncode == 0)
    router.kill("sshd-session")
    answer = line.answer()
    assert answer["error"]["kind"] == "unknown_outcome" and "Run the play again" in answer["error"]["message"]
    # The agent finished alone, once, and left.
    wait_for(lambda: not router.run(["pgrep", "-x", "php"], check=False).stdout)
    assert router.run("grep -c 'pfrack: cut' /cf/conf/config.xml").stdout == "1\n"
    assert router.run("ls /tmp/pfrack* 2>/dev/null", check=False).stdout == ""
    assert line.section("system/domain") == "changed.example"


HOLD = [
    SLOW[0],
    SLOW[0] + "\n    exec('sleep 1000 > /dev/null 2>&1 < /dev/null & echo $! > /tmp/holder'); sleep(1000);",
]


def test_an_agent_that_died_is_noticed_while_a_daemon_holds_its_line(router, lines):
    line = lines(patch=HOLD, command_timeout=15)
    revision = line.revision()
    line.start("call", "commit", {"revision": revision, "operations": [CHANGE], "services": [], "description": "held"})
    wait_for(lambda: router.run("test -s /tmp/holder", check=False).returncode == 0)
    router.run(["pkill", "-9", "-x", "php"])
    error = line.answer()["error"]
    holding = router.run("ls -l /proc/$(cat /tmp/holder)/fd; kill $(cat /tmp/holder); rm /tmp/holder").stdout
    assert "4 -> pipe:" in holding, holding
    assert error["kind"] == "unknown_outcome" and "the agent ended" in error["message"], error
    # The next request gets another agent.
    assert line.revision() == revision


def test_a_dead_cable_is_noticed(router, lines):
    line = lines(keepalive_interval=1, connect_timeout=2)
    line.good("hello")
    router.cut_cable("em1")
    try:
        line.start("call", "read", {"paths": []})
        started = time.monotonic()
        assert line.answer()["error"]["kind"] in ("timeout", "unreachable")
        assert time.monotonic() - started < 15
    finally:
        router.plug_cable("em1")
    wait_for(lambda: line.call("hello")["ok"], 15)


@pytest.mark.parametrize("breaks", ["true", "mv /usr/bin/cat /usr/bin/cat.gone"], ids=["stream", "pieces"])
def test_uploads(router, lines, tmp_path, breaks):
    (tmp_path / "file").write_bytes(os.urandom(900_000))
    line = lines()
    router.run(breaks)
    staged = line.good("stage", {"root": "/tftpboot", "sizes": [900_000]})
    answer = line.upload(str(tmp_path / "file"), staged["directory"], staged["names"][0])
    assert answer["ok"] and answer["result"]["size"] == 900_000
    there = router.run(["sha256sum", f"{staged['directory']}/{staged['names'][0]}"]).stdout.split()[0]
    assert there == hashlib.sha256((tmp_path / "file").read_bytes()).hexdigest()


PLAY = """
- hosts: all
  gather_facts: false
  tasks:
    - pfrack.cluster.pfsense_info:
    - ansible.builtin.raw: "echo out; echo err >&2; exit 3"
      register: raw
      failed_when: raw.rc != 3 or raw.stdout != "out\\n" or "err" not in raw.stderr
    - pfrack.cluster.pfsense_virtual_ip:
        virtual_ips: [{address: 10.10.0.20, descr: test}]
    - pfrack.cluster.pfsense_info:
      register: info
    - ansible.builtin.assert:
        that: info.router.virtual_ips | map(attribute="address") | list == ["10.10.0.20"]
"""


def test_a_play_uses_one_login_and_leaves_nothing(rack, router, tmp_path):
    logins = "grep -c 'Accepted ' /var/log/system.log"
    before = int(router.run(logins, check=False).stdout or 0)
    done = playbook(rack, tmp_path, PLAY)
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(router.run(logins).stdout) - before == 1
    wait_for(lambda: not router.run(["pgrep", "-x", "php"], check=False).stdout)
    assert "pfrack" not in router.run("ls -A /tmp /tftpboot /root /").stdout


RESET = """
- hosts: all
  gather_facts: false
  tasks:
    - pfrack.cluster.pfsense_info:
    - ansible.builtin.meta: reset_connection
    - pfrack.cluster.pfsense_info:
"""


def test_a_reset_ends_the_line_and_the_next_task_opens_another(rack, router, tmp_path):
    logins = "grep -c 'Accepted ' /var/log/system.log"
    before = int(router.run(logins, check=False).stdout or 0)
    done = playbook(rack, tmp_path, RESET)
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(router.run(logins).stdout) - before == 2


def test_ansible_shows_the_reason(rack, router, tmp_path):
    done = playbook(
        rack, tmp_path, PLAY, ansible_user="admin", ansible_password="sesame", ansible_private_key_file="/dev/null"
    )
    assert done.returncode != 0 and "admin@10.10.0.1 refused the login" in done.stdout.replace("\n", " ")
    assert "sesame" not in done.stdout + done.stderr
