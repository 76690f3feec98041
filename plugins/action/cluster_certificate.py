# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole of cluster_certificate: it works on the controller."""

from __future__ import annotations

import os

from ansible_collections.pfrack.cluster.plugins.module_utils.specs.cluster_certificate import SPEC
from ansible_collections.pfrack.cluster.plugins.plugin_utils import certificates
from ansible_collections.pfrack.cluster.plugins.plugin_utils.controller_action import ControllerAction


class ActionModule(ControllerAction):
    """Issues and renews certificates in a directory of the controller."""

    SPEC = SPEC

    def act(self, params):
        return certificates.ensure(
            os.path.expanduser(params["directory"]),
            params["authority_name"],
            params["certificates"],
            params["days"],
            params["renew_before"],
            self._task.check_mode,
        )
