# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of node_files."""

from __future__ import annotations

FILE = dict(
    path=dict(type="path", required=True),
    src=dict(type="path"),
    content=dict(type="str", no_log=True),
    mode=dict(type="str", default="0644"),
    owner=dict(type="str", default="root"),
    keep=dict(type="bool", default=False),
)

SPEC = dict(
    argument_spec=dict(
        files=dict(
            type="list",
            elements="dict",
            required=True,
            options=FILE,
            mutually_exclusive=[("src", "content")],
            required_one_of=[("src", "content")],
        ),
    ),
    supports_check_mode=True,
)
