# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of etcd_snapshot."""

from __future__ import annotations

from ._etcd import etcd

SPEC = dict(argument_spec=dict(path=dict(type="path", required=True), **etcd()), supports_check_mode=True)
