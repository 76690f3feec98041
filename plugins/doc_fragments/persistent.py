# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation that all connections share."""

from __future__ import annotations


class ModuleDocFragment:
    """How long a connection is kept, and what it logs."""

    DOCUMENTATION = r"""
options:
  persistent_connect_timeout:
    description: Seconds that an unused connection is kept.
    type: int
    default: 1800
    ini:
      - section: persistent_connection
        key: connect_timeout
    env:
      - name: ANSIBLE_PERSISTENT_CONNECT_TIMEOUT
    vars:
      - name: ansible_connect_timeout_idle
  persistent_command_timeout:
    description: Seconds to wait for the answer to one request.
    type: int
    default: 600
    ini:
      - section: persistent_connection
        key: command_timeout
    env:
      - name: ANSIBLE_PERSISTENT_COMMAND_TIMEOUT
    vars:
      - name: ansible_command_timeout
  persistent_log_messages:
    description: Log every request and answer. They contain secrets.
    type: boolean
    default: false
    ini:
      - section: persistent_connection
        key: log_messages
    env:
      - name: ANSIBLE_PERSISTENT_LOG_MESSAGES
    vars:
      - name: ansible_persistent_log_messages
"""
