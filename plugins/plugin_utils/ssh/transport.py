# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An authenticated SSH transport to the router, or an error that says which step failed and what to do."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import socket
from typing import Any

from . import known_hosts
from .errors import SshError
from .settings import ACCEPT_NEW, OFF, Settings, jump_settings

DEFAULT_KEYS = ("~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa")
PASSWORD = "password"


class Opened:
    """A transport and the jump hosts it goes through."""

    def __init__(self, transport: Any, below: list[Any]) -> None:
        self.transport = transport
        self._below = below

    def alive(self) -> bool:
        return self.transport.is_active() and self.transport.is_authenticated()

    def close(self) -> None:
        for transport in [self.transport, *reversed(self._below)]:
            with contextlib.suppress(Exception):
                transport.close()


def open_transport(settings: Settings) -> Opened:
    """Connect through all jump hosts. Raises SshError of kind unreachable, timeout, host_key or auth."""
    below: list[Any] = []
    try:
        hops = [jump_settings(settings, hop) for hop in settings.jumps]
        for hop in hops:
            below.append(_open(hop, _channel(below[-1], hop) if below else _connect(hop)))
        return Opened(_open(settings, _channel(below[-1], settings) if below else _connect(settings)), below)
    except BaseException:
        for transport in reversed(below):
            with contextlib.suppress(Exception):
                transport.close()
        raise


def _connect(settings: Settings) -> Any:
    import paramiko

    if settings.proxy_command:
        return paramiko.ProxyCommand(settings.proxy_command)
    where = f"{settings.host} port {settings.port}"
    try:
        sock = socket.create_connection((settings.host, settings.port), timeout=settings.connect_timeout)
    except socket.gaierror as exc:
        raise SshError("unreachable", f"the name {settings.host} is not known: {exc.strerror}") from exc
    except TimeoutError as exc:
        raise SshError(
            "timeout",
            f"{where} did not answer within {settings.connect_timeout:g} s: is the router up, and is SSH enabled and "
            "allowed by its firewall rules?",
        ) from exc
    except OSError as exc:
        raise SshError("unreachable", f"cannot connect to {where}: {exc.strerror or exc}") from exc
    # Without this each exchange waits for a delayed acknowledgement.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if settings.keepalive and hasattr(socket, "TCP_USER_TIMEOUT"):
        # A dead line shows by keepalives that nobody acknowledges.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, settings.keepalive * 3000)
    return sock


def _channel(transport: Any, settings: Settings) -> Any:
    import paramiko

    try:
        return transport.open_channel(
            "direct-tcpip", (settings.host, settings.port), ("127.0.0.1", 0), timeout=settings.connect_timeout
        )
    except (paramiko.SSHException, OSError, EOFError) as exc:
        raise SshError(
            "unreachable", f"the jump host cannot reach {settings.host} port {settings.port}: {exc}"
        ) from exc


def _open(settings: Settings, sock: Any) -> Any:
    import paramiko

    try:
        transport = paramiko.Transport(sock)
    except Exception:
        sock.close()
        raise
    try:
        transport.banner_timeout = settings.connect_timeout
        # The router may ask a directory server about the user.
        transport.auth_timeout = max(settings.connect_timeout, 15)
        name = settings.host_key_name or known_hosts.lookup_name(settings.host, settings.port)
        known = known_hosts.known_entries(settings.known_hosts, name)
        _prefer(transport, [entry.key_type for entry in known if not entry.revoked])
        try:
            transport.start_client(timeout=settings.connect_timeout)
            key = transport.get_remote_server_key()
        except (paramiko.SSHException, OSError, EOFError) as exc:
            raise SshError(
                "unreachable", f"no SSH session with {settings.target}: {exc or 'the line was closed'}"
            ) from exc
        _check_host_key(settings, name, known, key)
        _authenticate(settings, transport)
        transport.set_keepalive(settings.keepalive)
        return transport
    except BaseException:
        transport.close()
        raise


def _prefer(transport: Any, types: list[str]) -> None:
    """Ask for a host key of a type that we know, as OpenSSH does, and for the ciphers that are fastest."""
    options = transport.get_security_options()
    options.ciphers = sorted(options.ciphers, key=lambda cipher: "gcm" not in cipher)
    wanted = []
    for key_type in types:
        wanted += ["rsa-sha2-512", "rsa-sha2-256"] if key_type == "ssh-rsa" else [key_type]
    offered = list(options.key_types)
    first = [key_type for key_type in dict.fromkeys(wanted) if key_type in offered]
    if first:
        options.key_types = first + [key_type for key_type in offered if key_type not in first]


