# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that several modules share."""

from __future__ import annotations


def owned():
    """The options of modules that own entries."""
    return dict(owner=dict(type="str", default="pfrack"), purge=dict(type="bool", default=False))
