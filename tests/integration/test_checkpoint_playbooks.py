# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checkpoints of the playbooks, as a user runs them."""

from __future__ import annotations

import os
import signal

import pytest
import yaml
from checkpoint_run import ONE, TWO, VIP, RouterError, addresses, gone_back, runs, set_
from clients import wait_for
from fault_points import heal
from playbook_run import ROOT, Site, give_up_port_80
from router_state import leftovers, sections


@pytest.fixture
def run(rack, router):
    with runs(rack) as make:
        yield make


@pytest.fixture
def site(rack, router, tmp_path):
    give_up_port_80(router)
    for package in ("haproxy", "tftpd"):
        router.run(["/usr/local/sbin/pfSense-upgrade", "-y", "-i", f"pfSense-pkg-{package}"])
    return Site(rack, tmp_path)


def failing(site, tmp_path):
    """A site.yml whose last change is refused by HAProxy."""
    plays = yaml.safe_load((ROOT / "playbooks/site.yml").read_text())
    transaction = yaml.safe_load((ROOT / "playbooks/tasks/transaction.yml").read_text())
    block = next(task for task in transaction if "block" in task)["block"]
    task = {
        "name": "A backend with a line that is not HAProxy's",
        "pfrack.cluster.pfsense_haproxy": {
            "backends": [{"name": "deis_http", "advanced_lines": ["no-such-directive at all"]}],
        },
    }
    block.insert(len(block) - 1, task)
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks/transaction.yml").write_text(yaml.safe_dump(transaction, sort_keys=False))
    path = tmp_path / "failing.yml"
    path.write_text(yaml.safe_dump(plays[-1:], sort_keys=False))
    return str(path)


def test_a_failed_task_takes_everything_back_and_stays_visible(site, tmp_path):
    router = site.rack.router
    before = sections(router)
    outcome = site.play(playbook=failing(site, tmp_path))
    assert outcome.returncode != 0
    assert "no-such-directive" in outcome.output
    assert "is back at the configuration from before this run" in " ".join(outcome.output.split())
    assert sections(router) == before
    assert leftovers(router) == ""
    site.play().ok()
    assert site.play().ok().changed == 0
    assert leftovers(router) == ""


def test_one_tag_is_a_transaction_too(site):
    router = site.rack.router
    before = sections(router)
    site.settings["tftp_server_files"] = "/nowhere"
    assert site.play("--tags", "virtual_ip,tftp").returncode != 0
    assert "went back to the checkpoint" in router.run("cat /var/log/system.log").stdout
    assert sections(router) == before


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=["kill -9", "Ctrl-C"])
def test_a_killed_playbook_is_taken_back_and_others_wait(site, run, number):
    router = site.rack.router
    before = sections(router)
    two = run(TWO)
    two.port.read([])
    site.settings["checkpoint_timeout"] = 8
    process = site.start()
    wait_for(lambda: "[pfrack]" in router.run("cat /cf/conf/config.xml").stdout, "the first change", 120)
    found = router.rack.controller.run(["pgrep", "-f", f"ansible-playbook -i {site.directory}"]).stdout.split()
    for pid in found:
        router.rack.controller.run(["kill", f"-{number}", pid], check=False)
    process.wait(60)
    with pytest.raises(RouterError) as caught:
        two.arm()
    assert caught.value.kind == "busy" and f"{os.getenv('USER', 'root')}@" in caught.value.message
    gone_back(router)
    assert sections(router) == before


def test_a_cut_cable_is_taken_back(site):
    router = site.rack.router
    before = sections(router)
    site.settings["checkpoint_timeout"] = 8
    site.router_vars = {"ansible_pfsense_keepalive_interval": 1}
    process = site.start()
    wait_for(lambda: "[pfrack]" in router.run("cat /cf/conf/config.xml").stdout, "the first change", 60)
    router.cut_cable("em1")
    output, _rest = process.communicate(timeout=120)
    assert process.returncode != 0 and "by itself" in output, output
    gone_back(router)
    router.plug_cable("em1")
    assert sections(router) == before
    site.play().ok()
    assert site.play().ok().changed == 0


def revision_before(router):
    """The newest revision in which nothing is ours."""
    return router.php(
        """require_once('config.inc'); $c = parse_config(true);
        foreach (get_backups() as $k => $b) if ($k !== 'versions' && !str_contains(
            file_get_contents("/cf/conf/backup/config-{$b['time']}.xml"), '[pfrack]')) { echo $b['time']; break; }"""
    ).stdout.strip()


def test_the_rollback_playbook_lists_and_returns(site):
    router = site.rack.router
    before = sections(router)
    site.play().ok()
    listed = site.play(playbook="playbooks/rollback.yml").ok().output
    assert "now: " in listed and "pfrack: " in listed
    known = site.play("-e", "rollback_to=1", playbook="playbooks/rollback.yml")
    assert known.returncode != 0 and "no revision" in known.output
    first = revision_before(router)
    dry = site.play("-e", f"rollback_to={first}", "--check", playbook="playbooks/rollback.yml").ok()
    assert dry.changed == 1 and sections(router) != before
    site.play("-e", f"rollback_to={first}", playbook="playbooks/rollback.yml").ok()
    after = sections(router)
    assert "10.10.0.10/" not in addresses(router) and "[pfrack]" not in after
    assert router.run("pgrep -x haproxy", check=False).stdout == ""


# Takes a configuration with node1 only, but finds nothing wrong when it is asked beforehand.
MOODY = """#!/bin/sh
case " $* " in *" -t "*) ;; *)
    grep -qw node1 /var/dhcpd/etc/dhcpd.conf || { echo "refused by the test" >&2; exit 1; };;
esac
exec "$0.real" "$@"
"""


def test_a_revision_that_a_daemon_refuses_is_not_kept(site):
    router = site.rack.router
    site.play().ok()
    before = sections(router)
    daemon = "/usr/local/sbin/dhcpd"
    router.run(f"mv {daemon} {daemon}.real; cat > {daemon}; chmod 755 {daemon}", input=MOODY)
    try:
        outcome = site.play("-e", f"rollback_to={revision_before(router)}", playbook="playbooks/rollback.yml")
        assert sections(router) == before
    finally:
        heal(router)
    output = " ".join(outcome.output.split())
    assert outcome.returncode != 0
    assert "dhcpd did not start; the previous configuration was put back and is in force again" in output, output


def test_the_rollback_playbook_ends_a_run_that_is_gone(site, run):
    router = site.rack.router
    one = run()
    one.arm(timeout=600)
    one.commit([set_("virtualip/vip", [VIP])], ["virtual_ip"])
    assert ONE in site.play(playbook="playbooks/rollback.yml").ok().output
    outcome = site.play("-e", "rollback_to=checkpoint", playbook="playbooks/rollback.yml").ok()
    assert outcome.changed == 1
    assert "10.10.0.10/" not in addresses(router) and leftovers(router) == ""
