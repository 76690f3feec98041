# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How to reach the router's web server."""

from __future__ import annotations

import re
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import Any

from .errors import HttpsError

WEB_SERVER_PATIENCE = 180.0


@dataclass(frozen=True)
class Settings:
    """Timeouts in seconds; `fingerprint` is the SHA-256 of the certificate in lower-case hex, or empty."""

    host: str
    port: int
    user: str = ""
    password: str = ""
    use_tls: bool = True
    validate_certs: bool = True
    ca_path: str = ""
    fingerprint: str = ""
    connect_timeout: float = 10.0
    command_timeout: float = 595.0
    proxy: str = ""
    keepalive: int = 15

    @property
    def target(self) -> str:
        """For messages."""
        scheme = "https" if self.use_tls else "http"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{scheme}://{host}:{self.port}"


def build_settings(options: dict[str, Any]) -> Settings:
    """Settings from the connection plugin's options (None = the user said nothing)."""
    use_tls = options.get("use_ssl") is not False
    host = str(options["host"])
    port = int(options.get("port") or (443 if use_tls else 80))
    return Settings(
        host=host,
        port=port,
        user=options.get("remote_user") or "admin",
        password=options.get("password") or "",
        use_tls=use_tls,
        validate_certs=options.get("validate_certs") is not False,
        ca_path=options.get("ca_path") or "",
        fingerprint=normal_fingerprint(options.get("certificate_fingerprint") or ""),
        connect_timeout=float(options.get("connect_timeout") or Settings.connect_timeout),
        command_timeout=float(options.get("command_timeout") or Settings.command_timeout),
        keepalive=int(
            Settings.keepalive if options.get("keepalive_interval") is None else options["keepalive_interval"]
        ),
        proxy=_proxy(options, "https" if use_tls else "http", host, port),
    )


def normal_fingerprint(text: str) -> str:
    """`sha256:AB:CD:…`, as openssl prints it or plain hex, becomes lower-case hex. Raises HttpsError."""
    plain = re.sub(r"^(sha-?256( fingerprint)?\s*[=:])?", "", text.strip().lower())
    plain = re.sub(r"[\s:]", "", plain)
    if plain and not re.fullmatch(r"[0-9a-f]{64}", plain):
        raise HttpsError("invalid", f"'{text}' is no SHA-256 fingerprint of a certificate: 64 hexadecimal digits")
    return plain


def _proxy(options: dict[str, Any], scheme: str, host: str, port: int) -> str:
    if options.get("proxy"):
        proxy = options["proxy"]
    elif options.get("use_proxy") is False or urllib.request.proxy_bypass(f"{host}:{port}"):
        return ""
    else:
        proxy = urllib.request.getproxies().get(scheme) or ""
    if proxy and urllib.parse.urlsplit(proxy if "//" in proxy else f"//{proxy}").scheme not in ("", "http"):
        raise HttpsError("invalid", "the proxy has to be an http:// address")
    return proxy
