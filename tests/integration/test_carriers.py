# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The same contract over every carrier: what the agent's own tests ask of SSH, and what only a cut line can show."""

from __future__ import annotations

import os
import re
import time

import pytest
from api_line import DIE, ApiLine, install_rest
from clients import wait_for
from playbook_run import Site, give_up_port_80
from router_line import RouterLine

# Collected here again, with the `line` fixture of this file.
from test_agent import (  # noqa: F401
    b64,
    install,
    set_,
    test_a_commit_applies_and_verifies,
    test_a_conflict_says_who,
    test_a_scope_that_pfsense_skips_is_put_back,
    test_facts,
    test_files,
    test_files_need_space_and_a_harmless_root,
    test_full_disk,
    test_text_survives,
    test_the_dns_services_change_places,
    test_what_a_daemon_refuses_is_not_written,
)

CARRIERS = ["xmlrpc", "rest"]
SLOW = [
    "global $config;\n    $revision = pfrack_snapshot();",
    "global $config;\n    $revision = pfrack_snapshot(); usleep(2500000);",
]
CHANGE = set_("system/domain", "changed.example")
LEFT = "ls -A /tmp /tftpboot /root /cf/conf / | grep pfrack"


@pytest.fixture(params=CARRIERS)
def carrier(request):
    return request.param


@pytest.fixture
def lines(rack, router, carrier):
    made = []
    if carrier == "rest":
        install_rest(router)

    def make(**options):
        made.append(ApiLine(rack, carrier, **options))
        return made[-1]

    yield make
    for line in made:
        line.kill()


@pytest.fixture
def line(lines):
    return lines()


def start_commit(line, revision):
    params = {"revision": revision, "operations": [CHANGE], "services": [], "description": "cut"}
    line.start("call", "commit", params)


def written(router):
    return router.run("grep -c 'pfrack: cut' /cf/conf/config.xml", check=False).stdout.strip()


def in_commit(router):
    wait_for(lambda: router.run("test -e /var/run/pfrack.lock", check=False).returncode == 0, "the commit has begun")


def new_certificate(router, *options):
    router.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj",
         "/CN=pfSense", "-keyout", "/var/etc/cert.key", "-out", "/var/etc/cert.crt", *options]
    )  # fmt: skip
    router.run(["/etc/rc.restart_webgui"])


def fingerprint(router):
    text = router.run("openssl x509 -in /var/etc/cert.crt -noout -fingerprint -sha256").stdout
    return text.strip().partition("=")[2]


def test_an_unknown_certificate_is_shown_with_the_way_out(router, lines):
    line = lines(ca_path=None)
    error = line.bad("hello")
    assert error["kind"] == "certificate" and fingerprint(router) in error["message"]
    assert "ansible_pfsense_certificate_fingerprint" in error["message"]
    assert line.counts()[0] == 0, "nothing was sent"
    for pin in (fingerprint(router), "SHA256:" + fingerprint(router).lower().replace(":", "")):
        assert lines(ca_path=None, certificate_fingerprint=pin).good("hello")
    assert lines(ca_path=None, validate_certs=False).good("hello")


def test_a_changed_certificate(router, lines):
    pinned = fingerprint(router)
    new_certificate(router, "-days", "9", "-addext", "subjectAltName=IP:10.10.0.1")
    line = lines(ca_path=None, certificate_fingerprint=pinned)
    error = line.bad("hello")
    assert error["kind"] == "certificate" and pinned in error["message"] and fingerprint(router) in error["message"]
    assert line.counts()[0] == 0
    assert lines().bad("hello")["kind"] == "certificate"


def test_a_certificate_that_changes_during_a_run(router, lines):
    line = lines(ca_path=None, certificate_fingerprint=fingerprint(router))
    revision = line.revision()
    new_certificate(router, "-days", "9", "-addext", "subjectAltName=IP:10.10.0.1")
    before = line.counts()[0]
    error = line.commit([CHANGE], [], good=False, revision=revision)
    assert error["kind"] == "certificate" and fingerprint(router) in error["message"]
    assert line.counts()[0] == before and "changed.example" not in router.run("cat /cf/conf/config.xml").stdout