def _check_host_key(settings: Settings, name: str, known: list[known_hosts.Entry], key: Any) -> None:
    key_type, text = key.get_name(), key.get_base64()
    if settings.host_key_checking == OFF:
        return
    digest = base64.b64encode(hashlib.sha256(key.asbytes()).digest()).decode().rstrip("=")
    shown = f"{key_type} SHA256:{digest}"
    for entry in known:
        if entry.revoked and entry.key == text:
            raise SshError("host_key", f"{entry.path}:{entry.line} revokes the host key of {name} ({shown})")
    good = [entry for entry in known if not entry.revoked]
    if any(entry.key == text and entry.key_type == key_type for entry in good):
        return
    path = settings.known_hosts[0]
    port = f"-p {settings.port} " if settings.port != 22 else ""
    scan = f"ssh-keyscan {port}{settings.host} >> {path}"
    if good:
        places = ", ".join(f"{entry.path}:{entry.line}" for entry in good)
        raise SshError(
            "host_key",
            f"the host key of {name} is not the known one ({places}); it now shows {shown}. Somebody may be in "
            f"between, or the router was installed anew. If you are sure, remove the old key with "
            f"ssh-keygen -R '{name}' -f {good[0].path} and add the new one with {scan}",
        )
    if settings.host_key_checking == ACCEPT_NEW:
        known_hosts.add_entry(path, name, key_type, text)
        return
    raise SshError(
        "host_key",
        f"the host key of {name} is unknown ({shown}): it does not stand in {', '.join(settings.known_hosts)}. "
        f"Compare the fingerprint with the router's (ssh-keygen -lf on its console), then add it with {scan}, "
        "or set ansible_host_key_checking: accept-new",
    )


def _load_key(path: str, passphrase: str | None) -> Any:
    import paramiko

    problem = ""
    for name in ("Ed25519Key", "ECDSAKey", "RSAKey"):
        try:
            return getattr(paramiko, name).from_private_key_file(path, passphrase)
        except paramiko.PasswordRequiredException:
            raise SshError(
                "auth", f"the private key {path} needs a passphrase: set ansible_private_key_passphrase"
            ) from None
        except (paramiko.SSHException, ValueError, IndexError) as exc:
            problem = str(exc)
        except OSError as exc:
            raise SshError("auth", f"the private key {path} cannot be read: {exc.strerror}") from exc
    raise SshError("auth", f"the private key {path} cannot be used (wrong passphrase or unknown format): {problem}")


def _keys(settings: Settings, problems: list[str]) -> Any:
    """Keys in OpenSSH's order: listed ones, the agent's, the usual files. Yields (what it is, key)."""
    import paramiko

    listed = set()
    for path in settings.key_files:
        if not os.path.exists(path) and path != settings.key_files[0]:
            continue
        try:
            key = _load_key(path, settings.passphrase)
        except SshError as exc:
            problems.append(exc.message)
            continue
        listed.add(key.get_base64())
        yield f"key {path}", key
    if settings.use_agent and os.environ.get("SSH_AUTH_SOCK"):
        with contextlib.suppress(paramiko.SSHException, OSError):
            for key in paramiko.Agent().get_keys():
                if key.get_base64() not in listed and not settings.agent_only_listed:
                    yield "a key of the agent", key
    if settings.look_for_keys and not settings.key_files:
        for path in map(os.path.expanduser, DEFAULT_KEYS):
            if os.path.exists(path):
                try:
                    yield f"key {path}", _load_key(path, settings.passphrase)
                except SshError as exc:
                    problems.append(exc.message)


def _authenticate(settings: Settings, transport: Any) -> None:
    import paramiko

    tried: list[str] = []
    problems: list[str] = []
    allowed: list[str] = []
    taken = ""
    try:
        for what, key in _keys(settings, problems):
            tried.append(what)
            try:
                more = transport.auth_publickey(settings.user, key)
            except paramiko.BadAuthenticationType as exc:
                allowed = list(exc.allowed_types)
                continue
            except paramiko.AuthenticationException:
                continue
            if transport.is_authenticated():
                return
            # Some routers want a key and a password.
            taken, allowed = what, list(more)
            if "publickey" not in allowed:
                break
        if settings.password is not None:
            tried.append(PASSWORD)
            try:
                more = transport.auth_password(settings.user, settings.password)
                if transport.is_authenticated():
                    return
                taken, allowed = PASSWORD, list(more)
            except paramiko.BadAuthenticationType as exc:
                allowed = list(exc.allowed_types)
            except paramiko.AuthenticationException:
                pass
    except (paramiko.SSHException, OSError, EOFError) as exc:
        problems.append(str(exc) or "the router closed the connection")
    raise SshError("auth", _refusal(settings, tried, taken, allowed), "\n".join(problems))


def _refusal(settings: Settings, tried: list[str], taken: str, allowed: list[str]) -> str:
    """taken: what was right, but not enough; allowed: what the router accepts, or wants besides."""
    means = ", ".join(dict.fromkeys(tried)) or "nothing, no key and no password"
    message = f"{settings.target} refused the login; tried: {means}"
    if allowed:
        message += f"; {f'it took {taken}, and besides it wants' if taken else 'it accepts'}: {', '.join(allowed)}"
    if PASSWORD in tried and "publickey" in allowed and PASSWORD not in allowed:
        return f"{message}. Set ansible_private_key_file to a key of this user"
    if PASSWORD in tried:
        return f"{message}. Is the password (ansible_password) right for this user?"
    if PASSWORD in allowed and taken:
        return f"{message}. Set ansible_password"
    return message if tried else f"{message}. Set ansible_password or ansible_private_key_file"
