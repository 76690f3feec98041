# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's side of haproxy_server_info."""

from __future__ import annotations

import time

from ansible_collections.pfrack.cluster.plugins.module_utils.backend_sync import config
from ansible_collections.pfrack.cluster.plugins.module_utils.backend_sync.observe import look, meant_to_run
from ansible_collections.pfrack.cluster.plugins.module_utils.errors import DesiredError
from ansible_collections.pfrack.cluster.plugins.module_utils.specs.haproxy_server_info import SPEC
from ansible_collections.pfrack.cluster.plugins.plugin_utils.router_action import RouterAction

# The agent waits no longer in one request.
LONGEST_WAIT = 60


class ActionModule(RouterAction):
    """The servers of the running HAProxy; waits for some of them when asked to."""

    SPEC = SPEC

    def act(self, router, params):
        deadline = time.monotonic() + params["timeout"]
        # Taken before the first look, so that what happens after it ends the wait.
        token = router.wait(timeout=0)["token"] if params["up"] else ""
        while True:
            view = look(router)
            servers = {
                "%s/%s" % (backend, name): {"up": server.up, "ready": server.ready}
                for backend, entries in (view.state or {}).items()
                for name, server in entries.items()
            }
            problem = self._problem(router, view, servers, params["up"])
            if not problem:
                return {"servers": servers}
            left = deadline - time.monotonic()
            if left <= 0:
                raise DesiredError(problem % params["timeout"])
            token = router.wait(token, min(left, LONGEST_WAIT))["token"]

    @staticmethod
    def _problem(router, view, servers, names):
        """Why not all of these are up, with a place for seconds; '' when they are."""
        wanted = [place for place in servers if place in names or place.split("/", 1)[1] in names]
        down = [place for place in wanted if not servers[place]["up"]]
        if down:
            return "%s: HAProxy does not find it up within %%d s; look at the service on the node" % ", ".join(
                sorted(down)
            )
        if names and view.state is None:
            section = router.read(config.PATHS).sections.get(config.SECTION)
            if meant_to_run(section, view):
                return "HAProxy did not answer on its runtime socket for %d s; look at Status > Services on the router"
        return ""
