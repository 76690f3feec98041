# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of pfsense_dns_forwarder."""

from __future__ import annotations

from ._common import owned
from ._dns import dns

SPEC = dict(
    argument_spec=dict(replace_resolver=dict(type="bool", default=False), **dict(dns(), **owned())),
    supports_check_mode=True,
)
