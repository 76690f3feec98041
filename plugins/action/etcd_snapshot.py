# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole of etcd_snapshot: it works on the controller."""

from __future__ import annotations

import os

from ansible_collections.pfrack.cluster.plugins.module_utils.specs.etcd_snapshot import SPEC
from ansible_collections.pfrack.cluster.plugins.plugin_utils.controller_action import ControllerAction, etcd_client


class ActionModule(ControllerAction):
    """Saves a snapshot of all keys to the controller."""

    SPEC = SPEC

    def act(self, params):
        client, path = etcd_client(params), os.path.expanduser(params["path"])
        if self._task.check_mode:
            client.members()
            return {"changed": True, "path": path}
        os.makedirs(os.path.dirname(path) or ".", mode=0o700, exist_ok=True)
        return {"changed": True, "path": path, "size": client.snapshot(path)}
