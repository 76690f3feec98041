# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter pfrack.cluster.chat_peers: which nodes talk to which in the role verify."""

from __future__ import annotations

from ansible_collections.pfrack.cluster.plugins.module_utils import chat


class FilterModule:
    """The filters of this file."""

    def filters(self):
        return {"chat_peers": chat.peers}
