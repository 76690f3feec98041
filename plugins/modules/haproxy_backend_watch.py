# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of haproxy_backend_watch; the work is done by the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: haproxy_backend_watch
short_description: Let the servers of HAProxy's backends follow leases, health and the inventory all the time
version_added: 0.1.0
description:
  - Waits on the router, over one kept connection, until a DHCP lease, the health of a server or the configuration
    changes, and then does what M(pfrack.cluster.haproxy_backend_sync) does. It does not end by itself.
  - Who ought to serve comes from the inventory, as for C(site.yml). With C(cluster_admission=any) machines that hold a
    lease in the cluster's network serve too, if they answer.
  - The inventory's files, and the variables beside them and beside the playbook, are read again when they change.
    Dynamic sources are only asked at the start.
  - Every change is one line of output with the time and the name of the router.
  - A router that restarts or cannot be reached is waited for, and so is another run that holds it, such as C(site.yml).
    Refusals of the guards are told once, and tried again.
author:
  - pfrack.cluster contributors (@pfrack)
extends_documentation_fragment:
  - pfrack.cluster.router
attributes:
  check_mode:
    support: full
    details: Looks once, tells what it would do, and ends.
  diff_mode:
    support: none
options:
  duration:
    description:
      - Seconds after which to end, V(0) for never.
    type: int
    default: 0
  resync:
    description:
      - Seconds after which everything is looked at although nothing seems to have changed.
    type: int
    default: 60
  drain_timeout:
    description:
      - Seconds that sessions of a server that leaves may go on.
    type: int
    default: 30
  probe:
    description:
      - Do not add servers that do not answer to the router. They are added in the moment they do.
    type: bool
    default: true
  probe_timeout:
    description:
      - Seconds to wait for answers to the probes.
    type: int
    default: 2
  grace:
    description:
      - Seconds that a server stays after its lease or its node was first missing, so that flapping leases do not flap
        backends.
    type: int
    default: 30
  max_removed_percent:
    description:
      - The share of our servers of a backend that may go at once. More is refused.
    type: int
    default: 50
  allow_empty:
    description:
      - Whether a backend may lose its last server, or its last server that answers.
    type: bool
    default: false
seealso:
  - module: pfrack.cluster.haproxy_backend_sync
  - plugin: pfrack.cluster.pfsense_leases
    plugin_type: inventory
"""

EXAMPLES = r"""
- name: Follow until somebody ends it
  pfrack.cluster.haproxy_backend_watch:

- name: Follow for an hour, slow to let go
  pfrack.cluster.haproxy_backend_watch:
    duration: 3600
    grace: 300
"""

RETURN = r"""
reconciled:
  description: How often everything was looked at.
  type: int
  returned: success
  sample: 12
"""
