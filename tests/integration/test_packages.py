# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab router's packages do what pfSense's do, the strange parts included."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Callable

import lab
import pytest
from clients import listening, wait_for, web_server

Add = Callable[..., lab.Machine]

LOAD = "require_once('config.inc'); require_once('functions.inc'); require_once('pkg-utils.inc');"
TEST_AND_RUN = (
    "require_once('haproxy/haproxy.inc');"
    "ob_start(); $ok = haproxy_check_and_run($messages, true); ob_end_clean();"
    "echo json_encode([(bool)$ok, $messages]);"
)


def install(router: lab.Router, *packages: str) -> None:
    for package in packages:
        router.run(["pfSense-upgrade", "-y", "-i", f"pfSense-pkg-{package}"])


def config(router: lab.Router, path: str) -> object:
    return json.loads(router.php(f"{LOAD} echo json_encode(config_get_path('{path}'));").stdout)


def set_config(router: lab.Router, path: str, value: object) -> None:
    encoded = base64.b64encode(json.dumps(value).encode()).decode()
    router.php(
        f"{LOAD} config_set_path('{path}', json_decode(base64_decode('{encoded}'), true)); write_config('a test');"
    )


def apply_haproxy(router: lab.Router, section: dict) -> tuple[bool, str]:
    """Write the section, test it and make it live as the GUI does; whether that succeeded, and the messages."""
    set_config(router, "installedpackages/haproxy", section)
    return tuple(json.loads(router.php(LOAD + TEST_AND_RUN).stdout))


def web_section(address: str, port: int = 80, **frontend: object) -> dict:
    """A frontend on the router in front of the web server of a node."""
    listen = {"extaddr": "custom", "extaddr_custom": "10.10.0.1", "extaddr_port": str(port)}
    return {
        "enable": "",
        "configversion": "00.58",
        "maxconn": "100",
        "ha_backends": {
            "item": [
                {
                    "name": "web",
                    "status": "active",
                    "type": "http",
                    "forwardfor": "yes",
                    "backend_serverpool": "nodes",
                    "a_extaddr": {"item": [listen]},
                    **frontend,
                }
            ]
        },
        "ha_pools": {
            "item": [
                {
                    "name": "nodes",
                    "id": "100",
                    "check_type": "HTTP",
                    "httpcheck_method": "GET",
                    "monitor_uri": "/health-check",
                    "ha_servers": {
                        "item": [{"name": "node1", "id": "101", "status": "active", "address": address, "port": "80"}]
                    },
                }
            ]
        },
    }


def move_gui(router: lab.Router) -> None:
    """The web interface listens on port 80 of every address until somebody moves it."""
    router.run("pkill -x nginx; while pgrep -x nginx; do sleep 0.05; done", check=False)


@pytest.fixture
def web_node(node: Add) -> lab.Machine:
    machine = node("node1", "52:54:00:00:10:01")
    machine.run("ip addr add 10.10.0.11/24 dev eth0")
    return machine


def get(rack: lab.Rack, url: str) -> str:
    return rack.controller.run(["curl", "-sS", "--max-time", "5", url], check=False).stdout


def haproxy_pids(router: lab.Router) -> list[str]:
    return router.run(["pgrep", "-x", "haproxy"], check=False).stdout.split()


def test_installing_rewrites_the_configuration(router: lab.Router) -> None:
    assert router.run(["pkg-static", "info", "-e", "pfSense-pkg-haproxy"], check=False).returncode != 0
    assert router.php("require_once('haproxy/haproxy.inc');", check=False).returncode != 0
    assert router.run(["pkg-static", "rquery", "%v", "pfSense-pkg-haproxy"]).stdout == "0.65_2\n"
    install(router, "haproxy")
    assert router.run(["pkg-static", "query", "%v", "pfSense-pkg-haproxy"]).stdout == "0.65_2\n"
    packages = config(router, "installedpackages/package")
    assert [(package["name"], package["version"]) for package in packages] == [("haproxy", "0.65_2")]
    assert packages[0]["include_file"] == "/usr/local/pkg/haproxy/haproxy.inc"
    assert [service["executable"] for service in config(router, "installedpackages/service")] == ["haproxy"]
    assert [menu["name"] for menu in config(router, "installedpackages/menu")] == ["HAProxy"]
    assert config(router, "installedpackages/haproxy/configversion") == "00.58"
    # Containers without anything in them come back as strings.
    assert config(router, "installedpackages/haproxy/ha_pools") == ""
    assert ">>> Installing pfSense-pkg-haproxy" in router.run(["cat", "/cf/conf/upgrade_log.txt"]).stdout


