# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checkpoints: what a run changed comes back by itself, and nothing else does."""

from __future__ import annotations

import hashlib
import os
import signal
import sys
import time

import pytest
import yaml
from clients import wait_for
from fault_points import heal
from playbook_run import ROOT, Site, give_up_port_80
from router_line import RouterLine
from router_state import leftovers, sections

sys.path.insert(0, str(ROOT / "plugins" / "plugin_utils"))
from agent_bundle import agent_source

sys.path.insert(0, str(ROOT / "plugins" / "module_utils"))
from router import Router, RouterError

ONE, TWO = "deis@one (ansible-playbook, process 1)", "deis@two (ansible-playbook, process 2)"
VIP = {"mode": "ipalias", "interface": "lan", "uniqid": "5f00000000001", "descr": "x [pfrack]", "type": "single",
       "subnet_bits": "24", "subnet": "10.10.0.10"}  # fmt: skip


class Run:
    """One run of ansible-playbook, as the router sees it."""

    def __init__(self, rack, holder=ONE):
        self.line = RouterLine(rack)
        self.port = Router(
            lambda op, params: self.line.call(op, dict(params, holder=holder)),
            lambda *arguments: self.line.upload(*arguments),
        )

    def arm(self, timeout=60):
        return self.port.checkpoint(timeout, agent_source())

    def commit(self, operations, services=()):
        return self.port.commit(self.port.read([]).revision, operations, list(services), "a test")

    def section(self, path):
        return self.port.read([path]).sections[path]

    def publish(self, files, remove=(), root="/tftpboot/pfrack"):
        """files: path -> local path."""
        staged = self.port.stage(root, [path.stat().st_size for path in files.values()])
        entries = []
        for name, (path, local) in zip(staged["names"], files.items()):
            self.port.upload(str(local), staged["directory"], name)
            digest = hashlib.sha256(local.read_bytes()).hexdigest()
            entries.append({"name": name, "path": path, "sha256": digest, "mode": "0644"})
        self.port.publish(root, staged["directory"], entries, list(remove))


@pytest.fixture
def run(rack, router):
    made = []

    def make(holder=ONE):
        made.append(Run(rack, holder))
        return made[-1]

    yield make
    for one in made:
        one.line.end()


def set_(path, value=""):
    return {"op": "set", "path": [int(p) if p.isdigit() else p for p in path.split("/")], "value": value}


def gone_back(router):
    """Waits until no checkpoint is left."""
    wait_for(lambda: not leftovers(router), "the router has gone back", 40)


def admin(router, code):
    router.php(f"require_once('config.inc'); {code} write_config('an admin clicks');")


def addresses(router):
    return router.run("ip -br addr show em1").stdout


def notices(router):
    return router.php("require_once('notices.inc'); print_r(get_notices());").stdout


def test_confirm_leaves_the_changes_and_nothing_else(router, run):
    one = run()
    one.arm()
    one.commit([set_("virtualip/vip", [VIP])], ["virtual_ip"])
    assert "pfrack_checkpoint.sh" in leftovers(router) and "agent.php watch" in leftovers(router)
    assert one.port.confirm()["changes"] == 1
    assert leftovers(router) == ""
    assert "10.10.0.10/" in addresses(router) and one.section("virtualip/vip")
    assert one.port.checkpoint_status() == {"checkpoint": None, "rolled_back": None}


def test_changes_stay_confirmed_when_the_other_router_of_a_pair_cannot_be_told(rack, router, run):
    one = run()
    one.arm()
    one.commit([set_("hasync/synchronizetoip", "10.99.0.2")])
    other = RouterLine(rack, patch=["pfrack_run([PFRACK_PAIR_SCRIPT]);", "throw new Exception('torn');"])
    told = other.call("confirm", {"holder": ONE})["result"]["pair"]
    other.end()
    assert (told["peer"], told["synchronised"]) == ("10.99.0.2", False) and "torn" in told["words"]
    assert leftovers(router) == ""


def test_a_checkpoint_without_changes_writes_no_configuration(router, run):
    one = run()
    state = "sha256sum /cf/conf/config.xml; ls /cf/conf/backup"
    before = router.run(state).stdout
    one.arm()
    one.port.read(["dhcpd"])
    one.port.confirm()
    one.arm()
    assert one.port.rollback()["restored"] == []
    assert router.run(state).stdout == before
    assert leftovers(router) == ""


