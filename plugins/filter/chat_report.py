# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter pfrack.cluster.chat_report: what came of containers that talked in the role verify."""

from __future__ import annotations

from ansible_collections.pfrack.cluster.plugins.module_utils import chat


def _printed(done):
    if done.get("unreachable") or done.get("stdout") is None:
        return "%s failed node %s" % (chat.MARK, " ".join(str(done.get("msg") or "").split()))
    # What a shell itself has to say comes on the other line.
    return "%s\n%s" % (done["stdout"], done.get("stderr") or "")


def chat_report(peers, hostvars, listened, talked):
    """peers: what chat_peers gave. listened, talked: names of the variables with what a node's script printed."""

    def said(variable):
        results = {str(name): hostvars[name].get(variable) or {} for name in peers}
        return {name: _printed(done) for name, done in results.items() if done}

    chosen = {str(name): [str(other) for other in others] for name, others in peers.items()}
    return chat.report(chosen, said(listened), said(talked))


class FilterModule:
    """The filters of this file."""

    def filters(self):
        return {"chat_report": chat_report}
