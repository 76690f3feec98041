# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the inventory says about Kubernetes, checked before a node is installed with it."""

from __future__ import annotations

SERVERS, AGENTS = "controllers", "workers"


def read_kubernetes(problems, chosen, members):
    """k3s or none. chosen: settings.read_settings(); members: the nodes of the inventory."""
    kind = chosen["cluster_kubernetes"] if chosen["platform"].get("kubernetes") else "none"
    if kind == "none":
        return kind
    for setting, off in (("cluster_etcd", False), ("cluster_overlay", "none")):
        if chosen[setting] != off:
            problems.add(
                setting,
                chosen[setting],
                "k3s brings an etcd and a network of its own, on the same ports; leave this out, or set "
                "cluster_kubernetes: none and bring a Kubernetes that uses them",
            )
    # Machines that are installed otherwise have units of somebody else.
    for member in members if chosen["cluster_install"] else ():
        ours = {SERVERS, AGENTS}.intersection(member["groups"])
        if len(ours) != 1:
            problems.add(
                member["host"],
                " and ".join(sorted(ours)) or "no group of k3s",
                "a node is either a server of k3s (group %s), which runs containers, too, or an agent (group %s)"
                % (SERVERS, AGENTS),
            )
    return kind
