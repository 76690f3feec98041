"""The PHP agent on the lab router: commits that work, and commits that must leave the router as it was."""

from __future__ import annotations

import base64
import hashlib
import os
import threading
import time

import pytest
from router_line import RouterLine

EVERY = [("2.8", "isc"), ("2.8", "kea"), ("2.7", "isc"), ("2.7", "kea")]
VIP = {
    "mode": "ipalias", "interface": "lan", "uniqid": "66f0c2a41b3de", "descr": "test", "type": "single",
    "subnet_bits": "32", "subnet": "10.10.0.20",
}  # fmt: skip
MAPPING = {"mac": "52:54:00:00:00:01", "ipaddr": "10.10.0.11", "hostname": "node1", "descr": "test"}


@pytest.fixture
def line(rack, router):
    line = RouterLine(rack)
    yield line
    line.end()


def b64(text):
    return base64.b64encode(text.encode()).decode()


def set_(path, value=""):
    return {"op": "set", "path": path.split("/"), "value": value}


def delete(path):
    return {"op": "delete", "path": path.split("/")}


def vips(*items):
    return {"op": "arrange", "path": ["virtualip", "vip"], "items": list(items)}


def addresses(router):
    return router.run("ip -o -4 addr show em1").stdout


def pids(router, name):
    return router.run(["pgrep", "-x", name], check=False).stdout.split()


def haproxy_section(address="10.10.0.20", pool="p"):
    listen = {"extaddr": "custom", "extaddr_custom": address, "extaddr_port": "80"}
    frontend = {
        "name": "http", "status": "active", "type": "http", "backend_serverpool": pool, "a_extaddr": {"item": [listen]},
    }  # fmt: skip
    server = {"status": "active", "name": "node1", "id": "101", "address": "10.10.0.11", "port": "80"}
    backend = {
        "name": "p",
        "id": "100",
        "balance": "roundrobin",
        "check_type": "none",
        "ha_servers": {"item": [server]},
    }
    return {
        "enable": "", "configversion": "00.58", "maxconn": "100", "nbthread": "1",
        "ha_backends": {"item": [frontend]}, "ha_pools": {"item": [backend]},
    }  # fmt: skip


def install(line, *names):
    job = line.good("package_start", {"install": list(names)})["job"]
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        state = line.good("job", {"job": job})
        if not state["running"]:
            assert state["exit_code"] == 0, state["output"]
            return state
        time.sleep(0.1)
    raise AssertionError("the packages are not installed")


@pytest.mark.parametrize("rack", EVERY, indirect=True)
def test_facts(rack, line):
    hello = line.good("hello")
    info = line.good("info")
    assert hello["uid"] == 0 and hello["version"].startswith(rack.settings["pfsense"])
    assert info["dhcp_backend"] == rack.settings["dhcp"]
    assert info["interfaces"]["lan"] == {
        "descr": "LAN", "device": "em1", "address": "10.10.0.1", "prefix": 24, "enabled": True,
    }  # fmt: skip
    assert info["scopes"]["lan"]["range"] == {"from": "10.10.0.100", "to": "10.10.0.199"}
    assert info["dns"]["resolver"] == {"enabled": True, "port": 53}
    assert info["services"]["unbound"] and info["services"]["kea-dhcp4" if rack.settings["dhcp"] == "kea" else "dhcpd"]
    answer = line.good("read", {"paths": ["dhcpd/lan/range", "nothing/here"]})
    assert answer["sections"] == {"dhcpd/lan/range": {"from": "10.10.0.100", "to": "10.10.0.199"}, "nothing/here": None}
    assert answer["revision"] == answer["info"]["revision"] == info["revision"]


