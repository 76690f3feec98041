# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One kept-open HTTPS connection to the router: requests one after the other, and honest failures."""

from __future__ import annotations

import base64
import contextlib
import http.client
import socket
import ssl
import urllib.parse
from dataclasses import dataclass
from typing import Any

from .errors import AnswerLost, HttpsError
from .settings import Settings
from .tls import check_pin, make_context, refused


@dataclass(frozen=True)
class Response:
    """Header names are lower-case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", errors="replace")

    def excerpt(self) -> str:
        """The beginning of the body, for messages."""
        return " ".join(self.text.split())[:300]


class HttpsClient:
    """Not for several threads. Repeats nothing by itself, except what cannot have left this machine."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._connection: http.client.HTTPConnection | None = None
        self.requests = 0
        self.connections = 0

    def request(self, method: str, path: str, body: bytes | None, headers: dict[str, str], timeout: float) -> Response:
        """Raises AnswerLost, or HttpsError of kind unreachable, timeout or certificate when nothing was sent."""
        connection = self._open()
        connection.sock.settimeout(timeout)
        self.requests += 1
        if self._settings.proxy and not self._settings.use_tls:
            path = self._settings.target + path
        sent = False
        try:
            connection.putrequest(method, path, skip_accept_encoding=True)
            for name, value in headers.items():
                connection.putheader(name, value)
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders()
            if body:
                connection.send(body)
            sent = True
            answer = connection.getresponse()
            data = answer.read()
        except (OSError, http.client.HTTPException) as exc:
            # What the kernel took may have arrived, even when the rest did not.
            self.close()
            words = (
                f"no answer within {timeout:g} s" if isinstance(exc, TimeoutError) else str(exc) or type(exc).__name__
            )
            raise AnswerLost(words, sent) from exc
        if answer.will_close:
            self.close()
        return Response(answer.status, {name.lower(): value for name, value in answer.getheaders()}, data)

    def local_address(self) -> str:
        """Our address as the router sees it, if nothing translates it on the way."""
        return self._open().sock.getsockname()[0]

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(OSError):
                connection.close()

    def _open(self) -> Any:
        if self._connection is not None and self._connection.sock is not None and not self._stale():
            return self._connection
        self.close()
        settings = self._settings
        context = make_context(settings) if settings.use_tls else None
        sock = self._connect()
        try:
            if context is not None:
                try:
                    sock = context.wrap_socket(sock, server_hostname=settings.host)
                except ssl.SSLError as exc:
                    address = None if settings.proxy else (settings.host, settings.port)
                    raise refused(settings, exc, address) from exc
                check_pin(settings, sock)
        except OSError as exc:
            sock.close()
            kind = "timeout" if isinstance(exc, TimeoutError) else "unreachable"
            raise HttpsError(kind, f"no TLS with {settings.target}: {exc}") from exc
        except HttpsError:
            sock.close()
            raise
        connection = http.client.HTTPConnection(settings.host, settings.port)
        connection.sock = sock
        # A new connection is ours to make, with all the checks above.
        connection.auto_open = 0
        self._connection = connection
        self.connections += 1
        return connection

    def _stale(self) -> bool:
        """Whether the other side closed it meanwhile: then nothing has to be sent to find out."""
        sock = self._connection.sock
        try:
            sock.setblocking(False)
            sock.recv(1)
            return True
        except (BlockingIOError, ssl.SSLWantReadError):
            return False
        except OSError:
            return True
        finally:
            with contextlib.suppress(OSError):
                sock.setblocking(True)

    def _connect(self) -> socket.socket:
        settings = self._settings
        address = (settings.host, settings.port)
        proxy = None
        if settings.proxy:
            text = settings.proxy if "//" in settings.proxy else f"//{settings.proxy}"
            proxy = urllib.parse.urlsplit(text)
            address = (proxy.hostname or "", proxy.port or 3128)
        where = f"the proxy {address[0]} port {address[1]}" if proxy else settings.target
        try:
            sock = socket.create_connection(address, timeout=settings.connect_timeout)
        except socket.gaierror as exc:
            raise HttpsError("unreachable", f"the name {address[0]} is not known: {exc.strerror}") from exc
        except TimeoutError as exc:
            raise HttpsError(
                "timeout",
                f"{where} did not answer within {settings.connect_timeout:g} s: is the router up, and does a "
                "firewall rule allow its web GUI? After several wrong passwords its login protection blocks an address "
                "for some minutes",
            ) from exc
        except OSError as exc:
            raise HttpsError("unreachable", f"cannot connect to {where}: {exc.strerror or exc}") from exc
        # Without this a request of several pieces waits for a delayed acknowledgement.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if settings.keepalive and hasattr(socket, "TCP_USER_TIMEOUT"):
            # A dead line shows by what nobody acknowledges, while a slow router may take its time.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, settings.keepalive)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, settings.keepalive)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, settings.keepalive * 3000)
        if proxy and settings.use_tls:
            self._tunnel(sock, proxy, where)
        return sock

    def _tunnel(self, sock: socket.socket, proxy: Any, where: str) -> None:
        host = f"[{self._settings.host}]" if ":" in self._settings.host else self._settings.host
        place = f"{host}:{self._settings.port}"
        lines = [f"CONNECT {place} HTTP/1.1", f"Host: {place}"]
        if proxy.username:
            user = urllib.parse.unquote(proxy.username)
            word = urllib.parse.unquote(proxy.password or "")
            lines.append("Proxy-Authorization: Basic " + base64.b64encode(f"{user}:{word}".encode()).decode())
        try:
            sock.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
            head = b""
            while b"\r\n\r\n" not in head and len(head) < 65536:
                data = sock.recv(1)
                if not data:
                    break
                head += data
        except OSError as exc:
            sock.close()
            raise HttpsError("unreachable", f"{where} did not answer: {exc}") from exc
        first = head.split(b"\r\n", 1)[0].decode(errors="replace")
        if " 200" not in first:
            sock.close()
            raise HttpsError("unreachable", f"{where} gives no way to {self._settings.target}: {first or 'no answer'}")
