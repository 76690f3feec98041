# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The web server for files on the router, seen by a node."""

from __future__ import annotations

import json

import pytest
import yaml
from checkpoint_run import VIP, runs, set_
from clients import dhcp_lease, wait_for
from playbook_run import Site

URL = "http://10.10.0.1:8080"
RC = "/usr/local/etc/rc.d/pfrack_static_web.sh"
EVERY = [("2.8", "isc"), ("2.7", "kea")]


@pytest.fixture(params=EVERY, ids="-".join)
def site(request, racks, tmp_path):
    rack = racks(*request.param)
    rack.reset()
    return Site(rack, tmp_path / "inventory")


@pytest.fixture
def client(site):
    node = site.rack.add_node("web", "52:54:00:00:77:01")
    try:
        dhcp_lease(node)
        yield node
    finally:
        # Also after a client without a lease, or the next test finds its name taken.
        site.rack.remove_node("web")


def play(site, *arguments, **options):
    playbook = site.directory.parent / "web.yml"
    task = {"pfrack.cluster.pfsense_static_web": options}
    playbook.write_text(yaml.safe_dump([{"hosts": "routers", "gather_facts": False, "tasks": [task]}]))
    return site.play(*arguments, playbook=str(playbook))


def curl(node, path, *options):
    return node.run(["curl", "-s", "-m", "30", *options, f"{URL}/{path}"], check=False)


def status(node, path, *options):
    return curl(node, path, "-o", "/dev/null", "-w", "%{http_code}", *options).stdout


def test_it_serves_files_to_the_nodes_and_to_nobody_else(site, client):
    router = site.rack.router
    assert play(site, "--check").ok().changed == 1
    assert play(site).ok().changed == 1
    assert play(site, "--diff").ok().changed == 0
    router.run("cd /tftpboot/pfrack && echo 0123456789 > digits && mkdir .hidden && echo no > .hidden/x")
    router.run("ln -s /etc/passwd /tftpboot/pfrack/link; chown -h nobody /tftpboot/pfrack/link")
    assert curl(client, "digits").stdout == "0123456789\n"
    assert curl(client, "digits", "-r", "3-5").stdout == "345"
    head = curl(client, "digits", "-I").stdout.lower()
    assert "200 ok" in head and "content-length: 11" in head and "accept-ranges: bytes" in head
    for path in ("missing", ".hidden/x", ".hidden/", "../etc/passwd", "%2e%2e/%2e%2e/etc/passwd", ""):
        assert status(client, path, "--path-as-is") in ("400", "403", "404")
    assert status(client, "link") in ("403", "404")
    assert status(client, "digits", "-X", "DELETE") in ("403", "405")
    listening = router.run("ss -Hltn 'sport = :8080'").stdout.split()
    assert "10.10.0.1:8080" in listening and len(router.run("ss -Hltn 'sport = :8080'").stdout.splitlines()) == 1


def test_it_survives_a_boot_a_restart_of_the_gui_and_of_the_packages(site, client):
    router = site.rack.router
    play(site).ok()
    router.run("echo hello > /tftpboot/pfrack/greeting")
    for command in ("/etc/rc.restart_webgui", "/etc/rc.start_packages"):
        router.run([command])
        wait_for(lambda: curl(client, "greeting").stdout == "hello\n", f"an answer after {command}")
    router.stop()
    router.start()
    wait_for(lambda: curl(client, "greeting").stdout == "hello\n", "an answer after the start")
    assert play(site, "--diff").ok().changed == 0


def test_lost_files_and_a_dead_server_are_repaired(site, client):
    router = site.rack.router
    play(site).ok()
    before = router.run("sha256sum /cf/conf/config.xml").stdout
    for damage in (f"{RC} stop", f"{RC} stop; rm {RC}", "echo '# edited' >> /usr/local/etc/pfrack_static_web.conf"):
        router.run(damage)
        assert play(site, "--check").ok().changed == 1
        assert play(site).ok().changed == 1
        assert status(client, "missing") == "404"
    assert play(site).ok().changed == 0
    assert router.run("sha256sum /cf/conf/config.xml").stdout == before


# Without the module that removes files, and without the directive.
PLAIN_NGINX = """#!/bin/sh
case " $* " in *" -V "*) /usr/sbin/nginx -V 2>&1 | sed s/--with-http_dav_module//; exit ;; esac
exec /usr/sbin/nginx "$@"
"""


