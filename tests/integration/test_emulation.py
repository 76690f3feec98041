# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's pfSense behaves as the real one does where our agent depends on it, strange parts included."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path

import pytest
from clients import dhcp_lease, wait_for

MAC = "52:54:00:00:0e:01"
RELEASES = [("2.8", "isc"), ("2.7", "isc")]
ROUTERS = [("2.8", "isc"), ("2.8", "kea"), ("2.7", "isc"), ("2.7", "kea")]
LOAD = """
require_once('config.inc'); require_once('functions.inc'); require_once('unbound.inc');
require_once('pkg-utils.inc'); global $config;
function reread() { global $config; if (function_exists('config_read_file')) { config_read_file(true); }
    else { $config = parse_config(true); } }
function b64($text) { return base64_encode($text); }
"""

releases = pytest.mark.parametrize("rack", RELEASES, indirect=True, ids="-".join)
routers = pytest.mark.parametrize("rack", ROUTERS, indirect=True, ids="-".join)


def php(router, code: str):
    """The value that the code leaves in $out."""
    result = router.php(LOAD + f"$out = null; ob_start(); {code}\nob_end_clean(); echo json_encode($out);")
    return json.loads(result.stdout)


def apply_dhcp() -> str:
    return "function_exists('dhcp_apply_changes') ? dhcp_apply_changes() : services_dhcpd_configure();"


def mapping(hostname: str) -> str:
    return f"['mac' => '{MAC}', 'ipaddr' => '10.10.0.11', 'hostname' => '{hostname}']"


def answer(router, name: str) -> str:
    return router.run(["dig", "+short", "+time=1", "+tries=1", "@10.10.0.1", name], check=False).stdout.strip()


def edit_file(router, old: str, new: str) -> None:
    """Change config.xml as a hand editor would, without touching the cache."""
    text = router.run("cat /cf/conf/config.xml").stdout
    assert old in text
    router.run(["tee", "/cf/conf/config.xml"], input=text.replace(old, new, 1))


# config.xml


@releases
def test_values_after_a_write_are_those_of_the_file(router):
    out = php(
        router,
        """
        config_set_path('x', ['flag' => true, 'no' => false, 'null' => null, 'empty' => [], 'number' => 7,
            'item' => [3 => ['a' => 'b'], 9 => 'text', 12 => []], 'vip' => [], 'descr' => "R&D <é> 'x'",
            'plain' => 'a<b&c']);
        write_config('round trip'); $memory = config_get_path('x'); reread();
        $out = [$memory, config_get_path('x')];
        """,
    )
    expected = {"flag": "", "null": "", "empty": "", "number": "7", "item": [{"a": "b"}, "text"],
                "descr": "R&D <é> 'x'", "plain": "a<b&c"}  # fmt: skip
    assert out[0] == expected
    assert out[1] == expected


@releases
def test_descriptions_are_escaped_inside_cdata(router):
    php(router, "config_set_path('x', ['description' => 'R&D', 'name' => 'R&D']); write_config('t');")
    text = router.run("cat /cf/conf/config.xml").stdout
    assert "<description><![CDATA[R&amp;D]]></description>" in text
    assert "<name>R&amp;D</name>" in text


@releases
def test_names_are_lowered_and_attributes_dropped(router):
    edit_file(router, "</pfsense>", '<Foo bar="1"><BAR>\n\tv\n</BAR></Foo></pfsense>')
    assert php(router, "reread(); $out = config_get_path('foo');") == {"bar": "v"}


@releases
def test_the_cache_hides_an_edited_file(router):
    edit_file(router, "<hostname>pfSense</hostname>", "<hostname>other</hostname>")
    assert php(router, "$out = config_get_path('system/hostname');") == "pfSense"
    router.run("rm /tmp/config.cache")
    assert php(router, "$out = config_get_path('system/hostname');") == "other"


@releases
def test_a_doubled_element_brings_the_newest_backup_back(router):
    php(router, "config_set_path('x', 'one'); write_config('first');")
    php(router, "config_set_path('x', 'two'); $config['revision']['time'] = 1000; write_config('second');")
    edit_file(router, "</pfsense>", "<system></system></pfsense>")
    router.run("rm /tmp/config.cache")
    php(router, "")
    assert php(router, "$out = [config_get_path('x'), is_array(get_notices())];") == ["one", True]
    assert "<system></system></pfsense>" not in router.run("cat /cf/conf/config.xml").stdout


