# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of pfsense_files."""

from __future__ import annotations

SPEC = dict(
    argument_spec=dict(
        src=dict(type="path", required=True),
        dest=dict(type="str", required=True),
        mode=dict(type="raw", default="0644"),
        directory_mode=dict(type="raw", default="0755"),
        purge=dict(type="bool", default=False),
        exclude=dict(type="list", elements="str", default=[]),
    ),
    supports_check_mode=True,
)
