# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole of node_wait: it works on a node over its connection, with a shell alone."""

from __future__ import annotations

from ansible.errors import AnsibleConnectionFailure
from ansible_collections.pfrack.cluster.plugins.module_utils.specs.node_wait import SPEC
from ansible_collections.pfrack.cluster.plugins.plugin_utils.controller_action import ControllerAction
from ansible_collections.pfrack.cluster.plugins.plugin_utils.waiting import wait_for

PAUSE = 1.0


class ActionModule(ControllerAction):
    """Asks again and again; a node that restarts meanwhile does not disturb."""

    SPEC = SPEC
    _requires_connection = True

    def act(self, params):
        last = {}

        def ready():
            try:
                last["done"] = self._low_level_execute_command(params["command"], sudoable=True)
            except AnsibleConnectionFailure as problem:
                last["done"] = None
                last["problem"] = str(problem)
                # A connection to the system that ended would hang.
                self._connection.reset()
                return False
            return last["done"]["rc"] == 0

        if wait_for(ready, 0 if self._task.check_mode else params["timeout"], PAUSE):
            return {"changed": False, "stdout": last["done"]["stdout"]}
        done = last["done"]
        if done:
            words = (done["stderr"] or done["stdout"]).strip().splitlines()
            why = ": ".join([params["reason"], *words[-1:]])
        else:
            why = "does not answer: %s" % last["problem"].strip()
        # The name as well: several nodes may be waited for at once.
        return {
            "failed": True,
            "changed": False,
            "msg": "%s: %s, after %d s" % (self._play_context.remote_addr, why, params["timeout"]),
        }