def test_an_expired_certificate_and_one_for_another_name(rack, router, lines, tmp_path):
    times = ["-not_before", "20200101000000Z", "-not_after", "20210101000000Z"]
    new_certificate(router, "-addext", "subjectAltName=IP:10.10.0.1", *times)
    (tmp_path / "ca").write_text(router.run("cat /var/etc/cert.crt").stdout)
    error = lines(ca_path=str(tmp_path / "ca")).bad("hello")
    assert error["kind"] == "certificate" and "expired" in error["message"]
    new_certificate(router, "-days", "9", "-addext", "subjectAltName=DNS:fw.example")
    (tmp_path / "ca").write_text(router.run("cat /var/etc/cert.crt").stdout)
    error = lines(ca_path=str(tmp_path / "ca")).bad("hello")
    assert error["kind"] == "certificate" and "another name" in error["message"]


def test_nothing_stays_behind(router, line):
    staged = line.good("stage", {"root": "/tftpboot", "sizes": [1]})
    line.good("put", {"directory": staged["directory"], "name": "000000", "offset": 0, "data": b64("x")})
    line.commit([set_("system/domain", "x.example")], [])
    assert router.run(LEFT, check=False).stdout
    line.end()
    assert router.run(LEFT, check=False).stdout == ""


def test_what_a_killed_controller_left_goes_with_the_next_run(router, lines):
    line, beside = lines(), lines()
    line.good("stage", {"root": "/tftpboot", "sizes": [1]})
    alive = beside.good("stage", {"root": "/tftpboot", "sizes": [1]})["directory"]
    line.kill()
    other = lines()
    other.good("hello")
    other.end()
    assert router.run("ls -Ad /tftpboot/.pfrack*").stdout.split() == [alive]
    beside.end()
    assert router.run(LEFT, check=False).stdout == ""


def test_what_another_machine_left_goes_after_an_hour(router, lines):
    line = lines()
    line.good("stage", {"root": "/tftpboot", "sizes": [1]})
    line.kill()
    router.run("for run in /tmp/pfrack-run-*; do echo 0123456789abcdef 1 1 > $run/origin; done")
    lines().good("hello")
    assert "pfrack-stage" in router.run(LEFT).stdout
    router.run("touch -d '2 hours ago' /tmp/pfrack-run-*")
    other = lines()
    other.good("hello")
    other.end()
    assert router.run(LEFT, check=False).stdout == ""


def test_packages_are_installed_in_the_background(router, line):
    install(line, "tftpd")
    assert "tftpd" in line.good("info")["packages"]
    line.end()
    assert router.run(LEFT, check=False).stdout == ""


def test_a_large_file_arrives(router, line, tmp_path):
    (tmp_path / "file").write_bytes(os.urandom(7_000_000))
    staged = line.good("stage", {"root": "/tftpboot", "sizes": [7_000_000]})
    assert line.upload(str(tmp_path / "file"), staged["directory"], staged["names"][0])["ok"]
    digest = router.run(f"sha256sum < {staged['directory']}/000000").stdout
    assert digest == router.rack.controller.run(f"sha256sum < {tmp_path}/file").stdout
    assert line.counts()[0] < 90


def test_one_connection_and_few_requests(line):
    line.good("hello")
    before, _connections = line.counts()
    for _round in range(5):
        line.good("read", {"paths": ["system"]})
    requests, connections = line.counts()
    assert (requests - before, connections) == (5, 1)


def test_php_dying_in_a_commit_puts_back(lines):
    vip = {"mode": "ipalias", "interface": "lan", "uniqid": "66f0c2a41b3de", "descr": "test", "type": "single",
           "subnet_bits": "32", "subnet": "10.10.0.20"}  # fmt: skip
    patch = ["pfrack_call('interface_ipalias_configure', [&$vip], $printed);", "echo '<b>gone</b>'; exit(1);"]
    line = lines(patch=patch)
    operation = {"op": "arrange", "path": ["virtualip", "vip"], "items": [{"value": vip}]}
    error = line.commit([operation], ["virtual_ip"], good=False)
    assert error["kind"] == "apply_failed" and "put back" in error["message"] and "gone" in error["detail"]
    assert not line.section("virtualip") or not line.section("virtualip/vip")


