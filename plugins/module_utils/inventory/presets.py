# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a platform wants from the router, as data. `cluster_platform` picks one, `cluster_platforms` adds more."""

from __future__ import annotations

from .validate import HIDDEN, anything, one_of, read_fields, text, yes_or_no

# HAProxy's longest time-out in milliseconds (24 days): Deis keeps connections open for logs and git pushes.
LONGEST_TIMEOUT = 2147483647

_DEIS_TIMEOUTS = {
    "connect_timeout": LONGEST_TIMEOUT,
    "server_timeout": LONGEST_TIMEOUT,
    "client_timeout": LONGEST_TIMEOUT,
}

# `kubectl exec`, watches and log tails keep connections open and quiet for hours.
_HOURS = {"connect_timeout": 10000, "server_timeout": 14400000, "client_timeout": 14400000}
_WEB = {"connect_timeout": 5000, "server_timeout": 120000, "client_timeout": 120000}

PRESETS = {
    "deis": {
        "virtual_ip_descr": "Deis HA Proxy",
        "dns_registration": {"leases": True, "static_mappings": True},
        "services": [
            {
                "name": "deis_http",
                "port": 80,
                "mode": "http",
                "forward_for": True,
                "check": {"type": "HTTP", "method": "GET", "path": "/health-check"},
                **_DEIS_TIMEOUTS,
            },
            {
                "name": "deis_ssh",
                "port": 2222,
                "mode": "tcp",
                "balance": "leastconn",
                "check": {"type": "Basic"},
                **_DEIS_TIMEOUTS,
            },
        ],
    },
    # Containers that answer on 80 and 443 of every node.
    "web": {
        "virtual_ip_descr": "web",
        "dns_registration": {},
        "services": [
            {
                "name": "web_http",
                "port": 80,
                "mode": "http",
                "forward_for": True,
                "check": {"type": "HTTP", "method": "GET", "path": "/"},
                **_WEB,
            },
            {"name": "web_https", "port": 443, "mode": "tcp", "check": {"type": "Basic"}, **_WEB},
        ],
    },
    # k3s answers 401 to every request without credentials, health paths included: only a TCP check works everywhere.
    "kubernetes": {
        "virtual_ip_descr": "Kubernetes",
        "dns_registration": {},
        "kubernetes": True,
        "services": [
            {
                "name": "kubernetes_api",
                "port": 6443,
                "mode": "tcp",
                "groups": ["controllers"],
                "balance": "roundrobin",
                "check": {"type": "Basic", "interval": 10000},
                **_HOURS,
            },
            {"name": "ingress_http", "port": 80, "mode": "tcp", "check": {"type": "Basic"}, **_HOURS},
            {"name": "ingress_https", "port": 443, "mode": "tcp", "check": {"type": "Basic"}, **_HOURS},
        ],
    },
    "none": {"virtual_ip_descr": "", "dns_registration": {}, "services": []},
}

NETWORK_BOOT = {"bios": "pxelinux.0", "uefi64": "ipxe.efi"}


def choose(problems, given):
    """The preset that `cluster_platform` names, among ours and those of `cluster_platforms`; `none` on a problem.

    given: {variable: value}. cluster_platforms: {name: {services, virtual_ip_descr, dns_registration, kubernetes,
    node_snippets}}.
    """
    known = dict(PRESETS)
    own = given.get("cluster_platforms") or {}
    if not isinstance(own, dict):
        problems.add("cluster_platforms", HIDDEN, "is not a set of platforms; write `name: {services: [...]}`")
        own = {}
    for name, fields in own.items():
        place = "cluster_platforms[%s]" % name
        if name in PRESETS:
            problems.add(place, name, "is a platform of the collection; give yours another name")
            continue
        read = read_fields(problems, place, fields, _PLATFORM)
        registration = read_fields(problems, place + ".dns_registration", read.get("dns_registration", {}), _DNS)
        known[name] = {"virtual_ip_descr": "", "services": [], **read, "dns_registration": registration}
        known[name]["node_snippets"] = _node_snippets(problems, place, read.get("node_snippets", {}))
    wanted = given.get("cluster_platform") or "deis"
    return known.get(problems.read("cluster_platform", wanted, one_of(*known)), PRESETS["none"])


def _services(value):
    if not isinstance(value, list) or not all(isinstance(item, dict) and item.get("name") for item in value):
        raise ValueError("is not a list of services; write each as in cluster_services, with a name")
    return value


def _node_snippets(problems, place, value):
    fine = isinstance(value, dict) and all(
        isinstance(part, list) and all(isinstance(item, dict) for item in part) for part in value.values()
    )
    if not fine:
        wrong = "is not {group: [snippet]}; write each snippet as in the role node_config"
        problems.add(place + ".node_snippets", HIDDEN, wrong)
        return {}
    return {str(group): part for group, part in value.items()}


_PLATFORM = {
    "services": _services,
    "virtual_ip_descr": text,
    "dns_registration": anything,
    "kubernetes": yes_or_no,
    "node_snippets": anything,
}
_DNS = {"leases": yes_or_no, "static_mappings": yes_or_no}
