# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A task that does nothing but one round trip: what Ansible and the connection cost by themselves."""

from __future__ import annotations

from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    """Greets the agent."""

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        answer = self._connection.call("hello")
        return dict(result, changed=False, failed=not answer["ok"], answer=answer)
