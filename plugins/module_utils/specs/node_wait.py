# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of node_wait."""

from __future__ import annotations

SPEC = dict(
    argument_spec=dict(
        command=dict(type="str", default="true"),
        reason=dict(type="str", default="it is not ready"),
        timeout=dict(type="int", default=600),
    ),
    supports_check_mode=True,
)
