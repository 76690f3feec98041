# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a platform wants from the router, as data. `cluster_platform` picks one."""

from __future__ import annotations

# HAProxy's longest time-out in milliseconds (24 days): Deis keeps connections open for logs and git pushes.
LONGEST_TIMEOUT = 2147483647

_DEIS_TIMEOUTS = {
    "connect_timeout": LONGEST_TIMEOUT,
    "server_timeout": LONGEST_TIMEOUT,
    "client_timeout": LONGEST_TIMEOUT,
}

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
    "none": {"virtual_ip_descr": "", "dns_registration": {}, "services": []},
}

NETWORK_BOOT = {"bios": "pxelinux.0", "uefi64": "ipxe.efi"}