@pytest.mark.parametrize("site", EVERY[:1], ids="-".join, indirect=True)
@pytest.mark.parametrize("nginx", ["dav", "plain"])
def test_a_machine_takes_its_own_files_back(site, client, nginx):
    router = site.rack.router
    if nginx == "plain":
        router.run(
            ["sh", "-c", "rm /usr/local/sbin/nginx; cat > $0; chmod +x $0", "/usr/local/sbin/nginx"], input=PLAIN_NGINX
        )
    play(site).ok()
    assert ("dav_methods" in router.run("cat /usr/local/etc/pfrack_static_web.conf").stdout) == (nginx == "dav")
    one, two, three = (digit * 32 for digit in "123")
    router.run(f"cd /tftpboot/pfrack && mkdir -m 777 install install/{one} install/{two} install/{three}")
    router.run(f"cd /tftpboot/pfrack/install && for id in *; do echo x > $id/token; done; cp -r {one} ../other")

    def withdraw(installation):
        assert status(client, f"install/{installation}/", "-X", "DELETE") == "204"
        wait_for(lambda: status(client, f"install/{installation}/token") == "404", "the token is gone", 30)

    for path in ("other/", "install/", f"install/{one}/../../other/", f"install/{one}/%2e%2e/%2e%2e/other/"):
        assert status(client, path, "-X", "DELETE", "--path-as-is") in ("403", "405")
    withdraw(one)
    assert status(client, f"install/{two}/token") == status(client, "other/token") == "200"
    if nginx == "plain":
        # Who asks while the loop is dead is not forgotten.
        router.run("kill $(cat /var/run/pfrack_web_withdrawal.pid)")
        status(client, f"install/{two}/", "-X", "DELETE")
        assert play(site).ok().changed == 1
        wait_for(lambda: status(client, f"install/{two}/token") == "404", "the token is gone", 30)
    assert play(site).ok().changed == 0
    router.stop()
    router.start()
    wait_for(lambda: status(client, f"install/{three}/token") == "200", "an answer after the start", 30)
    withdraw(three)
    assert router.run("ls /tftpboot/pfrack/install").stdout.split() == ([two] if nginx == "dav" else [])
    play(site, state="absent").ok()
    assert "pfrack_static_web" not in router.run("ps ax; ls /var/run /var/log").stdout
    assert "withdrawal" not in router.run("ls /var/run").stdout


def test_a_port_that_is_taken_is_refused_and_everything_is_as_before(site):
    router = site.rack.router
    other = router.popen(["socat", "TCP-LISTEN:8099,bind=10.10.0.1,fork", "-"])
    try:
        wait_for(lambda: ":8099" in router.run("ss -Hltn", check=False).stdout, "the other server")
        outcome = play(site, port=8099)
        assert outcome.returncode != 0
        assert "did not start on 10.10.0.1 port 8099" in outcome.output
        assert "pfrack_static_web" not in router.run("cat /cf/conf/config.xml; ls /usr/local/etc/rc.d").stdout
    finally:
        other.kill()
        other.wait()


def test_the_gui_knows_it(site):
    play(site).ok()
    said = site.rack.router.php(
        """require_once('config.inc'); require_once('service-utils.inc');
        $service = find_service_by_name('pfrack_static_web');
        stop_service('pfrack_static_web');
        echo json_encode([$service['description'], is_service_running('pfrack_static_web')]);"""
    ).stdout
    assert json.loads(said) == ["Files for the nodes over HTTP [pfrack]", False]


TRACES = (
    "ls /usr/local/etc/rc.d /usr/local/etc | grep pfrack; ps -C nginx -o args= | grep pfrack; "
    "ls /var/run /var/log | grep pfrack; grep -c pfrack_static_web /cf/conf/config.xml"
)


def traces(router):
    return router.run(TRACES, check=False).stdout


def test_it_goes_without_a_trace(site):
    router = site.rack.router
    before = traces(router)
    play(site).ok()
    assert traces(router) != before
    play(site, state="absent").ok()
    assert traces(router) == before
    assert play(site, state="absent").ok().changed == 0


def revision(site, text, there):
    """The newest revision of the router's history that has the text, or has it not."""
    code = """require_once('config.inc'); $c = parse_config(true); foreach (get_backups() as $k => $b) {
        if ($k === 'versions') { continue; }
        $xml = file_get_contents("/cf/conf/backup/config-{$b['time']}.xml");
        if (str_contains($xml, TEXT) === THERE) { echo $b['time']; break; } }"""
    code = code.replace("TEXT", f"'{text}'").replace("THERE", "true" if there else "false")
    return site.rack.router.php(code).stdout.strip()


def services(site):
    """The lines that the GUI's page of services shows for packages."""
    code = """require_once('config.inc');
        foreach (config_get_path('installedpackages/service') as $one) { echo $one['name'], ' '; }"""
    return site.rack.router.php(code).stdout.split()


def return_to(site, to):
    outcome = site.play("-e", f"rollback_to={to}", playbook="playbooks/rollback.yml").ok()
    assert "takes effect when saved" not in outcome.output


def test_it_goes_and_comes_with_the_revision_that_one_returns_to(site, client):
    router = site.rack.router
    before = traces(router)
    # Its address comes and goes with it, and a package that is installed meanwhile keeps its line among the services.
    with runs(site.rack) as make:
        make().commit([set_("virtualip/vip", [VIP])], ["virtual_ip"])
    play(site, address=VIP["subnet"]).ok()
    router.run(["/usr/local/sbin/pfSense-upgrade", "-y", "-i", "pfSense-pkg-haproxy"])
    router.run("echo hello > /tftpboot/pfrack/greeting")
    served = ["curl", "-s", "-m", "5", f"http://{VIP['subnet']}:8080/greeting"]
    assert client.run(served).stdout == "hello\n"

    return_to(site, revision(site, VIP["uniqid"], there=False))
    assert client.run(served, check=False).stdout == ""
    assert traces(router) == before
    assert services(site) == ["HAProxy"]
    router.stop()
    router.start()
    assert traces(router) == before

    return_to(site, revision(site, "pfrack_static_web", there=True))
    assert client.run(served).stdout == "hello\n"
    assert sorted(services(site)) == ["HAProxy", "pfrack_static_web"]
    assert play(site, address=VIP["subnet"]).ok().changed == 0
