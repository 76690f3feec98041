# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Others who write while we do: an admin who saves without a pause, a second automation, a package.

An admin's page reads the configuration, changes it and saves all of it. It may save over us, which we then notice;
we never save over it.
"""

from __future__ import annotations

import pytest
from checkpoint_run import ONE, VIP, Run, set_
from clients import wait_for
from router_line import RouterLine

EVERY = [("2.8", "isc"), ("2.7", "isc")]
# Reads again before each save, as a GUI page does, and goes on until it is told to stop.
ADMIN = """require_once('config.inc');
for ($i = 0; $i < 400 && !file_exists('/tmp/enough'); $i++) {
    function_exists('config_read_file') ? config_read_file(true) : $config = parse_config(true);
    config_set_path('aliases/alias/', ['name' => "admin$i", 'type' => 'host', 'address' => '10.10.0.250']);
    write_config("the admin saves $i");
    file_put_contents('/tmp/saved', "admin$i\\n", FILE_APPEND);
    usleep(mt_rand(30000, 500000));
}"""


def names(line, path):
    return [entry["name"] for entry in line.section(path) or []]


def mapping(number):
    return {"mac": f"52:54:00:10:00:{number:02x}", "ipaddr": f"10.10.0.{number}", "descr": "[pfrack]"}


def add(line, path, entry):
    """Add an entry to a list as a module does it: read, commit, and again after a conflict."""
    for _attempt in range(100):
        seen = line.good("read", {"paths": [path]})
        items = [{"keep": index} for index in range(len(seen["sections"][path] or []))] + [{"value": entry}]
        operation = {"op": "arrange", "path": path.split("/"), "items": items}
        params = {"revision": seen["revision"], "operations": [operation], "services": [], "description": "a test"}
        answer = line.call("commit", params)
        if answer["ok"]:
            return
        assert answer["error"]["kind"] in ("conflict", "busy"), answer["error"]
    raise AssertionError("no commit went through between the admin's saves")


@pytest.mark.parametrize("rack", EVERY, indirect=True)
def test_no_save_of_an_admin_is_lost_however_fast(rack, router):
    line = RouterLine(rack)
    admin = router.popen(["/usr/local/bin/php", "-r", ADMIN])
    wait_for(lambda: router.run("test -s /tmp/saved", check=False).returncode == 0, "the admin's first save", 60)
    for number in range(20, 220):
        add(line, "dhcpd/lan/staticmap", mapping(number))
        if number >= 40 and len(router.run(["cat", "/tmp/saved"]).stdout.split()) > 2:
            break
    router.run("touch /tmp/enough")
    assert admin.wait(60) == 0
    saved = router.run(["cat", "/tmp/saved"]).stdout.split()
    assert len(saved) > 2 and names(line, "aliases/alias") == saved
    line.end()


def test_two_automations_and_a_package_lose_nothing(rack, router):
    one, two = RouterLine(rack), RouterLine(rack)
    package = router.popen(["/usr/local/sbin/pfSense-upgrade", "-y", "-i", "pfSense-pkg-Filer"], stdout=-1, stderr=-2)
    for number in range(20, 32):
        for line, path, entry in (
            (one, "dhcpd/lan/staticmap", mapping(number)),
            (two, "aliases/alias", {"name": f"host{number}", "type": "host", "address": f"10.10.0.{number}"}),
        ):
            add(line, path, entry)
    output, _rest = package.communicate(timeout=60)
    assert package.returncode == 0, output
    assert names(one, "aliases/alias") == [f"host{number}" for number in range(20, 32)]
    assert [entry["mac"] for entry in one.section("dhcpd/lan/staticmap")] == [mapping(n)["mac"] for n in range(20, 32)]
    assert "Filer" in names(one, "installedpackages/package")
    one.end()
    two.end()


def test_a_run_that_was_saved_over_says_so_and_goes_back(rack, router):
    """An admin opened a page before our commit and saves it after: what we wrote is gone."""
    stale = router.run(["cat", "/cf/conf/config.xml"]).stdout
    run = Run(rack, ONE)
    run.arm()
    run.commit([set_("virtualip/vip", [VIP])])
    run.commit([set_("aliases/alias", [{"name": "ours", "type": "host", "address": "10.10.0.7"}])])
    run.line.commit([set_("system/hostname", "other")], [], good=False)  # busy: that is another holder
    router.run(["tee", "/cf/conf/config.xml"], input=stale.replace("pfSense</hostname>", "theirs</hostname>"))
    with pytest.raises(Exception, match="saved over what this run had changed: .*virtualip.*aliases"):
        run.port.confirm()
    run.port.rollback()
    assert run.section("system/hostname") == "theirs" and not run.section("virtualip/vip")
    run.line.end()


def test_additions_of_others_are_no_reason_to_go_back(rack, router):
    run = Run(rack, ONE)
    run.arm()
    run.commit([set_("virtualip/vip", [VIP])])
    run.commit([{"op": "set", "path": ["virtualip", "vip", 0, "descr"], "value": "y [pfrack]"}])
    router.php(
        """require_once('config.inc');
        config_set_path('virtualip/vip/', ['mode' => 'ipalias', 'interface' => 'lan', 'subnet' => '10.10.0.99',
            'subnet_bits' => '32', 'descr' => 'theirs', 'uniqid' => '5f2', 'type' => 'single']);
        config_set_path('system/hostname', 'theirs');
        write_config('an admin adds an address');"""
    )
    assert run.port.confirm()["changes"] == 2
    assert [entry["descr"] for entry in run.section("virtualip/vip")] == ["y [pfrack]", "theirs"]
    run.line.end()
