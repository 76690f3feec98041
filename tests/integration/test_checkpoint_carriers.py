# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checkpoints over the router's web server: a run that dies is taken back, whichever way it came."""

from __future__ import annotations

import pytest
from api_line import ApiLine, install_rest
from clients import wait_for
from fleet import agent_source
from playbook_run import Site, give_up_port_80
from router_state import leftovers, sections

HOLDER = "deis@other (ansible-playbook, process 2)"


def packed_agent():
    """As Router.checkpoint() sends it."""
    import base64
    import zlib

    engine = zlib.compressobj(9, zlib.DEFLATED, -15)
    return base64.b64encode(engine.compress(agent_source().encode()) + engine.flush()).decode()


@pytest.mark.parametrize("carrier", ["xmlrpc", "rest"])
def test_a_killed_site_yml_is_taken_back_and_others_wait(rack, router, tmp_path, carrier):
    give_up_port_80(router)
    install_rest(router)
    for package in ("haproxy", "tftpd"):
        router.run(["/usr/local/sbin/pfSense-upgrade", "-y", "-i", f"pfSense-pkg-{package}"])
    other = ApiLine(rack, carrier)
    other.good("hello")
    before = sections(router)
    site = Site(rack, tmp_path)
    site.router_vars = {"lab_carrier": carrier}
    site.settings["checkpoint_timeout"] = 15
    process = site.start()
    try:
        wait_for(lambda: "[pfrack]" in router.run("cat /cf/conf/config.xml").stdout, "the first change", 180)
        for pid in rack.controller.run(["pgrep", "-f", f"ansible-playbook -i {site.directory}"]).stdout.split():
            rack.controller.run(["kill", "-9", pid], check=False)
        process.wait(60)
        arm = {"timeout": 60, "agent": packed_agent(), "holder": HOLDER}
        assert other.bad("checkpoint", arm)["kind"] == "busy"
        wait_for(lambda: not leftovers(router), "the router has gone back", 120)
        assert sections(router) == before
        assert other.good("checkpoint", arm)["holder"] == HOLDER
        assert other.good("confirm", {"holder": HOLDER})["changes"] == 0
    finally:
        process.kill()
        process.communicate()
        other.end()
    wait_for(lambda: not leftovers(router), "nothing is left", 60)
