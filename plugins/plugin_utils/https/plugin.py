# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the connection plugins over HTTPS share."""

from __future__ import annotations

from ansible.errors import AnsibleError
from ansible_collections.pfrack.cluster.plugins.plugin_utils.agent_bundle import agent_source
from ansible_collections.pfrack.cluster.plugins.plugin_utils.https.errors import HttpsError
from ansible_collections.pfrack.cluster.plugins.plugin_utils.kept_connection import KeptConnection

NOT_HERE = (
    "this connection carries requests of pfrack.cluster's modules only: for raw use pfrack.cluster.pfsense_ssh, for "
    "other modules connection ssh"
)


class HttpsConnection(KeptConnection):
    """A subclass adds its options and the line of its carrier."""

    OPTIONS = (
        "host",
        "port",
        "remote_user",
        "password",
        "use_ssl",
        "validate_certs",
        "ca_path",
        "certificate_fingerprint",
        "use_proxy",
        "proxy",
        "connect_timeout",
        "keepalive_interval",
    )

    def exec_command(self, cmd, in_data=None, sudoable=True):
        raise AnsibleError(NOT_HERE)

    def put_file(self, in_path, out_path):
        raise AnsibleError(NOT_HERE)

    def fetch_file(self, in_path, out_path):
        raise AnsibleError(NOT_HERE)


def whole_agent():
    """The agent's source. Raises HttpsError."""
    try:
        return agent_source()
    except (OSError, ValueError) as exc:
        raise HttpsError("internal", f"the agent is not complete: {exc}") from exc
