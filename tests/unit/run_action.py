# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run an action plugin against the agent in memory, without Ansible's executor."""

from __future__ import annotations

from types import SimpleNamespace

from ansible_collections.pfrack.cluster.plugins.module_utils.router import Router


def run_action(action_class, agent, args, check=False, diff=False, sleep=lambda seconds: None):
    """The result of the action; in check mode the agent allows no write."""
    action = make_action(action_class, args, check, diff)
    action.open_router = lambda: Router(agent.call, agent.upload, sleep=sleep)
    agent.read_only = check
    try:
        return action.run(task_vars={"inventory_hostname": "router1"})
    finally:
        agent.read_only = False


def make_action(action_class, args, check=False, diff=False, connection=None):
    """An action on this connection; one that is not ours by default."""
    task = SimpleNamespace(
        args=args,
        check_mode=check,
        diff=diff,
        async_val=0,
        action=action_class.__module__.rsplit(".", 1)[-1],
        environment=None,
    )
    if connection is None:
        connection = SimpleNamespace(_shell=SimpleNamespace(tmpdir=None), transport="local", has_pipelining=False)
    action = action_class(
        task=task,
        connection=connection,
        play_context=SimpleNamespace(remote_addr="192.0.2.1"),
        loader=None,
        templar=None,
        shared_loader_obj=None,
    )
    action._find_needle = lambda directory, name: name
    return action
