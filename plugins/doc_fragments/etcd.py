# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation that the etcd modules share."""

from __future__ import annotations


class ModuleDocFragment:
    """How to reach etcd."""

    DOCUMENTATION = r"""
attributes:
  check_mode:
    description: Can run in check mode and return the changed status that a run would have, without changing anything.
    support: full
  diff_mode:
    description: Returns what has changed in diff mode. This module does not.
    support: none
options:
  endpoints:
    description:
      - Client URLs of members, such as V(https://10.10.0.20:2379). The first one that answers is asked.
    type: list
    elements: str
    required: true
  authority:
    description:
      - The file with the certificate of the authority that etcd's certificates come from.
    type: path
  certificate:
    description:
      - The file with the certificate to show.
    type: path
  key:
    description:
      - The file with its key.
    type: path
  request_timeout:
    description:
      - Seconds that one request may take.
    type: int
    default: 5
notes:
  - Runs on the controller, which must reach the endpoints, and needs nothing on the nodes.
"""
