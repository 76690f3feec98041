# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lets `pytest tests/unit` import ansible_collections.pfrack.cluster from a plain checkout, wherever it lies.

Property tests take the same examples in every run, so that a run tells about the change; `PFRACK_EXPLORE=1000` looks
at so many new ones.
"""

from __future__ import annotations

import os
from pathlib import Path

from ansible.utils.collection_loader import AnsibleCollectionConfig
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parents[2]

EXPLORE = int(os.environ.get("PFRACK_EXPLORE") or 0)
# The clock of a busy machine is no judge.
PROFILE = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=not EXPLORE)
settings.register_profile("pfrack", PROFILE, **({"max_examples": EXPLORE} if EXPLORE else {}))
settings.load_profile("pfrack")


def _use_checkout() -> None:
    if AnsibleCollectionConfig.collection_finder is not None:
        return  # ansible-test has already set up its own tree
    tree = ROOT / "build" / "collections"
    link = tree / "ansible_collections" / "pfrack" / "cluster"
    link.parent.mkdir(parents=True, exist_ok=True)
    if not link.is_symlink():
        try:
            link.symlink_to(ROOT)
        except FileExistsError:
            pass  # another pytest worker was faster
    from ansible.plugins.loader import init_plugin_loader

    init_plugin_loader([str(tree)])


_use_checkout()