@pytest.mark.parametrize("rack", EVERY, indirect=True)
def test_a_commit_applies_and_verifies(rack, router, line):
    daemon = "kea-dhcp4" if rack.settings["dhcp"] == "kea" else "dhcpd"
    before = pids(router, daemon)
    done = line.commit(
        [vips({"value": VIP}), {"op": "arrange", "path": ["dhcpd", "lan", "staticmap"], "items": [{"value": MAPPING}]}],
        ["dhcp_server", "virtual_ip"],
    )
    assert done["applied"] == ["virtual_ip", "dhcp_server"] and done["revision"] == line.revision()
    assert "10.10.0.20/32" in addresses(router)
    assert pids(router, daemon) not in ([], before)
    assert line.section("dhcpd/lan/staticmap") == [MAPPING]

    other = {**VIP, "uniqid": "66f0c2a41b3df", "subnet": "10.10.0.21"}
    line.commit([vips({"keep": 0}, {"value": other})], ["virtual_ip"])
    line.commit([vips({"keep": 1})], ["virtual_ip"])
    assert "10.10.0.20/32" not in addresses(router) and "10.10.0.21/32" in addresses(router)


@pytest.mark.parametrize("rack", [("2.8", "isc"), ("2.7", "isc")], indirect=True)
def test_the_dns_services_change_places(rack, router, line):
    wildcard = set_("dnsmasq/custom_options", b64("address=/.apps.lab.example/10.10.0.20"))
    services = ["dns_forwarder", "dns_resolver"]
    line.commit([set_("dnsmasq/enable"), delete("unbound/enable"), wildcard], services)
    assert pids(router, "dnsmasq") and not pids(router, "unbound")
    assert router.run("dig +short @10.10.0.1 x.apps.lab.example").stdout == "10.10.0.20\n"
    line.commit([delete("dnsmasq/enable"), set_("unbound/enable")], services)
    assert pids(router, "unbound") and not pids(router, "dnsmasq")


def test_new_static_mappings_reach_the_names(rack, router, line):
    line.commit(
        [set_("dnsmasq/enable"), set_("dnsmasq/regdhcpstatic"), delete("unbound/enable")],
        ["dns_resolver", "dns_forwarder"],
    )
    before = pids(router, "dnsmasq")
    line.commit(
        [{"op": "arrange", "path": ["dhcpd", "lan", "staticmap"], "items": [{"value": MAPPING}]}], ["dhcp_server"]
    )
    deadline = time.monotonic() + 5
    while router.run("dig +short @10.10.0.1 node1.lab.example").stdout != "10.10.0.11\n":
        assert time.monotonic() < deadline
    assert pids(router, "dnsmasq") == before, "a new name is no reason to restart dnsmasq"


def test_packages_and_haproxy(rack, router, line):
    refused = line.commit([set_("installedpackages/haproxy/enable")], ["haproxy"], good=False)
    assert refused["kind"] == "missing" and "haproxy" in refused["message"]
    install(line, "haproxy", "tftpd")
    assert set(line.good("info")["packages"]) >= {"haproxy", "tftpd"}
    assert "pfrack" not in router.run("ls /tmp").stdout

    line.commit([vips({"value": VIP}), set_("installedpackages/haproxy", haproxy_section())], ["virtual_ip", "haproxy"])
    running = pids(router, "haproxy")
    revision, config = line.revision(), router.run("cat /cf/conf/config.xml").stdout

    error = line.commit([set_("installedpackages/haproxy", haproxy_section(pool="nope"))], ["haproxy"], good=False)
    assert error["kind"] == "refused" and "nope_ipvANY" in error["detail"]
    assert error["function"] == "haproxy_check_and_run"
    assert line.revision() == revision and router.run("cat /cf/conf/config.xml").stdout == config
    assert pids(router, "haproxy") == running
    assert "haproxy_test" not in router.run("ls /var/etc").stdout, "private keys would stay there"

    section = line.section("installedpackages/haproxy")
    error = line.commit([set_("installedpackages/haproxy", haproxy_section("10.10.0.99"))], ["haproxy"], good=False)
    assert error["kind"] == "apply_failed" and "10.10.0.99:80" in error["detail"]
    assert "put back and is in force" in error["message"]
    assert line.section("installedpackages/haproxy") == section and pids(router, "haproxy")

    line.commit([delete("installedpackages/haproxy/enable")], ["haproxy"])
    assert not pids(router, "haproxy")
    line.commit(
        [set_("installedpackages/tftpd/config", [{line.good("info")["features"]["tftpd_enable_field"]: "on"}])],
        ["tftp_server"],
    )
    assert pids(router, "in.tftpd")


