# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""cloud-config for historic CoreOS Container Linux, which knows nothing else."""

from __future__ import annotations

import json

HEADER = "#cloud-config\n"


def to_text(config):
    """The file. JSON is YAML, needs no library, and leaves no doubt about quoting."""
    return HEADER + json.dumps(config, indent=1, sort_keys=True) + "\n"


def file_entry(path, text, mode=0o644):
    """An entry of write_files."""
    return {"path": path, "permissions": "%04o" % mode, "owner": "root", "content": text}


def unit_entry(unit):
    """An entry of coreos.units from {name, enabled, mask, contents, dropins: [{name, contents}]}."""
    entry = {"name": unit["name"]}
    if unit.get("mask"):
        entry["mask"] = True
    if unit.get("enabled"):
        # What is only enabled would run after the next restart.
        entry.update(command="start", enable=True)
    if unit.get("contents") is not None:
        entry["content"] = unit["contents"]
    if unit.get("dropins"):
        entry["drop-ins"] = [{"name": item["name"], "content": item["contents"]} for item in unit["dropins"]]
    return entry
