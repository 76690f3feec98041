# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole of etcd_key: it works on the controller."""

from __future__ import annotations

import json

from ansible_collections.pfrack.cluster.plugins.module_utils.errors import DesiredError
from ansible_collections.pfrack.cluster.plugins.module_utils.specs.etcd_key import SPEC
from ansible_collections.pfrack.cluster.plugins.plugin_utils.controller_action import ControllerAction, etcd_client


class ActionModule(ControllerAction):
    """Compares, and swaps in a transaction."""

    SPEC = SPEC

    def act(self, params):
        client, name = etcd_client(params), params["name"]
        wanted = params["value"] if params["state"] == "present" else None
        present, revision = client.get(name)
        result = {"changed": not _same(present, wanted), "value": present}
        if not result["changed"]:
            return result
        if present is not None and wanted is not None and not params["overwrite"]:
            raise DesiredError(
                "etcd: %s: %s: is there, and wanted is %s; keep what is there, or remove the key when nobody uses it"
                % (name, present, wanted)
            )
        if not self._task.check_mode and not client.swap(name, revision, wanted):
            raise DesiredError("etcd: %s: somebody else has just changed it; run again" % name)
        result["diff"] = {
            "before": "" if present is None else present + "\n",
            "after": "" if wanted is None else wanted + "\n",
            "before_header": name,
            "after_header": name,
        }
        return result


def _same(one, other):
    if one is None or other is None:
        return one is other
    try:
        return one == other or json.loads(one) == json.loads(other)
    except ValueError:
        return False
