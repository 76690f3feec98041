# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services that are exposed on WAN, seen from the Internet, with the router's packet filter on."""

from __future__ import annotations

import pytest
from clients import dhcp_lease, wait_for, web_server
from playbook_run import Site

WAN = "198.51.100.2"


def switch_the_filter_on(router):
    router.php(
        """require_once('config.inc'); require_once('filter.inc');
        config_del_path('system/disablefilter');
        config_set_path('filter/rule/', ['tracker' => '1700000001', 'type' => 'pass', 'interface' => 'wan',
            'ipprotocol' => 'inet', 'protocol' => 'tcp', 'source' => ['any' => ''],
            'destination' => ['network' => 'wanip', 'port' => '7'], 'descr' => 'by hand']);
        write_config('the filter is on');
        filter_configure_sync();"""
    )


def page(machine, url):
    """The name of the node that answers, "" when nobody does within seconds."""
    result = machine.run(["curl", "-sf", "-m", "3", url], check=False)
    return result.stdout.split()[0] if result.returncode == 0 else ""


def rules(router):
    return router.php(
        """require_once('config.inc');
        foreach (config_get_path('filter/rule', []) as $rule)
            echo "{$rule['tracker']} {$rule['interface']} {$rule['descr']}\\n";"""
    ).stdout.splitlines()


@pytest.mark.parametrize("rack", [("2.8", "isc"), ("2.7", "isc")], indirect=True)
def test_an_exposed_service_is_reachable_from_outside_and_closed_again(rack, router, node, tmp_path):
    switch_the_filter_on(router)
    by_hand = rules(router)
    site = Site(rack, tmp_path)
    site.settings["cluster_platform"] = "none"
    exposed = {"name": "web", "port": 8080, "mode": "http", "expose": ["wan"]}
    inside = {"name": "inside", "port": 8081, "mode": "http", "backend_port": 8080}
    site.settings["cluster_services"] = [exposed, inside]
    machine = node("node1", "52:54:00:10:00:01")

    site.play().ok()
    dhcp_lease(machine)
    with web_server(machine, 8080):
        wait_for(lambda: page(rack.internet, f"http://{WAN}:8080/") == "node1", "the service from outside", 60)
        wait_for(lambda: page(rack.controller, "http://10.10.0.10:8080/") == "node1", "the service from inside", 60)
        assert page(rack.internet, f"http://{WAN}:8081/") == ""
        assert page(rack.internet, "http://10.10.0.10:8080/") == ""
        assert rules(router)[: len(by_hand)] == by_hand
        assert len(rules(router)) == len(by_hand) + 1
        assert site.play().ok().changed == 0

        del exposed["expose"]
        site.play().ok()
        assert rules(router) == by_hand
        assert page(rack.internet, f"http://{WAN}:8080/") == ""
        wait_for(lambda: page(rack.controller, "http://10.10.0.10:8080/") == "node1", "the service from inside", 60)


def test_rules_that_the_filter_does_not_take_are_put_back(rack, router, tmp_path):
    switch_the_filter_on(router)
    before = rules(router)
    # What stands in for pf fails, as pfctl does on a rule that it does not understand.
    router.run("for name in legacy nft; do ln -sf /bin/false /usr/sbin/iptables-$name-restore; done")
    site = Site(rack, tmp_path)
    site.settings["cluster_platform"] = "none"
    site.settings["cluster_services"] = [{"name": "web", "port": 8080, "expose": ["wan"]}]
    outcome = site.play()
    assert outcome.returncode != 0
    assert "complains about the firewall rules" in outcome.output
    assert rules(router) == before
