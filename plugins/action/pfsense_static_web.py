# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's side of pfsense_static_web."""

from __future__ import annotations

from ansible_collections.pfrack.cluster.plugins.module_utils.desired import static_web
from ansible_collections.pfrack.cluster.plugins.module_utils.specs.pfsense_static_web import SPEC
from ansible_collections.pfrack.cluster.plugins.plugin_utils.router_action import RouterAction


class ActionModule(RouterAction):
    """Converges the settings; when only files or the process are not as they should be, applies them again."""

    SPEC = SPEC

    def act(self, router, params):
        # In check mode a virtual IP that an earlier task makes is not there yet.
        params = dict(params, planned=self._task.check_mode)
        result = self.converge(router, static_web, params, "static web server")
        snapshot = router.read(static_web.PATHS)
        result["repaired"] = False
        if not result["changed"] and not (snapshot.info.get("static_web") or {}).get("in_order", True):
            result.update(changed=True, repaired=True)
            if not self._task.check_mode:
                done = router.commit(snapshot.revision, [], ["static_web"], "static web server")
                result.update(revision=done.revision, applied=done.applied)
        # In check mode the sections do not say yet what they will.
        wanted = static_web.desire(snapshot.sections, params, snapshot.info).sections[static_web.SECTION]
        result["url"] = _url(**wanted) if wanted else ""
        return result


def _url(address, port, **_others):
    return "http://%s:%s" % ("[%s]" % address if ":" in address else address, port)
