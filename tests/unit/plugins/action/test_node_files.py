# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""node_files before it asks the node."""

from __future__ import annotations

import pytest
from ansible_collections.pfrack.cluster.plugins.action.node_files import ActionModule
from ansible_collections.pfrack.cluster.tests.unit.run_action import make_action


def run(path):
    action = make_action(ActionModule, {"files": [{"path": path, "content": "text"}]}, check=True)
    action._shell = lambda command, become=False: ""
    return action.run(task_vars={})


@pytest.mark.parametrize("path", ["etc/file", "/etc/two\nlines"])
def test_what_is_no_path_is_refused(path):
    assert "is not an absolute path in one line" in run(path)["msg"]


def test_a_backslash_may_stand_in_a_path():
    assert run("/etc/a\\name")["written"] == ["/etc/a\\name"]
