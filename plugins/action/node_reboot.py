# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole of node_reboot: it works on a node over its connection, with a shell alone."""

from __future__ import annotations

import time

from ansible.errors import AnsibleConnectionFailure
from ansible_collections.pfrack.cluster.plugins.module_utils.errors import DesiredError
from ansible_collections.pfrack.cluster.plugins.module_utils.specs.node_reboot import SPEC
from ansible_collections.pfrack.cluster.plugins.plugin_utils.controller_action import ControllerAction
from ansible_collections.pfrack.cluster.plugins.plugin_utils.waiting import wait_for

PAUSE = 1.0
# What a shell or systemctl says when it does not do it. One that is ended by the restart itself says something else.
REFUSED = (1, 2, 4, 5, 126, 127)


class ActionModule(ControllerAction):
    """Restarts the node and waits until it has started anew, which another boot identity shows."""

    SPEC = SPEC
    _requires_connection = True

    def act(self, params):
        started = time.monotonic()
        before = self._identity(params)
        if before is None:
            raise DesiredError("%s: does not answer, so it is not restarted" % self._play_context.remote_addr)
        if self._task.check_mode:
            return {"changed": True}
        done = self._ask(params["command"])
        if done and done["rc"] in REFUSED:
            raise DesiredError(
                "%s: %s: %s"
                % (self._play_context.remote_addr, params["command"], (done["stderr"] or done["stdout"]).strip())
            )
        last = before

        def anew():
            nonlocal last
            # A connection to the system that ended would hang.
            self._connection.reset()
            last = self._identity(params)
            return last not in (before, None)

        if not wait_for(anew, params["timeout"], PAUSE):
            how = "is still running" if last == before else "has not come back"
            raise DesiredError(
                "%s: %s, %d s after it was told to restart; look at its console"
                % (self._play_context.remote_addr, how, params["timeout"])
            )
        return {"changed": True, "elapsed": int(time.monotonic() - started)}

    def _identity(self, params):
        done = self._ask(params["identity"])
        return done["stdout"].strip() or None if done and done["rc"] == 0 else None

    def _ask(self, command):
        """What a command gave, None when the node does not answer."""
        try:
            return self._low_level_execute_command(command, sudoable=True)
        except AnsibleConnectionFailure:
            return None