@releases
def test_paths(router):
    out = php(
        router,
        """
        config_set_path('x', ['s' => 'text', 'e' => '', 'l' => ['a']]);
        $out = [
            'empty with default' => config_get_path('x/e', 'd'),
            'empty without' => config_get_path('x/e'),
            'below scalar' => config_set_path('x/s/deep', 1, 'refused'),
            'below empty' => config_set_path('x/e/deep', 1, 'refused'),
            'append' => config_set_path('x/l/', 'b'),
            'list' => config_get_path('x/l'),
            'double slash' => config_get_path('x//l', 'bad'),
            'enabled empty' => config_path_enabled('x', 's'),
            'enabled missing' => config_path_enabled('x', 'nothing'),
            'deleted' => config_del_path('x/l/0'),
            'gap' => array_keys(config_get_path('x/l')),
        ];
        """,
    )
    assert out == {"empty with default": "d", "empty without": "", "below scalar": "refused", "below empty": 1,
                   "append": "b", "list": ["a", "b"], "double slash": "bad", "enabled empty": True,
                   "enabled missing": False, "deleted": "a", "gap": [1]}  # fmt: skip


# History


@releases
def test_history_is_named_after_the_replaced_revision(router):
    out = php(
        router,
        """
        $config['revision']['time'] = 1500000000; write_config('one'); $first = config_get_path('revision/time');
        $config['revision']['time'] = 1500000000; write_config('two');
        $names = array_map('basename', glob('/cf/conf/backup/config-*.xml'));
        $out = [$names, config_get_path('revision'), array_column(array_slice(get_backups(), 0, -1), 'time')];
        """,
    )
    assert out[0] == ["config-1500000000.xml"]
    assert out[1]["description"] == "(system): two"
    assert out[1]["username"] == "(system)"
    assert out[2] == [1500000000]


@releases
def test_history_is_pruned_to_thirty(router):
    out = php(
        router,
        "for ($i = 1; $i <= 35; $i++) { $config['revision']['time'] = 1500000000 + $i; write_config('w'); }"
        "$out = array_map('basename', glob('/cf/conf/backup/config-*.xml'));",
    )
    assert len(out) == 30
    assert "config-1500000005.xml" not in out
    assert "config-1500000006.xml" in out


@releases
def test_restore_has_opposite_results_in_the_releases(router, rack):
    out = php(
        router,
        """
        config_set_path('x', 'before'); $config['revision']['time'] = 1500000000; write_config('a');
        config_set_path('revision/time', 1500000001); write_config('b');
        config_set_path('x', 'after'); config_set_path('revision/time', 1500000002); write_config('c');
        $new = function_exists('config_read_file'); $file = '/conf/backup/config-1500000002.xml';
        $good = $new ? config_restore($file, 'test') : config_restore($file);
        $bad = $new ? config_restore('/conf/backup/none.xml', 'test') : config_restore('/conf/backup/none.xml');
        $out = [$new, $good, $bad, config_get_path('x'), config_get_path('revision/description')];
        """,
    )
    assert out[0] is (php(router, "$out = g_get('product_version');").startswith("2.8"))
    assert out[1:3] == ([True, False] if out[0] else [0, 1])
    assert out[3] == "before"
    assert out[4].startswith("(system): Reverted to ")


@releases
def test_a_full_disk_makes_write_config_return_minus_one(router):
    router.fill_disk("/cf")
    try:
        assert php(router, "config_set_path('x', str_repeat('y', 9000)); $out = write_config('full');") == -1
    finally:
        router.free_disk("/cf")
    assert php(router, "reread(); $out = config_get_path('x');") is None


@releases
def test_locks_are_shared_unless_asked(router):
    out = php(
        router,
        "$a = lock('t'); $b = lock('t'); $out = [is_resource($b)]; unlock($a); unlock($b);"
        "$c = lock('t', LOCK_EX); $out[] = try_lock('t', 0) === null; unlock($c); $d = try_lock('t', 0);"
        "$out[] = is_resource($d);",
    )
    assert out == [True, True, True]


