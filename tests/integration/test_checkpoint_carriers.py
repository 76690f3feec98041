# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checkpoints over the router's web server: a run that dies is taken back, whichever way it came."""

from __future__ import annotations

import pytest
from api_line import ApiLine, install_rest
from clients import wait_for
from fleet import Router, RouterError, agent_source
from playbook_run import Site, give_up_port_80
from router_state import leftovers, sections

HOLDER = "deis@other (ansible-playbook, process 2)"


@pytest.mark.parametrize("carrier", ["xmlrpc", "rest"])
def test_a_killed_site_yml_is_taken_back_and_others_wait(rack, router, tmp_path, carrier):
    give_up_port_80(router)
    install_rest(router)
    for package in ("haproxy", "tftpd"):
        router.run(["/usr/local/sbin/pfSense-upgrade", "-y", "-i", f"pfSense-pkg-{package}"])
    other = ApiLine(rack, carrier)
    port = Router(lambda op, params: other.call(op, dict(params, holder=HOLDER)))
    before = sections(router)
    site = Site(rack, tmp_path)
    site.router_vars = {"lab_carrier": carrier}
    site.settings["checkpoint_timeout"] = 25
    process = site.start()
    try:
        wait_for(lambda: "[pfrack]" in router.run("cat /cf/conf/config.xml").stdout, "the first change", 180)
        for pid in rack.controller.run(["pgrep", "-f", f"ansible-playbook -i {site.directory}"]).stdout.split():
            rack.controller.run(["kill", "-9", pid], check=False)
        process.wait(60)
        with pytest.raises(RouterError) as caught:
            port.checkpoint(60, agent_source())
        assert caught.value.kind == "busy"
        wait_for(lambda: not leftovers(router), "the router has gone back", 120)
        assert sections(router) == before
        assert port.checkpoint(60, agent_source())["holder"] == HOLDER
        assert port.confirm()["changes"] == 0
    finally:
        process.kill()
        process.communicate()
        other.end()
    wait_for(lambda: not leftovers(router), "nothing is left", 60)
    # Such a run has no session that ends: what it staged goes with its checkpoint.
    staged = "ls -d /tmp/pfrack-run-* /tftpboot/.pfrack-stage-0-*"
    wait_for(lambda: router.run(staged, check=False).stdout == "", "the killed run's own files are gone", 60)
