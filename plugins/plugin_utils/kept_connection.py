# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What our connection plugins share: tasks reach the line to the router through a process that keeps it.

Ansible has such a process too, but every task would start an interpreter to find it, which takes longer than the task.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os

from ansible import constants
from ansible.plugins.connection import ConnectionBase
from ansible.utils.display import Display
from ansible_collections.pfrack.cluster.plugins.plugin_utils.holder import started
from ansible_collections.pfrack.cluster.plugins.plugin_utils.keeper import Keeper

# Secrets do not belong into a file's name; meta sees other times than tasks do.
NOT_IN_NAME = ("password", "private_key_passphrase", "api_key", "proxy")
NOT_IN_NAME += ("connect_timeout", "command_timeout", "keepalive_interval")


class KeptConnection(ConnectionBase):
    """A subclass sets OPTIONS, what its line depends on, and implements make_line()."""

    has_pipelining = False
    OPTIONS = ()

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._keeper = None
        self._display = Display()

    @staticmethod
    def make_line(options, log):
        """The line: an object with call(), upload() and close(). Runs in the keeper; log() is for -vvv."""
        raise NotImplementedError

    def call(self, op, params=None):
        """One request to the agent; returns its answer, or one of the same shape with a carrier's kind."""
        return self.ask("call", op, params or {})

    def upload(self, local_path, directory, name, offset=0, length=None):
        """Send a local file, or a part of it, to C(name) in a directory that the agent made; returns an answer."""
        return self.ask("upload", str(local_path), directory, name, offset, length)

    def ask(self, method, *args):
        """The answer of a method of the line. Raises KeeperError."""
        options = self._line_options()
        if self._keeper is None:
            self._keeper = self._find_keeper(options)
        logged = self.get_option("persistent_log_messages")
        if logged:
            self._display.display("%s: request: %s" % (options["host"], json.dumps(args)), log_only=True)
        answer, messages = self._keeper.ask(options, method, *args)
        if logged:
            self._display.display("%s: answer: %s" % (options["host"], json.dumps(answer)), log_only=True)
        for text in messages:
            self._display.vvv(text, host=options["host"])
        return answer

    def _line_options(self):
        options = {name: self.get_option(name) for name in self.OPTIONS}
        # Ours ends first, so that a slow router gives an answer with a kind.
        options["command_timeout"] = max(self.get_option("persistent_command_timeout") - 5, 5)
        # Templated values are subclasses of what JSON knows.
        return json.loads(json.dumps(options, default=str))

    def _find_keeper(self, options):
        # Tasks run in children of ansible-playbook, meta in ansible-playbook itself.
        parent = multiprocessing.parent_process()
        owner = parent.pid if parent else os.getpid()
        public = {name: value for name, value in options.items() if name not in NOT_IN_NAME}
        identity = json.dumps([self.transport, owner, started(owner), public], sort_keys=True)
        # Short, because the path of a socket must be.
        name = hashlib.sha256(identity.encode()).hexdigest()[:12]
        path = os.path.join(constants.PERSISTENT_CONTROL_PATH_DIR, name)
        return Keeper(path, type(self).make_line, owner, self.get_option("persistent_connect_timeout"))

    def _connect(self):
        """The first request opens the line, so that a failure is an answer with a kind."""
        self._connected = True
        return self

    def close(self):
        """Called after each task; the line stays."""
        self._connected = False

    def reset(self):
        """Ends the agent and the line, for C(meta: reset_connection)."""
        self._find_keeper(self._line_options()).end()
