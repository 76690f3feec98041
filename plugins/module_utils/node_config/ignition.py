# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ignition configurations, specification 3.3.0: what all living systems of the family understand."""

from __future__ import annotations

import base64
import json

VERSION = "3.3.0"


def empty():
    return {"ignition": {"version": VERSION}}


def file_entry(path, text, mode=0o644):
    """An entry of storage.files."""
    return {"path": path, "mode": mode, "overwrite": True, "contents": {"source": data_url(text)}}


def data_url(text):
    return "data:;base64," + base64.b64encode(text.encode("utf-8")).decode("ascii")


def unit_entry(unit):
    """An entry of systemd.units from {name, enabled, mask, contents, dropins: [{name, contents}]}."""
    fields = ("name", "enabled", "mask", "contents", "dropins")
    return {field: unit[field] for field in fields if unit.get(field) is not None}


def to_text(config):
    """The file; the same configuration gives the same bytes."""
    return json.dumps(config, indent=1, sort_keys=True) + "\n"
