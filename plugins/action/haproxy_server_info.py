# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's side of haproxy_server_info."""

from __future__ import annotations

import time

from ansible_collections.pfrack.cluster.plugins.module_utils.backend_sync.observe import look
from ansible_collections.pfrack.cluster.plugins.module_utils.errors import DesiredError
from ansible_collections.pfrack.cluster.plugins.module_utils.specs.haproxy_server_info import SPEC
from ansible_collections.pfrack.cluster.plugins.plugin_utils.router_action import RouterAction

PAUSE = 0.5


class ActionModule(RouterAction):
    """The servers of the running HAProxy; waits for some of them when asked to."""

    SPEC = SPEC

    def act(self, router, params):
        deadline = time.monotonic() + params["timeout"]
        while True:
            state = look(router).state or {}
            servers = {
                "%s/%s" % (backend, name): {"up": server.up, "ready": server.ready}
                for backend, entries in state.items()
                for name, server in entries.items()
            }
            down = [place for place in servers if place.split("/", 1)[1] in params["up"] and not servers[place]["up"]]
            if not down:
                return {"servers": servers}
            if time.monotonic() >= deadline:
                raise DesiredError(
                    "%s: HAProxy does not find it up within %d s; look at the service on the node"
                    % (", ".join(sorted(down)), params["timeout"])
                )
            time.sleep(PAUSE)