def test_a_conflicting_package_takes_the_place_and_settings_stay(router: lab.Router) -> None:
    install(router, "haproxy")
    set_config(router, "installedpackages/haproxy/maxconn", "77")
    install(router, "haproxy-devel")
    assert router.run("pkg-static info -x pfSense-pkg").stdout == "pfSense-pkg-haproxy-devel-0.66.6\n"
    assert [package["name"] for package in config(router, "installedpackages/package")] == ["haproxy-devel"]
    router.run(["pfSense-upgrade", "-y", "-r", "pfSense-pkg-haproxy-devel"])
    assert config(router, "installedpackages/package") in (None, "", [])
    assert config(router, "installedpackages/haproxy/maxconn") == "77"
    assert router.php("require_once('haproxy/haproxy.inc');", check=False).returncode != 0


def test_an_unknown_package_and_an_unreachable_repository(router: lab.Router) -> None:
    unknown = router.run(["pfSense-upgrade", "-y", "-i", "pfSense-pkg-nonesuch"], check=False)
    assert unknown.returncode == 70
    assert "No packages available to install matching 'pfSense-pkg-nonesuch'" in unknown.stdout
    router.run("touch /tmp/pfrack-lab-pkg-offline")
    offline = router.run(["pfSense-upgrade", "-y", "-i", "pfSense-pkg-tftpd"], check=False)
    assert offline.returncode == 1
    assert "No route to host" in offline.stdout
    assert config(router, "installedpackages/package") in (None, "", [])


def test_only_one_upgrade_at_a_time(router: lab.Router) -> None:
    holder = router.popen(
        "exec 9> /tmp/pfSense-upgrade.lock; flock 9; echo held; exec sleep 60", stdout=subprocess.PIPE
    )
    try:
        assert holder.stdout is not None
        holder.stdout.readline()
        second = router.run(["pfSense-upgrade", "-y", "-i", "pfSense-pkg-sudo"], check=False)
    finally:
        holder.kill()
        holder.wait()
    assert second.returncode == 1
    assert "Another instance is already running" in second.stdout


def test_a_section_without_a_version_is_rewritten(router: lab.Router) -> None:
    section = web_section("10.10.0.11", desc="the description")
    del section["configversion"]
    set_config(router, "installedpackages/haproxy", section)
    install(router, "haproxy")
    frontend = config(router, "installedpackages/haproxy/ha_backends/item")[0]
    assert [listen["extaddr"] for listen in frontend["a_extaddr"]["item"]] == ["custom", "wan_ipv4"]
    assert frontend["descr"] == "the description"
    assert "desc" not in frontend
    pool = config(router, "installedpackages/haproxy/ha_pools/item")[0]
    assert (pool["id"], pool["ha_servers"]["item"][0]["id"]) == ("101", "102")


def test_traffic_reaches_the_node_through_a_frontend(rack: lab.Rack, router: lab.Router, web_node: lab.Machine) -> None:
    move_gui(router)
    install(router, "haproxy")
    with web_server(web_node, 80):
        assert apply_haproxy(router, web_section("10.10.0.11"))[0]
        assert get(rack, "http://10.10.0.1/") == "node1 10.10.0.2"
        written = router.run(["cat", "/var/etc/haproxy/haproxy.cfg"]).stdout
        assert "backend nodes_ipvANY" in written
        statistics = "echo json_encode(haproxy_get_statistics());"
        answer = router.php(f"require_once('haproxy/haproxy_socketinfo.inc'); {statistics}")
        servers = json.loads(answer.stdout)["servers"]
        assert [(server["pxname"], server["svname"]) for server in servers] == [("nodes_ipvANY", "node1")]


def test_a_refused_configuration_leaves_the_old_process(
    rack: lab.Rack, router: lab.Router, web_node: lab.Machine
) -> None:
    move_gui(router)
    install(router, "haproxy")
    with web_server(web_node, 80):
        section = web_section("10.10.0.11")
        assert apply_haproxy(router, section)[0]
        before = haproxy_pids(router)
        section["ha_backends"]["item"][0]["backend_serverpool"] = "missing"
        valid, messages = apply_haproxy(router, section)
        assert not valid
        assert "missing_ipvANY" in messages
        assert haproxy_pids(router) == before
        assert "missing" not in router.run(["cat", "/var/etc/haproxy/haproxy.cfg"]).stdout
        assert get(rack, "http://10.10.0.1/") == "node1 10.10.0.2"


def test_an_address_that_is_not_there_fails_only_at_the_start(router: lab.Router) -> None:
    install(router, "haproxy")
    assert apply_haproxy(router, web_section("10.10.0.11", port=8080))[0]
    before = haproxy_pids(router)
    section = web_section("10.10.0.11", port=8080)
    section["ha_backends"]["item"][0]["a_extaddr"]["item"][0]["extaddr_custom"] = "10.10.0.77"
    started, messages = apply_haproxy(router, section)
    assert not started
    assert "Cannot assign requested address" in messages
    # The old process goes on, the new file is on disk.
    assert haproxy_pids(router) == before
    assert "10.10.0.77:8080" in router.run(["cat", "/var/etc/haproxy/haproxy.cfg"]).stdout


