# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the inventory has to say about machines that install themselves, checked before anything is fetched."""

from __future__ import annotations

import re

from ..boot.live import check_disk
from .validate import HIDDEN, one_of, yes_or_no

# Variables of the roles that do it, which are checked here with everything else.
SETTINGS = ("boot_artifacts_architectures", "node_config_snippets", "node_config_ssh_authorized_keys")
NODE_VARIABLES = ("architecture", "install_disk", "install_os", "install_wipe")
KEYS = "node_config_ssh_authorized_keys"

_KEY = re.compile(r"(^|\s)(ssh|ecdsa|sk)-\S+ AAAA")
# Where a snippet says who may log in.
_LOGINS = ("passwd", "users", "ssh_authorized_keys")


def check_installation(problems, nodes, settings):
    """nodes: as the inventory has them; settings: {variable: value}, with `cluster_admission` read."""
    architectures = settings.get("boot_artifacts_architectures") or ["x86-64"]
    readers = {
        "architecture": one_of(*architectures) if isinstance(architectures, list) else str,
        "install_disk": check_disk,
        "install_os": yes_or_no,
        "install_wipe": yes_or_no,
    }
    for node in nodes:
        for name in NODE_VARIABLES:
            if node.get(name) is not None:
                problems.read("%s/%s" % (node["name"], name), node[name], readers[name])
    if settings["cluster_admission"] == "any" or any(_installs(node) for node in nodes):
        _check_keys(problems, settings)


def _installs(node):
    return str(node.get("install_os")).lower() not in ("false", "no", "off", "0")


def _check_keys(problems, settings):
    keys = settings.get(KEYS) or []
    if not isinstance(keys, list):
        problems.add(KEYS, HIDDEN, "is not a list of public keys; start each with a dash")
        return
    for number, key in enumerate(keys, start=1):
        if not isinstance(key, str) or not _KEY.search(key):
            # Not shown: it may be a private one.
            problems.add("%s[%d]" % (KEYS, number), HIDDEN, "is not a public key; take the line of a .pub file")
    snippets = settings.get("node_config_snippets") or []
    logins = any(isinstance(snippet, dict) and set(snippet) & set(_LOGINS) for snippet in snippets)
    if not keys and not logins:
        problems.add(
            KEYS,
            None,
            "nobody could log in to the nodes that are installed; give public keys, or set cluster_install: false "
            "when the nodes' operating system is not pfrack's business",
        )
