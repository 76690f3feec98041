# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's side of pfsense_dns_resolver."""

from __future__ import annotations

from ansible_collections.pfrack.cluster.plugins.module_utils.desired import dns_resolver
from ansible_collections.pfrack.cluster.plugins.module_utils.specs.pfsense_dns_resolver import SPEC
from ansible_collections.pfrack.cluster.plugins.plugin_utils.router_action import RouterAction


class ActionModule(RouterAction):
    """Converges the DNS resolver in one round trip."""

    SPEC = SPEC

    def act(self, router, params):
        return self.converge(router, dns_resolver, params, "DNS resolver")
