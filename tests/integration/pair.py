# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An inventory with two routers that stand in for each other, and what can be asked of them."""

from __future__ import annotations

import json
import re

from clients import wait_for
from playbook_run import Outcome, Site, give_up_port_80

VIP = "10.10.0.10"
CARP = {"address": VIP, "mode": "carp", "vhid": 10, "password": "vrrp-secret"}
SECOND = {
    "ansible_host": "10.10.0.3",
    "ha_primary": "router1",
    "ansible_httpapi_ca_path": "{{ lab_run_directory }}/router2/webgui.crt",
}


def pair_site(rack, directory) -> Site:
    """The lab's inventory, with a pair in the place of the one router."""
    site = Site(rack, directory)
    site.hosts["all"]["children"]["routers"]["hosts"]["router2"] = dict(SECOND)
    site.settings["cluster_virtual_ips"] = [dict(CARP)]
    return site


def fresh_pair(rack) -> None:
    """Both routers in their first state, as an admin leaves them who wants services on port 80."""
    rack.reset()
    for router in (rack.router2, rack.router):
        give_up_port_80(router)
    # What pfSense writes on the second router in a moment would be based on what stands there now.
    sending = ["pgrep", "-f", "rc.filter_synchronize"]
    wait_for(lambda: rack.router.run(sending, check=False).returncode, "pfSense has taken it across")


def changed(outcome: Outcome, host: str) -> int:
    """How many tasks changed something on that router."""
    found = re.search(rf"^{host}\s*: ok=\d+\s+changed=(\d+)", outcome.output, re.M)
    assert found, outcome.output
    return int(found.group(1))


def config(router, path: str) -> object:
    """What stands at the path of config.xml, null when nothing does."""
    return json.loads(router.php(f"require_once('config.inc'); echo json_encode(config_get_path('{path}'));").stdout)


def carp_state(router) -> str:
    """MASTER or BACKUP of the virtual IP, empty when the router has none."""
    return router.php(
        f"""require_once('config.inc'); require_once('functions.inc'); require_once('interfaces.inc');
        foreach (config_get_path('virtualip/vip', []) as $vip)
            if ($vip['subnet'] === '{VIP}') echo get_carp_interface_status("_vip{{$vip['uniqid']}}");"""
    ).stdout