@releases
def test_functions_tell_the_releases_apart(router):
    new = php(router, "$out = str_starts_with(g_get('product_version'), '2.8');")
    names = ["config_read_file", "dhcp_apply_changes", "array_merge_override_recursive"]
    assert php(router, f"$out = array_map('function_exists', {json.dumps(names)});") == [new] * 3


# Interfaces and virtual addresses


@releases
def test_interface_lookups(router):
    out = php(
        router,
        "config_del_path('interfaces/lan/descr'); config_set_path('interfaces/wan/descr', 'Up link');"
        "$out = [get_configured_interface_with_descr(), get_real_interface('lan'), get_interface_ip('lan'),"
        "get_interface_subnet('lan'), convert_real_interface_to_friendly_interface_name('em0')];",
    )
    assert out == [{"wan": "UP LINK", "lan": "LAN"}, "em1", "10.10.0.1", "24", "wan"]


@releases
def test_virtual_addresses_go_up_and_down(router):
    addresses = "ip -o -4 addr show dev em1"
    php(
        router,
        """
        $a = ['mode' => 'ipalias', 'interface' => 'lan', 'uniqid' => 'a', 'subnet' => '10.10.0.20',
            'subnet_bits' => 32];
        $c = ['mode' => 'carp', 'vhid' => 1, 'password' => 'p', 'subnet' => '10.10.0.21', 'uniqid' => 'c'] + $a;
        config_set_path('virtualip/vip', [$a, $c]); write_config('t');
        interface_ipalias_configure($a); interface_carp_configure($c);
        $lost = ['uniqid' => 'unknown', 'subnet' => '10.10.0.22'] + $a; interface_ipalias_configure($lost);
        """,
    )
    up = router.run(addresses).stdout
    assert "10.10.0.20/32" in up
    assert "10.10.0.21/32" in up
    assert "10.10.0.22" not in up
    php(router, "foreach (config_get_path('virtualip/vip') as $vip) { interface_vip_bring_down($vip); }")
    assert "10.10.0.2" not in router.run(addresses).stdout.replace("10.10.0.255", "")


# DHCP


@routers
def test_clients_get_mapped_and_pool_addresses_and_their_boot_file(router, node, rack):
    php(
        router,
        f"""
        foreach (['netboot' => '', 'nextserver' => '10.10.0.1', 'filename' => 'bios.kpxe', 'filename64' => 'efi64.efi',
            'filename64arm' => 'arm64.efi'] as $field => $value) {{ config_set_path("dhcpd/lan/$field", $value); }}
        config_set_path('dhcpd/lan/staticmap', [{mapping("mapped.x")}]);
        write_config('t'); {apply_dhcp()}
        """,
    )
    mapped, other = node("em-mapped", MAC), node("em-other", "52:54:00:00:0e:02")
    kea = "kea" in rack.name
    # ISC sends the BOOTP field, Kea option 67.
    field = "bootfile" if kea else "boot_file"
    for firmware, file in (("uefi64", "efi64.efi"), ("uefi_arm64", "arm64.efi"), ("bios", "bios.kpxe")):
        lease = dhcp_lease(mapped, firmware)
        assert (lease["ip"], lease["siaddr"], lease[field]) == ("10.10.0.11", "10.10.0.1", file)
        assert lease["hostname"] == "mapped_x"
        assert lease["router"] == "10.10.0.1"
    assert dhcp_lease(other)["ip"].startswith("10.10.0.1")
    leases = php(router, "$out = system_get_dhcpleases(false)['lease'];")
    found = {lease["mac"]: (lease["type"], lease["act"], lease["ip"]) for lease in leases}
    assert found[MAC] == ("static", "static", "10.10.0.11")
    assert found["52:54:00:00:0e:02"][:2] == ("dynamic", "active")
    service = "kea-dhcp4" if kea else "dhcpd"
    assert php(router, f"$out = get_service_status(['name' => '{service}']);") is True