def test_what_a_daemon_refuses_is_not_written(router, line):
    revision = line.revision()
    both = line.commit([set_("dnsmasq/enable")], ["dns_forwarder"], good=False)
    assert both["kind"] == "refused" and "port 53" in both["message"]
    swap = [set_("dnsmasq/enable"), delete("unbound/enable")]
    bad = line.commit(
        [*swap, set_("dnsmasq/custom_options", b64("nonsense=1"))], ["dns_resolver", "dns_forwarder"], good=False
    )
    assert bad["kind"] == "refused" and "--nonsense=1" in bad["message"]
    bad = line.commit([set_("unbound/custom_options", b64("server:\nnonsense: 1\n"))], ["dns_resolver"], good=False)
    assert bad["kind"] == "refused" and "unknown keyword 'nonsense'" in bad["detail"]
    bad = line.commit([vips({"value": {**VIP, "interface": "opt7"}})], ["virtual_ip"], good=False)
    assert bad["kind"] == "refused" and "opt7" in bad["message"]
    assert line.revision() == revision and pids(router, "unbound")


def test_a_taken_port_puts_everything_back(rack, router, line):
    holder = router.popen(
        ["php", "-r", '$s = stream_socket_server("tcp://0.0.0.0:5353"); echo "x"; sleep(99);'],
        stdout=-1,
    )
    assert holder.stdout.read(1) == "x"
    before = line.section("dnsmasq")
    error = line.commit([set_("dnsmasq/enable"), set_("dnsmasq/port", "5353")], ["dns_forwarder"], good=False)
    holder.terminate()
    assert error["kind"] == "apply_failed" and "port 5353" in error["message"]
    assert error["function"] == "services_dnsmasq_configure"
    assert line.section("dnsmasq") == before and not pids(router, "dnsmasq") and pids(router, "unbound")


@pytest.mark.parametrize("rack", [("2.8", "isc"), ("2.8", "kea")], indirect=True)
def test_a_scope_that_pfsense_skips_is_put_back(router, line):
    error = line.commit([set_("dhcpd/lan/range/to", "10.99.0.1")], ["dhcp_server"], good=False)
    assert error["kind"] == "apply_failed" and "10.99.0.1" in error["detail"]
    assert line.section("dhcpd/lan/range")["to"] == "10.10.0.199"
    assert line.good("info")["services"]


def test_a_conflict_says_who(router, line):
    revision = line.revision()
    router.php(
        'require_once("config.inc"); config_set_path("system/hostname", "other"); write_config("an admin clicks");'
    )
    error = line.commit([set_("system/domain", "x.example")], [], good=False, revision=revision)
    assert error["kind"] == "conflict" and "an admin clicks" in error["message"]
    assert line.section("system/hostname") == "other", "past the cache"
    assert line.section("system/domain") == "lab.example"