def test_php_dying_while_it_reads_is_told(lines):
    line = lines(patch=["$revision = pfrack_snapshot();\n    $sections", "no_such_function();\n    $sections"])
    error = line.bad("read", {"paths": []})
    assert error["kind"] == "internal" and "no_such_function" in error["message"]
    line = lines(patch=["$revision = pfrack_snapshot();\n    $sections", "echo 'bang'; exit(1);\n    $sections"])
    error = line.bad("read", {"paths": []})
    assert error["kind"] == "internal" and "PHP ended" in error["message"] and "bang" in error["detail"]


# Where the web server's PHP begins; and the line of it that has the agent work, with what tells a request to it apart.
FRONT = {"xmlrpc": "/usr/local/www/xmlrpc.php", "rest": "/usr/local/pkg/RESTAPI/front.php"}
WORK = {
    "xmlrpc": (FRONT["xmlrpc"], "^ *eval(.*;$", "true"),
    "rest": ("/usr/local/pkg/RESTAPI/endpoints.inc", "^ *exec(.*;$", 'strpos($fields["command"], "/agent.php")'),
}


def test_php_that_fails_before_the_agent(router, carrier, lines):
    router.run(["sed", "-i", f"1a {DIE}", FRONT[carrier]])
    error = lines().bad("hello")
    assert error["kind"] == "internal" and "memory" in error["message"]


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_commit_whose_page_dies_is_made_once(router, carrier, line, when):
    """PHP ends with a fatal error just before or after the agent's work: what became of it is found out."""
    page, work, ours = WORK[carrier]
    once = f"if ({ours}) if (@unlink('/cf/once')) {DIE}"
    router.run(["sed", "-i", f"s~{work}~{f'{once} &' if when == 'before' else f'& {once}'}~", page])
    revision = line.revision()
    router.run("touch /cf/once")
    start_commit(line, revision)
    answer = line.answer()
    assert answer["ok"], answer["error"]
    router.run("! test -e /cf/once")
    assert written(router) == "1" and line.section("system/domain") == "changed.example"
    assert line.revision() == answer["result"]["revision"]


def test_the_outcome_of_a_commit_that_was_cut_is_found_out(router, lines):
    line = lines(patch=SLOW)
    start_commit(line, line.revision())
    in_commit(router)
    router.kill("nginx")
    router.run(["/etc/rc.restart_webgui"])
    answer = line.answer()
    assert answer["ok"], answer["error"]
    assert answer["result"]["revision"] == line.revision()
    assert written(router) == "1" and line.section("system/domain") == "changed.example"
    assert "got lost" in line.log()


def test_a_web_server_that_gives_up_does_not_disturb(router, lines):
    router.run("echo 1 > /etc/pfrack-lab-gateway-seconds; /etc/rc.restart_webgui")
    line = lines(patch=SLOW)
    start_commit(line, line.revision())
    answer = line.answer()
    assert answer["ok"] and written(router) == "1" and "504" in line.log()


def test_a_dead_php_says_that_nothing_was_written(router, lines):
    line = lines(patch=SLOW)
    revision = line.revision()
    start_commit(line, revision)
    in_commit(router)
    router.kill("php")
    error = line.answer()["error"]
    assert error["kind"] == "internal" and "Nothing was written" in error["message"]
    assert line.revision() == revision


def test_a_router_that_starts_again_in_a_commit_is_not_guessed_about(router, lines):
    once = "if (!is_file('/cf/once')) { touch('/cf/once'); sleep(99); }"
    patch = ["$applied = [];\n    Pfrack::$recover", f"$applied = [];\n    {once}\n    Pfrack::$recover"]
    line = lines(patch=patch, keepalive_interval=1)
    start_commit(line, line.revision())
    in_commit(router)
    router.start()
    error = line.answer()["error"]
    assert error["kind"] in ("internal", "unknown_outcome") and "started again" in error["message"]
    assert written(router) == "0"
    assert line.commit([CHANGE], [])["revision"] == line.revision()