@routers
def test_a_pool_outside_the_subnet_is_skipped_with_a_notice(router, node):
    php(router, f"config_set_path('dhcpd/lan/pool', [['range' => ['from' => '10.9.0.1', 'to' => '10.9.0.9']]]);"
                f"write_config('t'); {apply_dhcp()}")  # fmt: skip
    assert "Invalid DHCP pool 10.9.0.1" in json.dumps(php(router, "$out = array_values(get_notices());"))
    assert dhcp_lease(node("em-pool"))["ip"].startswith("10.10.0.1")


@pytest.mark.parametrize("rack", [("2.8", "kea")], indirect=True, ids="-".join)
def test_a_refused_custom_part_of_kea_is_dropped_silently(router, node):
    code = "config_set_path('kea/custom_kea_config', b64('%s')); write_config('t'); $out = services_dhcpd_configure();"
    assert php(router, code % '{"no-such-key": 1}') is None
    assert "Failed to lint" in json.dumps(php(router, "$out = array_values(get_notices());"))
    assert "no-such-key" not in router.run("cat /usr/local/etc/kea/kea-dhcp4.conf").stdout
    assert dhcp_lease(node("em-custom"))["ip"].startswith("10.10.0.1")
    php(router, code % '{"valid-lifetime": 1234}')
    assert json.loads(router.run("cat /usr/local/etc/kea/kea-dhcp4.conf").stdout)["Dhcp4"]["valid-lifetime"] == 1234


# DNS


def forwarder(options: str = "", more: str = "") -> str:
    text = base64.b64encode(options.encode()).decode()
    return (
        f"config_del_path('unbound/enable'); config_set_path('dnsmasq', ['enable' => '', 'custom_options' => '{text}',"
        f"'hosts' => [['host' => 'web', 'domain' => 'apps.example', 'ip' => '10.10.0.30']], 'regdhcpstatic' => '']);"
        f"{more} write_config('t'); services_unbound_configure(false); $out = services_dnsmasq_configure();"
    )


@routers
def test_dnsmasq_answers_wildcards_overrides_and_mapped_names(router):
    php(
        router,
        forwarder(
            "address=/w.example/10.10.0.20\n\tcache-size=7",
            f"config_set_path('dhcpd/lan/staticmap', [{mapping('n1')}]);",
        ),
    )
    wait_for(lambda: answer(router, "x.w.example") == "10.10.0.20", "the wildcard")
    assert answer(router, "web.apps.example") == "10.10.0.30"
    assert answer(router, "n1.lab.example") == "10.10.0.11"
    command = router.run("tr '\\0' ' ' < /proc/$(cat /var/run/dnsmasq.pid)/cmdline").stdout
    assert "-C /dev/null" in command
    assert "--cache-size=7" in command
    assert "--cache-size=10000" not in command
    assert php(router, "$out = is_service_running('unbound');") is False


@releases
def test_a_refused_option_of_dnsmasq_is_not_reported(router):
    assert php(router, forwarder("no such option")) == 0
    wait_for(lambda: not php(router, "$out = is_service_running('dnsmasq');"), "dnsmasq ends")


@releases
def test_dnsmasq_loses_the_port_to_unbound_silently(router):
    code = "config_set_path('dnsmasq', ['enable' => '']); write_config('t'); $out = services_dnsmasq_configure();"
    assert php(router, code) == 0
    wait_for(lambda: not php(router, "$out = is_service_running('dnsmasq');"), "dnsmasq ends")
    assert php(router, "$out = is_service_running('unbound');") is True


@routers
def test_unbound_answers_and_its_options_are_tested(router):
    good = 'server:\nlocal-zone: \\"w.example.\\" redirect\nlocal-data: \\"w.example. 60 IN A 10.10.0.20\\"'
    out = php(
        router,
        f"""
        $bad = config_get_path('unbound'); $bad['custom_options'] = b64("server:\\nnonsense: 1");
        $refused = test_unbound_config($bad, $words);
        config_set_path('unbound/custom_options', b64("{good}")); config_set_path('unbound/regdhcpstatic', '');
        config_set_path('unbound/hosts', [['host' => 'web', 'domain' => 'apps.example',
            'ip' => '10.10.0.30,10.10.0.31']]);
        config_set_path('dhcpd/lan/staticmap', [{mapping("n1")}]);
        $taken = test_unbound_config(config_get_path('unbound'), $silence);
        write_config('t'); services_unbound_configure();
        $out = [$refused, implode($words), $taken];
        """,
    )
    assert out[0] != 0
    assert "nonsense" in out[1]
    assert out[2] == 0
    wait_for(lambda: answer(router, "x.w.example") == "10.10.0.20", "the wildcard")
    assert set(answer(router, "web.apps.example").split()) == {"10.10.0.30", "10.10.0.31"}
    assert answer(router, "n1.lab.example") == "10.10.0.11"


