# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A line to a router for what runs outside of tasks: the inventory plugin and the event source. Needs no Ansible."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from ..module_utils.router import RouterError
from .agent_bundle import agent_source
from .https.errors import HttpsError
from .ssh.errors import SshError

SSH, XMLRPC, REST = (f"pfrack.cluster.pfsense_{name}" for name in ("ssh", "xmlrpc", "rest"))
# The options of the connection plugins that make sense here; doc_fragments/direct.py describes them.
OPTIONS = (
    "connection",
    "host",
    "port",
    "remote_user",
    "password",
    "private_key_file",
    "private_key_passphrase",
    "host_key_checking",
    "known_hosts_files",
    "ssh_config_files",
    "proxy_jump",
    "use_ssl",
    "validate_certs",
    "ca_path",
    "certificate_fingerprint",
    "use_proxy",
    "proxy",
    "api_key",
    "api_auth",
    "connect_timeout",
)
SSH_CONFIG = ("~/.ssh/config", "/etc/ssh/ssh_config")
COMMAND_TIMEOUT = 60


def open_line(options: dict[str, Any], log: Callable[[str], None]) -> Any:
    """Something with `call` and `close`; connects with the first call. None stands for an option that was not given.

    Raises RouterError.
    """
    given = {name: options.get(name) for name in OPTIONS}
    for name in ("private_key_file", "ca_path"):
        given[name] = os.path.expanduser(given[name]) if given[name] else None
    if given["ssh_config_files"] is None:
        given["ssh_config_files"] = list(SSH_CONFIG)
    given["command_timeout"] = COMMAND_TIMEOUT
    try:
        return _line(given, log)
    except (HttpsError, SshError) as error:
        raise RouterError(error.kind, error.message) from error
    except ImportError as error:
        raise RouterError("unsupported", f"a Python library is missing on the controller: {error}") from error


def _line(given: dict[str, Any], log: Callable[[str], None]) -> Any:
    # What one carrier needs, such as paramiko, the others do without.
    carrier = given["connection"] or SSH
    if carrier == SSH:
        import paramiko  # noqa: F401

        from .ssh import link, settings

        return link.Link(settings.build_settings(given), agent_source(), log)
    from .https import settings

    if carrier == XMLRPC:
        from .https.xmlrpc_line import XmlrpcLine

        return XmlrpcLine(settings.build_settings(given), agent_source(), log)
    if carrier == REST:
        from .https.rest_api import build_rest_settings
        from .https.rest_line import RestLine

        return RestLine(settings.build_settings(given), agent_source(), log, build_rest_settings(given))
    raise RouterError("invalid", f"connection: '{carrier}' is none of {SSH}, {XMLRPC}, {REST}")