def test_rolling_back_restores_sections_services_and_files(router, run, tmp_path):
    router.run("mkdir -p /tftpboot/pfrack/d && cd /tftpboot/pfrack && echo old > replaced && echo old > d/removed")
    for name in ("replaced", "added"):
        (tmp_path / name).write_text("new\n")
    one = run()
    files = one.port.tree("/tftpboot/pfrack")["files"]
    sections = ["virtualip", "dhcpd", "unbound", "dnsmasq"]
    before = one.port.read(sections).sections
    one.arm()
    one.commit([set_("virtualip/vip", [VIP])], ["virtual_ip"])
    one.commit(
        [{"op": "delete", "path": ["unbound", "enable"]}, set_("dnsmasq/enable")], ["dns_resolver", "dns_forwarder"]
    )
    one.commit([set_("dhcpd/lan/filename", "pxelinux.0"), set_("dhcpd/lan/domain", "x.example")], ["dhcp_server"])
    one.publish(
        {"replaced": tmp_path / "replaced", "new/deep/added": tmp_path / "added"},
        remove=["d/removed"],
    )
    assert router.run("cat /tftpboot/pfrack/replaced /tftpboot/pfrack/new/deep/added").stdout == "new\nnew\n"
    assert set(one.port.tree("/tftpboot/pfrack")["files"]) == {"replaced", "new/deep/added"}
    result = one.port.rollback()
    assert result["kept"] == [] and result["failed"] == {} and result["files"] == 3
    assert result["applied"] == ["virtual_ip", "dns_resolver", "dns_forwarder", "dhcp_server"]
    assert one.port.read(sections).sections == before
    assert one.port.tree("/tftpboot/pfrack")["files"] == files
    assert router.run("ls -A /tftpboot/pfrack").stdout.split() == ["d", "replaced"]
    assert "10.10.0.10/" not in addresses(router)
    assert router.run("pgrep -x dnsmasq", check=False).stdout == "" and router.run("pgrep -x unbound").stdout
    assert "pxelinux" not in router.run("cat /var/dhcpd/etc/dhcpd.conf").stdout
    assert leftovers(router) == ""


def test_files_and_links_that_somebody_else_changed_stay(router, run, tmp_path):
    router.run("mkdir -p /tftpboot/pfrack/one /tftpboot/pfrack/two && ln -s one /tftpboot/pfrack/current")
    router.run("cd /tftpboot/pfrack && echo old > ours && echo old > theirs")
    (tmp_path / "new").write_text("new\n")
    one = run()
    one.arm()
    one.publish({"ours": tmp_path / "new", "theirs": tmp_path / "new"})
    one.port.point("/tftpboot/pfrack", {"current": "two", "latest": "two"})
    router.run("echo admin > /tftpboot/pfrack/theirs")
    result = one.port.rollback()
    assert result["kept"] == ["/tftpboot/pfrack/theirs"]
    assert router.run("cd /tftpboot/pfrack && cat ours theirs && readlink current; ls").stdout.split() == [
        *["old", "admin", "one"],
        *["current", "one", "ours", "theirs", "two"],
    ]


def test_what_an_admin_saved_meanwhile_stays(router, run):
    one = run()
    one.arm()
    one.commit([set_("virtualip/vip", [VIP]), set_("dhcpd/lan/domain", "ours.example")], ["virtual_ip"])
    admin(
        router,
        """config_set_path('virtualip/vip/', ['mode' => 'ipalias', 'interface' => 'lan', 'uniqid' => 'admin1',
            'subnet' => '10.10.0.77', 'subnet_bits' => '32', 'type' => 'single', 'descr' => 'by hand']);
        config_set_path('system/hostname', 'renamed'); config_set_path('dhcpd/lan/domain', 'admin.example');""",
    )
    result = one.port.rollback()
    assert result["kept"] == ["dhcpd/lan/domain"]
    assert [vip["subnet"] for vip in one.section("virtualip/vip")] == ["10.10.0.77"]
    assert one.section("system/hostname") == "renamed" and one.section("dhcpd/lan/domain") == "admin.example"
    assert "10.10.0.10/" not in addresses(router)
    assert "dhcpd/lan/domain" in notices(router)


