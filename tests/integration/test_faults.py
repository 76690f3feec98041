# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""site.yml when something is wrong: the user learns what and the way out, and the router stays as it was."""

from __future__ import annotations

import pytest
import yaml
from playbook_run import Site, give_up_port_80

STATE = "sha256sum < /cf/conf/config.xml; ip -br addr; pgrep -a 'haproxy|dnsmasq|unbound|dhcp|tftp' | sort; true"


@pytest.fixture
def site(rack, router, tmp_path):
    give_up_port_80(router)
    return Site(rack, tmp_path)


def state(site):
    return site.rack.router.run(STATE).stdout


def refused(outcome, *words):
    assert outcome.returncode != 0, outcome.output
    text = " ".join(outcome.output.split())
    for word in words:
        assert word in text, f"{word!r} is not in\n{outcome.output}"


def test_every_mistake_of_an_inventory_is_told_at_once(site):
    before = state(site)
    site.nodes()["node2"]["mac_address"] = "52:54:00:10:00:01"
    site.nodes()["node3"]["ipv4_address"] = "10.10.0.150"
    site.nodes()["bad_name"] = {"mac_address": "52:54:00:10:00"}
    site.settings["cluster_virtual_ips"] = [{"address": "10.10.0.1"}]
    site.settings["cluster_services"] = [
        {"name": "one", "port": 8080, "mode": "http"},
        {"name": "two", "port": 8080, "mode": "tcp", "groups": ["gone"]},
    ]
    outcome = site.play()
    refused(outcome, "52:54:00:10:00:01", "10.10.0.150", "bad_name", "10.10.0.1", "8080", "gone")
    assert state(site) == before


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"ansible_password": "wrong", "ansible_ssh_private_key_file": "/dev/null"}, ["admin@10.10.0.1"]),
        ({"ansible_pfsense_known_hosts_files": ["/dev/null"]}, ["host key", "10.10.0.1", "ssh-keyscan"]),
        ({"ansible_host": "10.10.0.77", "ansible_connect_timeout": 3}, ["unreachable", "10.10.0.77"]),
    ],
    ids=["wrong password", "unknown host key", "router down"],
)
def test_no_way_to_the_router(site, variables, words):
    before = state(site)
    site.router_vars = variables
    refused(site.play(), *words)
    assert state(site) == before


def test_a_package_repository_that_does_not_answer(site):
    before = state(site)
    site.rack.router.run("touch /tmp/pfrack-lab-pkg-offline")
    refused(site.play(), "haproxy")
    assert state(site) == before


def test_a_package_that_is_missing(site, tmp_path):
    before = state(site)
    refused(site.play("--tags", "haproxy"), "haproxy", "not installed", "pfsense_package")
    assert state(site) == before


def test_a_configuration_that_haproxy_refuses(site, tmp_path):
    site.play().ok()
    before = state(site)
    playbook = tmp_path / "refused.yml"
    task = {
        "name": "A backend with a line that is not HAProxy's",
        "pfrack.cluster.pfsense_haproxy": {
            "backends": [{"name": "deis_http", "advanced_lines": ["no-such-directive at all"]}],
        },
    }
    playbook.write_text(yaml.safe_dump([{"hosts": "routers", "gather_facts": False, "tasks": [task]}]))
    refused(site.play(playbook=str(playbook)), "refused", "no-such-directive")
    assert state(site) == before


def test_a_full_disk(site):
    router = site.rack.router
    site.play("--tags", "packages").ok()
    before = state(site)
    router.fill_disk("/cf")
    refused(site.play(), "router1")
    router.free_disk("/cf")
    assert state(site) == before
    site.play().ok()
    assert site.play().ok().changed == 0


def test_an_admin_who_saves_during_the_run_loses_nothing(site):
    admin = site.rack.router.popen(
        ["/usr/local/bin/php", "-r", """
        require_once('config.inc');
        for ($i = 0; $i < 12; $i++) {
            function_exists('config_read_file') ? config_read_file(true) : $config = parse_config(true);
            config_set_path('aliases/alias/', ['name' => "admin$i", 'type' => 'host', 'address' => '10.10.0.250']);
            write_config("the admin saves $i");
            usleep(400000);
        }"""]
    )  # fmt: skip
    outcome = site.play()
    assert admin.wait(60) == 0
    if outcome.returncode != 0:
        refused(outcome, "conflict", "the admin saves")
    saved = site.rack.router.php(
        "require_once('config.inc'); echo implode(' ', array_column(config_get_path('aliases/alias', []), 'name'));"
    )
    assert saved.stdout.split() == [f"admin{number}" for number in range(12)]
    site.play().ok()
    assert site.play().ok().changed == 0
