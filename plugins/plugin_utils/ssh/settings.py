# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where and how to connect: what the user says to Ansible, then ~/.ssh/config, then defaults."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field, replace
from typing import Any

from .errors import SshError

STRICT, ACCEPT_NEW, OFF = "strict", "accept-new", "off"
DEFAULT_USER = "admin"


@dataclass(frozen=True)
class Settings:
    """Everything one connection needs. Times are seconds."""

    name: str
    host: str
    port: int = 22
    user: str = DEFAULT_USER
    password: str | None = field(default=None, repr=False)
    key_files: list[str] = field(default_factory=list)
    passphrase: str | None = field(default=None, repr=False)
    look_for_keys: bool = True
    use_agent: bool = True
    agent_only_listed: bool = False
    host_key_checking: str = STRICT
    known_hosts: list[str] = field(default_factory=list)
    host_key_name: str = ""
    jumps: list[str] = field(default_factory=list)
    proxy_command: str = ""
    connect_timeout: float = 10
    command_timeout: float = 590
    keepalive: int = 15
    ssh_config: Any = field(default=None, repr=False)

    @property
    def target(self) -> str:
        return f"{self.user}@{self.host}" + (f":{self.port}" if self.port != 22 else "")


def host_key_policy(value: Any) -> str | None:
    """None when the user said nothing."""
    if value is None or value == "":
        return None
    text = str(value).strip().lower()
    policies = {"accept-new": ACCEPT_NEW, "accept_new": ACCEPT_NEW}
    policies.update(dict.fromkeys(("true", "yes", "on", "1", "strict", "ask"), STRICT))
    policies.update(dict.fromkeys(("false", "no", "off", "0"), OFF))
    if text not in policies:
        raise SshError("invalid", f"host_key_checking: '{value}' is none of true, accept-new, false")
    return policies[text]


def load_ssh_config(paths: list[str]) -> Any:
    """paramiko's SSHConfig of these files, the first value of an option winning."""
    import paramiko

    config = paramiko.SSHConfig()
    for path in paths:
        path = os.path.expanduser(path)
        if not path or not os.path.isfile(path):
            continue
        try:
            with open(path, encoding="utf-8") as file:
                config.parse(file)
        except (OSError, ValueError, paramiko.SSHException) as exc:
            raise SshError("invalid", f"{path} cannot be read: {exc}") from exc
    return config


def build_settings(options: dict[str, Any]) -> Settings:
    """Settings from the connection plugin's options (missing or None = the user said nothing)."""
    config = load_ssh_config(options.get("ssh_config_files") or [])
    given = Settings(
        name=options["host"],
        host="",
        password=options.get("password"),
        passphrase=options.get("private_key_passphrase"),
        look_for_keys=_or(options.get("look_for_keys"), True),
        use_agent=_or(options.get("use_agent"), True),
        command_timeout=_or(options.get("command_timeout"), Settings.command_timeout),
        ssh_config=config,
    )
    key_file = options.get("private_key_file")
    return _complete(
        given,
        port=options.get("port"),
        user=options.get("remote_user"),
        key_files=[os.path.expanduser(key_file)] if key_file else [],
        policy=host_key_policy(options.get("host_key_checking")),
        known_hosts=options.get("known_hosts_files"),
        jump=options.get("proxy_jump"),
        proxy_command=options.get("proxy_command"),
        timeout=options.get("connect_timeout"),
        keepalive=options.get("keepalive_interval"),
    )


def jump_settings(settings: Settings, hop: str) -> Settings:
    """How to reach a jump host: its own ssh_config entry, our keys, never the router's password."""
    match = re.fullmatch(r"(?:ssh://)?(?:([^@]+)@)?(\[[^\]]+\]|[^:\[\]]+)(?::(\d+))?", hop)
    if match is None:
        raise SshError("invalid", f"proxy_jump: '{hop}' is not [user@]host[:port]")
    user, host, port = match.groups()
    base = replace(
        settings, name=host.strip("[]"), host="", password=None, jumps=[], proxy_command="", host_key_name=""
    )
    return _complete(
        base,
        port=int(port) if port else None,
        user=user or _config(base).get("user") or _local_user(),
        key_files=settings.key_files,
        policy=settings.host_key_checking,
        known_hosts=settings.known_hosts,
        jump="none",
        proxy_command=None,
        timeout=settings.connect_timeout,
        keepalive=settings.keepalive,
    )


def _complete(base: Settings, *, port, user, key_files, policy, known_hosts, jump, proxy_command, timeout, keepalive):
    config = _config(base)
    host = config.get("hostname") or base.name
    port = int(_or(port, config.get("port"), 22))
    user = user or config.get("user") or DEFAULT_USER
    files = known_hosts or _files(config.get("userknownhostsfile")) or ["~/.ssh/known_hosts", "~/.ssh/known_hosts2"]
    system = _files(config.get("globalknownhostsfile")) or ["/etc/ssh/ssh_known_hosts"]
    listed = [os.path.expanduser(path) for path in config.get("identityfile") or []]
    if jump is None:
        jump = config.get("proxyjump")
    jumps = [] if not jump or str(jump).lower() == "none" else [hop.strip() for hop in jump.split(",") if hop.strip()]
    command = proxy_command or config.get("proxycommand") or ""
    return replace(
        base,
        host=host,
        port=port,
        user=user,
        key_files=key_files + [path for path in listed if path not in key_files],
        agent_only_listed=str(config.get("identitiesonly", "no")).lower() == "yes",
        host_key_checking=policy or host_key_policy(config.get("stricthostkeychecking")) or STRICT,
        known_hosts=[os.path.expanduser(path) for path in files + (system if not known_hosts else [])],
        host_key_name=config.get("hostkeyalias") or "",
        jumps=jumps,
        proxy_command="" if jumps or command.lower() == "none" else command,
        connect_timeout=float(_or(timeout, config.get("connecttimeout"), 10)),
        keepalive=int(_or(keepalive, config.get("serveraliveinterval"), 15)),
    )


def _config(settings: Settings) -> dict[str, Any]:
    import paramiko

    try:
        return dict(settings.ssh_config.lookup(settings.name)) if settings.ssh_config else {}
    except (paramiko.SSHException, ValueError, KeyError) as exc:
        raise SshError("invalid", f"~/.ssh/config cannot be understood for {settings.name}: {exc}") from exc


def _files(text: str | None) -> list[str]:
    return [path.strip('"') for path in (text or "").split() if path.lower() != "none"]


def _local_user() -> str:
    import getpass

    return getpass.getuser()


def _or(*values: Any) -> Any:
    for value in values:
        if value is not None and value != "":
            return value
    return None
