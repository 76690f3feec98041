# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of node_reboot."""

from __future__ import annotations

SPEC = dict(
    argument_spec=dict(
        command=dict(type="str", default="systemctl reboot"),
        identity=dict(type="str", default="cat /proc/sys/kernel/random/boot_id"),
        timeout=dict(type="int", default=600),
    ),
    supports_check_mode=True,
)
