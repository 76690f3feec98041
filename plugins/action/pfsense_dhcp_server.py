# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's side of pfsense_dhcp_server."""

from __future__ import annotations

from ansible_collections.pfrack.cluster.plugins.module_utils.desired import dhcp_server
from ansible_collections.pfrack.cluster.plugins.module_utils.specs.pfsense_dhcp_server import SPEC
from ansible_collections.pfrack.cluster.plugins.plugin_utils.router_action import RouterAction


class ActionModule(RouterAction):
    """Converges a DHCP scope and its static mappings in one round trip."""

    SPEC = SPEC

    def act(self, router, params):
        return self.converge(router, dhcp_server, params, "DHCP server")
