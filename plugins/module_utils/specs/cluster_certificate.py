# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of cluster_certificate."""

from __future__ import annotations

CERTIFICATE = dict(
    name=dict(type="str", required=True),
    addresses=dict(type="list", elements="str", default=[]),
    names=dict(type="list", elements="str", default=[]),
)

SPEC = dict(
    argument_spec=dict(
        directory=dict(type="path", required=True),
        authority_name=dict(type="str", default="pfrack cluster"),
        certificates=dict(type="list", elements="dict", required=True, options=CERTIFICATE),
        days=dict(type="int", default=365),
        renew_before=dict(type="int", default=60),
    ),
    supports_check_mode=True,
)
