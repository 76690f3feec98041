# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of haproxy_backend_sync."""

from __future__ import annotations

from .pfsense_haproxy import BACKEND

SPEC = dict(
    argument_spec=dict(
        backends=dict(type="list", elements="dict", options=BACKEND),
        drain=dict(type="list", elements="str", default=[]),
        undrain=dict(type="list", elements="str", default=[]),
        drain_timeout=dict(type="int", default=30),
        probe=dict(type="bool", default=True),
        probe_timeout=dict(type="int", default=2),
        grace=dict(type="int", default=0),
        busy_timeout=dict(type="int", default=60),
        max_removed_percent=dict(type="int", default=50),
        allow_empty=dict(type="bool", default=False),
        owner=dict(type="str", default="pfrack"),
    ),
    supports_check_mode=True,
)
