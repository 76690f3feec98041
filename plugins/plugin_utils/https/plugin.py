# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the connection plugins over HTTPS share: a line in ansible's connection process."""

from __future__ import annotations

from ansible.errors import AnsibleError
from ansible.plugins.connection import NetworkConnectionBase
from ansible_collections.pfrack.cluster.plugins.plugin_utils.agent_bundle import agent_source
from ansible_collections.pfrack.cluster.plugins.plugin_utils.https.errors import HttpsError
from ansible_collections.pfrack.cluster.plugins.plugin_utils.https.settings import build_settings
from ansible_collections.pfrack.cluster.plugins.plugin_utils.lifetime import end_with

PASSED_ON = (
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
NOT_HERE = (
    "this connection carries requests of pfrack.cluster's modules only: for raw use pfrack.cluster.pfsense_ssh, for "
    "other modules connection ssh"
)


class HttpsConnection(NetworkConnectionBase):
    """Lives in ansible's connection process; its public methods are called through that process's socket."""

    has_pipelining = False

    def __init__(self, play_context, *args, **kwargs):
        super().__init__(play_context, *args, **kwargs)
        self._line = None
        self._watched = False

    def make_line(self, settings, source, log):
        """The line of this carrier."""
        raise NotImplementedError

    def _connect(self):
        """The first request opens the line, so that a failure is an answer with a kind."""
        self._connected = True
        return self

    def call(self, op, params=None):
        """One request to the agent; returns its answer, or one of the same shape with a carrier's kind."""
        try:
            return self._open().call(op, params or {})
        except HttpsError as exc:
            return exc.answer()

    def upload(self, local_path, directory, name):
        """Send a local file to C(name) in a staging directory that the agent made; returns an answer."""
        try:
            return self._open().upload(local_path, directory, name)
        except HttpsError as exc:
            return exc.answer()

    def _open(self):
        if self._line is None:
            options = {name: self.get_option(name) for name in PASSED_ON}
            # Ours ends first, so that a slow router gives an answer and not a dead connection process.
            options["command_timeout"] = max(self.get_option("persistent_command_timeout") - 5, 5)
            try:
                source = agent_source()
            except (OSError, ValueError) as exc:
                raise HttpsError("internal", f"the agent is not complete: {exc}") from exc
            line = self.make_line(build_settings(options), source, lambda text: self.queue_message("vvv", text))
            if self._ansible_playbook_pid and not self._watched:
                self._watched = True
                end_with(int(self._ansible_playbook_pid))
            self._line = line
        return self._line

    def exec_command(self, cmd, in_data=None, sudoable=True):
        raise AnsibleError(NOT_HERE)

    def put_file(self, in_path, out_path):
        raise AnsibleError(NOT_HERE)

    def fetch_file(self, in_path, out_path):
        raise AnsibleError(NOT_HERE)

    def close(self):
        """Ends the run, and the router removes what is left of it."""
        line, self._line = self._line, None
        if line is not None:
            line.close()
        super().close()