def test_a_second_run_is_refused_until_the_first_ends(router, run):
    one, two = run(), run(TWO)
    one.arm()
    for attempt in (two.arm, lambda: two.commit([set_("system/domain", "x.example")])):
        with pytest.raises(RouterError) as caught:
            attempt()
        assert caught.value.kind == "busy"
        assert ONE in caught.value.message and time.strftime("%Y-%m-%d") in caught.value.message
    two.port.read(["system"])
    one.port.confirm()
    two.arm()
    two.commit([set_("system/domain", "x.example")])
    two.port.confirm()


def test_silence_goes_back_and_the_late_run_is_told(router, run):
    one = run()
    one.arm(timeout=3)
    one.commit([set_("virtualip/vip", [VIP])], ["virtual_ip"])
    for _ in range(8):
        time.sleep(0.5)
        assert one.port.read(["virtualip/vip"]).sections["virtualip/vip"], "requests are signs of life"
    gone_back(router)
    assert "10.10.0.10/" not in addresses(router)
    assert "did not confirm" in notices(router) and ONE in notices(router)
    for attempt in (one.port.confirm, lambda: one.commit([set_("system/domain", "x.example")])):
        with pytest.raises(RouterError) as caught:
            attempt()
        assert caught.value.kind == "rolled_back" and "no word" in caught.value.message
    assert one.port.rollback()["before"]["holder"] == ONE
    one.arm()
    one.port.confirm()


@pytest.mark.parametrize("end", ["kill", "end"])
def test_a_session_that_ends_without_a_word_is_not_waited_for_long(router, run, end):
    one = run()
    one.arm(timeout=5)
    one.commit([set_("virtualip/vip", [VIP])], ["virtual_ip"])
    getattr(one.line, end)()
    gone_back(router)
    assert "10.10.0.10/" not in addresses(router)


def test_the_watch_comes_back_when_it_is_killed(router, run):
    one = run()
    one.arm(timeout=3)
    one.commit([set_("virtualip/vip", [VIP])], ["virtual_ip"])
    watch = ["pgrep", "-f", "/cf/conf/pfrack/agent"]
    first = router.run(watch).stdout
    router.run(["kill", "-9", *first.split()])

    def another():
        one.port.read([])
        return router.run(watch, check=False).stdout not in ("", first)

    wait_for(another, "another watch", 2)
    gone_back(router)
    assert "10.10.0.10/" not in addresses(router)


def test_a_reboot_goes_back_at_once(router, run):
    one = run()
    one.arm(timeout=600)
    one.commit([set_("virtualip/vip", [VIP])], ["virtual_ip"])
    router.stop()
    router.start()
    gone_back(router)
    assert "10.10.0.10/" not in addresses(router)
    assert "started again" in notices(router)


def test_a_reboot_before_the_first_change_leaves_no_lock(router, run):
    run().arm(timeout=600)
    router.stop()
    router.start()
    two = run(TWO)

    def armed():
        try:
            return two.arm()
        except RouterError as error:
            assert error.kind == "busy"
            return None

    wait_for(armed, "the dead run's checkpoint is over", 20)


def test_an_agent_killed_within_a_commit_is_undone(rack, router, run):
    """Written, the address is up, and then the agent is gone: neither half may stay."""
    one = run()
    one.arm(timeout=5)
    dying = ["pfrack_verify_virtual_ips($changed, $before, $after);", "posix_kill(getmypid(), 9);"]
    other = RouterLine(rack, patch=dying)
    answer = other.call("commit", {"revision": one.port.read([]).revision, "operations": [set_("virtualip/vip", [VIP])],
                                   "services": ["virtual_ip"], "holder": ONE})  # fmt: skip
    assert answer["error"]["kind"] == "unknown_outcome"
    assert "10.10.0.10/" in addresses(router)
    other.end()
    one.port.rollback()
    assert "10.10.0.10/" not in addresses(router) and not one.section("virtualip")
    assert leftovers(router) == ""


def test_going_back_works_on_a_full_disk(router, run):
    one = run()
    one.arm()
    one.commit([set_("virtualip/vip", [VIP])], ["virtual_ip"])
    router.fill_disk("/cf")
    try:
        assert one.port.rollback()["restored"]
    finally:
        router.free_disk("/cf")
    assert "10.10.0.10/" not in addresses(router) and not one.section("virtualip")
    assert leftovers(router) == ""


def test_a_full_disk_arms_nothing(router, run):
    router.fill_disk("/cf")
    with pytest.raises(RouterError) as caught:
        run().arm()
    router.free_disk("/cf")
    assert caught.value.kind == "no_space" and leftovers(router) == ""


# The playbooks, as a user runs them.


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
