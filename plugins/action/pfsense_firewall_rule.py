# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's side of pfsense_firewall_rule."""

from __future__ import annotations

from ansible_collections.pfrack.cluster.plugins.module_utils.desired import firewall_rule
from ansible_collections.pfrack.cluster.plugins.module_utils.specs.pfsense_firewall_rule import SPEC
from ansible_collections.pfrack.cluster.plugins.plugin_utils.router_action import RouterAction


class ActionModule(RouterAction):
    """Converges the rules in one round trip."""

    SPEC = SPEC

    def act(self, router, params):
        return self.converge(router, firewall_rule, params, "firewall rules")
