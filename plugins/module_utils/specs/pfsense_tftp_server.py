# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of pfsense_tftp_server."""

from __future__ import annotations

SPEC = dict(
    argument_spec=dict(
        enable=dict(type="bool"),
        address=dict(type="str"),
        ipv4_only=dict(type="bool"),
        block_size=dict(type="int"),
        logging=dict(type="bool"),
        allow_uploads=dict(type="bool"),
    ),
    supports_check_mode=True,
)