@pytest.mark.parametrize(
    ("operations", "words"),
    [
        ([set_("Upper")], "Upper"),
        ([set_("a", ["x"])], "cannot be a list"),
        ([set_("dhcpd/lan/staticmap", {"mac": "x"})], "has to be a list"),
        ([set_("a", 1.5)], "1.5"),
        ([set_("a", {"b": None})], "a/b"),
        ([set_("a", {"B b": ""})], "B b"),
        ([set_("version", "1")], "version"),
        ([vips({"keep": 3})], "3"),
        ([vips({"keep": 0}, {"value": VIP})], "0"),
        ([set_("system/hostname/x", "1")], "system/hostname/x"),
        ([set_("system/domain", "é")], "ASCII"),
        ([set_("system/domain", "a\x01")], "control"),
        ([{"op": "move", "path": ["a"]}], "set, delete or arrange"),
        ([{"op": "set", "path": []}], "path"),
        (["x"], "operation 1"),
    ],
)
def test_malformed_operations(router, line, operations, words):
    revision = line.revision()
    error = line.commit([set_("system/domain", "half.example"), *operations], [], good=False)
    assert error["kind"] == "invalid" and words in error["message"]
    assert line.revision() == revision


def test_text_survives(line):
    text = 'R&D <x> "é" \' ü'
    line.commit([vips({"value": {**VIP, "descr": text}})], ["virtual_ip"])
    assert line.section("virtualip/vip")[0]["descr"] == text
    assert line.commit([], [])["applied"] == []


def test_full_disk(router, line):
    revision, history = line.revision(), router.run("ls /cf/conf/backup").stdout
    router.fill_disk("/cf")
    try:
        error = line.commit([set_("system/domain", "x.example")], [], good=False)
    finally:
        router.free_disk("/cf")
    assert error["kind"] == "no_space"
    assert line.revision() == revision and router.run("ls /cf/conf/backup").stdout == history
    assert line.section("system/domain") == "lab.example"


def test_commits_wait_for_each_other(rack, line):
    second = RouterLine(rack, user="admin")
    try:
        revision = line.revision()
        answers = []
        threads = [
            threading.Thread(
                target=lambda one=one, n=n: answers.append(
                    one.call("commit", {"revision": revision, "operations": [set_("system/domain", f"{n}.example")],
                                        "services": []})
                )
            )
            for n, one in (("one", line), ("two", second))
        ]  # fmt: skip
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        second.end()
    assert sorted(answer["ok"] for answer in answers) == [False, True]
    assert [answer["error"]["kind"] for answer in answers if not answer["ok"]] == ["conflict"]


def test_a_held_lock_is_named(rack, router):
    holder = router.popen(
        ["php", "-r", '$f = fopen("/var/run/pfrack.lock", "c+"); flock($f, LOCK_EX); fwrite($f, '
         'json_encode(["pid" => 4711, "since" => "noon"])); echo "x"; sleep(99);'],
        stdout=-1,
    )  # fmt: skip
    assert holder.stdout.read(1) == "x"
    line = RouterLine(rack, patch=["PFRACK_LOCK_WAIT = 30.0", "PFRACK_LOCK_WAIT = 0.2"])
    error = line.commit([], [], good=False)
    holder.terminate()
    line.end()
    assert error["kind"] == "busy" and "4711" in error["message"]


def test_php_dying_in_a_commit_puts_back(rack, router):
    """A pfSense function that ends PHP must not leave the new configuration half applied."""
    patch = ["pfrack_call('interface_ipalias_configure', [&$vip], $printed);", "echo '<b>gone</b>'; exit(1);"]
    line = RouterLine(rack, patch=patch)
    error = line.commit([vips({"value": VIP})], ["virtual_ip"], good=False)
    assert error["kind"] == "apply_failed" and "put back" in error["message"] and "gone" in error["detail"]
    assert not line.section("virtualip") or not line.section("virtualip/vip")
    assert line.good("hello")["uid"] == 0, "a new agent is there"
    line.end()


def test_putting_back_keeps_what_an_admin_saved_meanwhile(rack, router):
    router.run(
        "cat > /tmp/admin.php",
        input="""<?php require_once("config.inc");
        config_set_path("system/hostname", "other"); write_config("an admin clicks");""",
    )
    patch = [
        "pfrack_call('interface_ipalias_configure', [&$vip], $printed);",
        "shell_exec('/usr/local/bin/php /tmp/admin.php'); pfrack_fail('it does not come up', 'test');",
    ]
    line = RouterLine(rack, patch=patch)
    error = line.commit([vips({"value": VIP})], ["virtual_ip"], good=False)
    assert error["kind"] == "apply_failed" and "put back" in error["message"]
    assert not line.section("virtualip") or not line.section("virtualip/vip")
    assert line.section("system/hostname") == "other"
    line.end()


