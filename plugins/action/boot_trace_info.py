# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's side of boot_trace_info."""

from __future__ import annotations

from ansible_collections.pfrack.cluster.plugins.module_utils.boot.trace import trace
from ansible_collections.pfrack.cluster.plugins.module_utils.errors import DesiredError
from ansible_collections.pfrack.cluster.plugins.module_utils.inventory.addresses import mac_address
from ansible_collections.pfrack.cluster.plugins.module_utils.specs.boot_trace_info import SPEC
from ansible_collections.pfrack.cluster.plugins.plugin_utils.router_action import RouterAction


class ActionModule(RouterAction):
    """Asks the router for what it knows of the machines, and says what that means."""

    SPEC = SPEC

    def act(self, router, params):
        macs = {}
        for node in params["nodes"]:
            try:
                macs[node["name"]] = mac_address(node["mac_address"])
            except ValueError as error:
                raise DesiredError("%s: mac_address: %s: %s" % (node["name"], node["mac_address"], error)) from None
        told = router._result(router._call("boot_trace", {"macs": sorted(set(macs.values()))}))
        # PHP sends an empty map as a list.
        machines = told.get("machines") or {}
        addresses = {
            node["name"]: node["address"] or next(iter(reversed(machines[macs[node["name"]]]["addresses"])), None)
            for node in params["nodes"]
        }
        asked = [name for name in macs if addresses[name]]
        targets = [{"address": addresses[name], "port": params["port"]} for name in asked]
        answers = dict(zip(asked, router.probe(targets) if targets else [], strict=True))
        nodes, lines = {}, []
        for name, mac in macs.items():
            up = bool(answers.get(name, {}).get("ok"))
            # The live system has an SSH server too.
            nodes[name] = trace(machines[mac], told["services"])
            if up and nodes[name]["stage"] in (None, "dhcp", "loader", "menu", "installed"):
                nodes[name] = trace(machines[mac], told["services"], answers=True)
            nodes[name]["answers"] = up
            lines.append("%s: %s; %s" % (name, nodes[name]["text"], nodes[name]["advice"]))
        return {"changed": False, "nodes": nodes, "services": told["services"], "report": lines}