def test_an_unknown_address_key_listens_everywhere(router: lab.Router) -> None:
    install(router, "haproxy")
    section = web_section("10.10.0.11", a_extaddr={"item": [{"extaddr": "10.10.0.50_ipv4", "extaddr_port": "8081"}]})
    assert apply_haproxy(router, section)[0]
    assert "0.0.0.0:8081" in router.run(["ss", "-Hlnt", "sport = :8081"]).stdout


def test_without_a_method_the_check_is_refused(router: lab.Router) -> None:
    install(router, "haproxy")
    section = web_section("10.10.0.11", port=8080)
    del section["ha_pools"]["item"][0]["httpcheck_method"]
    valid, messages = apply_haproxy(router, section)
    assert not valid
    assert "http-check send" in messages


def test_a_disabled_haproxy_is_killed_and_an_empty_carpdev_never_starts(router: lab.Router) -> None:
    install(router, "haproxy")
    section = web_section("10.10.0.11", port=8080)
    assert apply_haproxy(router, section)[0]
    assert haproxy_pids(router)
    assert apply_haproxy(router, {**section, "carpdev": ""})[0]
    wait_for(lambda: not haproxy_pids(router), "haproxy ends")
    assert apply_haproxy(router, section)[0]
    del section["enable"]
    assert apply_haproxy(router, section)[0]
    wait_for(lambda: not haproxy_pids(router), "haproxy ends")


def test_the_check_needs_the_path(router: lab.Router) -> None:
    install(router, "haproxy")
    set_config(router, "installedpackages/haproxy", web_section("10.10.0.11", port=8080))
    answer = router.php(f"putenv('PATH=/usr/sbin:/usr/bin:/sbin:/bin'); {LOAD} {TEST_AND_RUN}")
    valid, messages = json.loads(answer.stdout)
    assert not valid
    assert "FATAL ERROR CODE: 127" in messages


def test_a_file_comes_over_tftp(router: lab.Router, web_node: lab.Machine) -> None:
    install(router, "tftpd")
    assert router.run("stat -c %u:%g /tftpboot").stdout == "65534:65534\n"
    router.run("mkdir -p /tftpboot/pxe && echo 'the boot loader' > /tftpboot/pxe/loader")
    set_config(router, "installedpackages/tftpd/config", [{"enable": "on", "tftpd_ip": "10.10.0.1"}])
    router.php(f"{LOAD} require_once('tftpd.inc'); sync_package_tftpd();")
    wait_for(lambda: listening(router, 69, "u"), "the TFTP server listens")
    assert router.run(["cat", "/var/run/tftpd-hpa.pid"]).stdout.strip().isdigit()
    web_node.run("cd /tmp && echo 'get pxe/loader loader' | tftp 10.10.0.1")
    assert web_node.run(["cat", "/tmp/loader"]).stdout == "the boot loader\n"
    set_config(router, "installedpackages/tftpd/config", [{"tftpd_ip": "10.10.0.1"}])
    router.php(f"{LOAD} require_once('tftpd.inc'); sync_package_tftpd();")
    assert not listening(router, 69, "u")
    assert router.run(["test", "-e", "/usr/local/etc/rc.d/tftpd.sh"], check=False).returncode == 1


def test_filer_writes_and_runs_everything_each_time(router: lab.Router) -> None:
    install(router, "Filer")
    entry = {
        "fullfile": "/root/made/by.filer",
        "filedata": base64.b64encode(b"one\r\ntwo\n").decode(),
        "mod": "0600",
        "cmd": "echo ran >> /root/ran",
        "background": "foreground",
    }
    set_config(router, "installedpackages/filer/config", [entry])
    for _ in range(2):
        router.php(f"{LOAD} require_once('filer.inc'); filer_sync();")
    assert router.run("cat /root/made/by.filer; stat -c %a /root/made/by.filer").stdout == "one\ntwo\n600\n"
    assert router.run(["cat", "/root/ran"]).stdout == "ran\nran\n"


def test_the_developer_shell(router: lab.Router) -> None:
    assert "Done." in router.run(["pfSsh.php", "playback", "installpkg", "tftpd"]).stdout
    assert "tftpd-0.1.3_8" in router.run(["pfSsh.php", "playback", "listpkg"]).stdout
    answer = router.run(["pfSsh.php"], input="echo 'version ' . config_get_path('version');\nexec\nexit\n").stdout
    assert f"version {config(router, 'version')}" in answer
    assert "is stopped" in router.run(["pfSsh.php", "playback", "svc", "status", "tftpd"]).stdout