@pytest.mark.parametrize("rack", RELEASES, indirect=True, ids="-".join)
@pytest.mark.parametrize("service", ["unbound", "dnsmasq"])
def test_names_of_isc_leases_reach_dns(router, node, service):
    php(router, f"config_del_path('unbound/enable'); config_set_path('{service}/enable', '');"
                f"config_set_path('{service}/regdhcp', ''); write_config('t'); services_unbound_configure(false);"
                "services_dnsmasq_configure();")  # fmt: skip
    node("em-lease").run(["busybox", "udhcpc", "-f", "-q", "-n", "-i", "eth0", "-x", "hostname:leased"])
    wait_for(lambda: answer(router, "leased.lab.example").startswith("10.10.0."), "the lease's name")


# The rest


@releases
def test_filter_configure_comes_later_and_from_the_file(router):
    router.run("rm -f /tmp/rules.debug")
    assert php(router, "$out = [filter_configure(), file_exists('/tmp/rules.debug')];") == [0, False]
    wait_for(lambda: router.run("test -s /tmp/rules.debug", check=False).returncode == 0, "the rules")


@releases
def test_admin_gets_commands_and_root_a_menu_on_a_terminal(router):
    assert router.run(["/etc/rc.initial", "-c", "echo $((6 * 7))"]).stdout == "42\n"
    menu = router.run("SSH_TTY=/dev/pts/0 sh /root/.profile </dev/null", check=False).stdout
    assert "8) Shell" in menu
    assert router.run("TERM=dumb; . /root/.profile; echo done").stdout == "done\n"


@releases
def test_keys_of_the_configuration_replace_those_on_disk(router):
    code = "foreach (config_get_path('system/user') as $user) { $user['authorizedkeys'] = b64('ssh-x KEY'); "
    php(router, code + "local_user_set($user); }")
    assert router.run("cat /root/.ssh/authorized_keys").stdout == "ssh-x KEY\n"


PROBE = """<?xml version="1.0"?><pfsense><A b="1"> x\n y </A><item><descr><![CDATA[R&amp;D &eacute;]]></descr></item>
<item></item><vip></vip><e></e><n><range><from>1</from></range></n><s>   </s><t>a&lt;b<u/></t2></pfsense>"""


def test_the_sources_read_and_write_the_same(router):
    """Our reader and writer against pfSense's own, from a checkout (2.8 or near) given by PFSENSE_SRC."""
    source = os.environ.get("PFSENSE_SRC")
    if not source:
        pytest.skip("set PFSENSE_SRC to a checkout of pfSense: its code is not ours to ship")
    real = (Path(source) / "src/etc/inc/xmlparse.inc").read_text()
    router.run(["tee", "/tmp/real.inc"], input=real)
    for probe in (PROBE, PROBE.replace("<t>a&lt;b<u/></t2>", ""), PROBE.replace("<t>a&lt;b<u/></t2>", "<e/>")):
        router.run(["tee", "/tmp/probe.xml"], input=probe)
        code = """
            function_exists('gettext') || eval('function gettext($t) { return $t; }');
            $c = parse_xml_config('/tmp/probe.xml', 'pfsense'); $tags = array_keys(listtags()); sort($tags);
            echo json_encode([$c, is_array($c) ? dump_xml_config($c, 'pfsense') : '', $tags]);
        """
        theirs = router.php("function log_error($t) {} require('/tmp/real.inc');" + code).stdout
        assert json.loads(router.php("require('config.inc');" + code).stdout) == json.loads(theirs)