def test_files(rack, router, line, tmp_path):
    content = os.urandom(300_000)
    (tmp_path / "big").write_bytes(content)
    (tmp_path / "small").write_bytes(b"hello\n")
    root = "/tftpboot"
    router.run(
        "echo old > /tftpboot/old; mkdir -p /tftpboot/gone; echo x > /tftpboot/gone/file; ln -s /etc /tftpboot/etc"
    )

    staged = line.good("stage", {"root": root, "sizes": [len(content), 6]})
    for name, path in zip(staged["names"], ("big", "small")):
        assert line.upload(str(tmp_path / path), staged["directory"], name)["ok"]
    files = [
        {"name": name, "path": path, "sha256": hashlib.sha256(data).hexdigest(), "mode": "0644"}
        for name, path, data in zip(staged["names"], ("sub/dir/big", "old"), (content, b"hello\n"))
    ]
    params = {"root": root, "directory": staged["directory"], "files": files, "remove": ["gone/file"]}

    wrong = [{**files[0], "sha256": "0" * 64}, files[1]]
    assert "damaged" in line.bad("publish", {**params, "files": wrong})["message"]
    for path in ("../up", "/abs", "a/../../b", "etc/passwd", "a\x00b", ".pfrack-stage-1", ""):
        error = line.bad("publish", {**params, "files": [{**files[0], "path": path}]})
        assert error["kind"] == "unsafe_path", path
    assert line.bad("publish", {**params, "remove": ["etc/passwd"]})["kind"] == "unsafe_path"
    assert router.run("cat /tftpboot/old").stdout == "old\n"

    assert line.good("publish", params) == {"published": ["sub/dir/big", "old"], "removed": ["gone/file"]}
    tree = line.good("tree", {"root": root})["files"]
    assert {path: (file["sha256"], file["mode"]) for path, file in tree.items()} == {
        file["path"]: (file["sha256"], "0644") for file in files
    }
    assert router.run("ls -A /tftpboot").stdout.split() == ["etc", "old", "sub"]


def test_files_need_space_and_a_harmless_root(line):
    assert line.bad("stage", {"root": "/tftpboot", "sizes": [10**13]})["kind"] == "no_space"
    for root in ("/", "/etc", "relative", "/tftpboot/..", "/tftpboot/../etc", "/cf/conf", "/usr/local/www", 7, "/a//b"):
        assert line.bad("tree", {"root": root})["kind"] == "unsafe_path", root
    assert line.bad("put", {"directory": "/etc", "name": "000000", "offset": 0, "data": ""})["kind"] == "unsafe_path"
    assert line.good("tree", {"root": "/tftpboot/not/there"})["exists"] is False


@pytest.mark.parametrize("end", ["end", "kill"])
def test_nothing_stays_behind(rack, router, end):
    before = router.run("ls -A /tmp / /root /var/run").stdout
    line = RouterLine(rack)
    staged = line.good("stage", {"root": "/tftpboot", "sizes": [1]})
    line.good("put", {"directory": staged["directory"], "name": "000000", "offset": 0, "data": b64("x")})
    line.commit([set_("system/domain", "x.example")], [])
    getattr(line, end)()
    deadline = time.monotonic() + 10
    while router.run("ls -A /tftpboot").stdout or router.run(["pgrep", "-x", "php"], check=False).stdout:
        assert time.monotonic() < deadline
    after = router.run("ls -A /tmp / /root /var/run").stdout
    assert not [name for name in after.split() if "pfrack" in name]
    assert set(after.split()) - set(before.split()) <= {"config.cache", "config.lock"}
