# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of pfsense_info."""

from __future__ import annotations

SPEC = dict(argument_spec=dict(leases=dict(type="bool", default=False)), supports_check_mode=True)