def test_a_request_that_never_arrived_is_made_again_once(router, lines):
    """PHP is frozen: the request waits in front of it and is given up; it must not run later as well."""
    router.run("echo 1 > /etc/pfrack-lab-gateway-seconds; /etc/rc.restart_webgui")
    line = lines()
    revision = line.revision()
    router.run(["pkill", "-STOP", "-f", "php-fpm: "])
    start_commit(line, revision)
    wait_for(lambda: "got lost" in line.log(), "the web server gives up")
    router.run(["pkill", "-CONT", "-f", "php-fpm: "])
    answer = line.answer()
    assert answer["ok"] and written(router) == "1"
    # What had waited was served, and did nothing.
    assert line.revision() == answer["result"]["revision"]


def test_a_dead_cable_in_a_commit(router, lines):
    line = lines(patch=SLOW, keepalive_interval=1, command_timeout=8)
    start_commit(line, line.revision())
    in_commit(router)
    router.cut_cable("em1")
    started = time.monotonic()
    error = line.answer()["error"]
    router.plug_cable("em1")
    assert error["kind"] == "unknown_outcome" and "Run the play again" in error["message"]
    assert time.monotonic() - started < 20


def no_revision(text):
    text = re.sub(r"<revision>.*?</revision>|<lastchange>.*?</lastchange>", "", text, flags=re.S)
    # Made up anew for each virtual IP and file.
    return re.sub(r"<server_key>.*?</server_key>|<uniqid>[0-9a-f]+</uniqid>|<(last)?mtime>\d+</(last)?mtime>", "", text)


GENERATED = {
    "isc": ["/var/dhcpd/etc/dhcpd.conf"],
    "kea": ["/usr/local/etc/kea/kea-dhcp4.conf"],
    "both": ["/var/unbound/unbound.conf", "/var/unbound/host_entries.conf", "/var/etc/haproxy/haproxy.cfg"],
}


def state_of(router, dhcp):
    files = GENERATED[dhcp] + GENERATED["both"]
    # Without the line that names the minute.
    state = {path: router.run(["grep", "-v", "Generated on", path]).stdout for path in files}
    state["config.xml"] = no_revision(router.run("cat /cf/conf/config.xml").stdout)
    state["tftpboot"] = router.run("cd /tftpboot && find . -type f | sort | xargs sha256sum").stdout
    return state


def carrier_vars(rack, carrier):
    return {} if carrier == "ssh" else {"lab_carrier": carrier}


@pytest.mark.parametrize("dhcp", ["isc", "kea"])
def test_all_carriers_make_the_same_router(racks, dhcp, tmp_path):
    rack = racks("2.8", dhcp)
    results = {}
    for number, carrier in enumerate(["ssh", *CARRIERS]):
        rack.reset()
        give_up_port_80(rack.router)
        install_rest(rack.router)
        site = Site(rack, tmp_path / carrier)
        site.router_vars = carrier_vars(rack, carrier)
        outcome = site.play("--diff").ok()
        results[carrier] = (state_of(rack.router, dhcp), outcome.changed, outcome.tasks, outcome.diffs)
        wait_for(lambda: not rack.router.run(LEFT, check=False).stdout, "the run leaves nothing")
        # The next carrier finds nothing to do.
        following = ["ssh", *CARRIERS][(number + 1) % (len(CARRIERS) + 1)]
        other = Site(rack, tmp_path / f"{carrier}-then")
        other.router_vars = carrier_vars(rack, following)
        assert other.play().ok().changed == 0
    by_ssh, *work_by_ssh = results["ssh"]
    for carrier in CARRIERS:
        made, *work = results[carrier]
        for name, text in by_ssh.items():
            assert made[name].splitlines() == text.splitlines(), f"{carrier}: {name}"
        assert work == work_by_ssh, carrier


def test_ssh_and_the_web_server_take_turns(rack, router, lines):
    """One lock for all carriers."""
    holder = lines(patch=SLOW)
    other = RouterLine(rack)
    revision = holder.revision()
    start_commit(holder, revision)
    in_commit(router)
    error = other.commit([set_("system/domain", "other.example")], [], good=False, revision=revision)
    assert error["kind"] == "conflict" and "pfrack: cut" in error["message"]
    assert holder.answer()["ok"]
    other.end()
