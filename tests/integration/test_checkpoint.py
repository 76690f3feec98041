# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checkpoints: what a run changed comes back by itself, and nothing else does."""

from __future__ import annotations

import time

import pytest
from checkpoint_run import ONE, THREE, TWO, VIP, RouterError, addresses, gone_back, runs, set_
from clients import wait_for
from router_line import RouterLine
from router_state import leftovers


@pytest.fixture
def run(rack, router):
    with runs(rack) as make:
        yield make


def admin(router, code):
    router.php(f"require_once('config.inc'); {code} write_config('an admin clicks');")


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


# Between reading the journal and the end of going back, as services that restart may take their time.
GOING_BACK = """touch('/tmp/going'); while (is_file('/tmp/going')) { usleep(50000); clearstatcache(); }
    [$old, $failed] = [pfrack_vips_in_force("""
LATE = {
    "point": {"root": "/tftpboot/pfrack", "links": {"current": "two"}},
    "haproxy_runtime": {"commands": ["set server web_ipvANY/node1 state drain"]},
}


@pytest.mark.parametrize("op", list(LATE))
def test_what_arrives_while_the_router_goes_back_is_refused(rack, router, run, op):
    router.run("mkdir -p /tftpboot/pfrack/one /tftpboot/pfrack/two && ln -s one /tftpboot/pfrack/current")
    one, late = run(), run()
    revision = late.port.read([]).revision
    checkpoint = one.arm()["id"]
    other = RouterLine(rack, patch=["[$old, $failed] = [pfrack_vips_in_force(", GOING_BACK])
    other.start("call", "rollback", {"id": checkpoint, "why": "asked for"})
    wait_for(lambda: router.run("ls /tmp/going", check=False).stdout, "it goes back")
    pulse = router.run("cat /var/run/pfrack_checkpoint").stdout
    late.line.start("call", op, dict(LATE[op], holder=ONE, revision=revision))
    wait_for(lambda: router.run("cat /var/run/pfrack_checkpoint").stdout != pulse, "the late request has arrived")
    router.run("rm /tmp/going")
    assert other.answer()["result"]["rolled_back"]
    other.end()
    assert late.line.answer()["error"]["kind"] == "rolled_back"
    assert router.run("readlink /tftpboot/pfrack/current").stdout == "one\n"


def test_a_run_that_slept_while_others_came_and_went_changes_nothing_more(router, run):
    one, two, three = run(), run(TWO), run(THREE)
    one.arm(timeout=600)
    one.commit([set_("virtualip/vip", [VIP])], ["virtual_ip"])
    three.port.rollback(checkpoint=three.port.checkpoint_status()["checkpoint"]["id"], why="asked for by rollback.yml")
    late = (
        lambda: one.commit([set_("system/domain", "late.example")]),
        lambda: one.port.point("/tftpboot", {"current": "x"}),
        one.port.confirm,
    )

    def refused():
        for attempt in late:
            with pytest.raises(RouterError) as caught:
                attempt()
            assert caught.value.kind == "rolled_back" and "rollback.yml" in caught.value.message
        assert one.port.rollback()["before"]["holder"] == ONE

    two.arm()
    two.commit([set_("system/domain", "two.example")])
    refused()
    two.port.confirm()
    refused()
    three.arm()
    three.port.rollback()
    refused()
    assert one.section("system/domain") == "two.example" and not one.section("virtualip")
    one.arm()
    one.commit([set_("system/domain", "late.example")])
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
