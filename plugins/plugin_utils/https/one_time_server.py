# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A web server for one file, for as long as the router fetches it."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import os
import secrets
import socket
import socketserver
import threading
from collections.abc import Iterator


class OneTimeServer:
    """A context. `url` holds a secret; `sha256` is what the other side has to find. Raises OSError."""

    def __init__(
        self, path: str, host: str, port: int, anywhere: bool, offset: int = 0, end: int | None = None
    ) -> None:
        """Listens on `host`, or with `anywhere` on all addresses because something translates `host` on the way.

        offset, end: of the bytes that are served.
        """
        self._path = path
        self._offset = offset
        self._size = (os.stat(path).st_size if end is None else end) - offset
        self._secret = f"/{secrets.token_hex(24)}"
        digest = hashlib.sha256()
        for block in self._blocks():
            digest.update(block)
        self.sha256 = digest.hexdigest()
        self._connections: list[socket.socket] = []
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        outer = self

        # Not http.server's: that one asks for its name in DNS, which the router may be about to serve.
        class Server(socketserver.ThreadingTCPServer):
            address_family = family
            daemon_threads = True
            allow_reuse_address = True

            def get_request(self) -> tuple[socket.socket, object]:
                connection, address = super().get_request()
                outer._connections.append(connection)
                return connection, address

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer._serve(self)

            def log_message(self, *_: object) -> None:
                """The secret does not belong into any log."""

        any_address = "::" if family == socket.AF_INET6 else "0.0.0.0"  # noqa: S104
        self._server = Server((any_address if anywhere else host, port), Handler)
        shown = f"[{host}]" if family == socket.AF_INET6 else host
        self.url = f"http://{shown}:{self._server.server_address[1]}{self._secret}"

    def _serve(self, request: http.server.BaseHTTPRequestHandler) -> None:
        if not secrets.compare_digest(request.path, self._secret):
            request.send_error(404)
            return
        request.send_response(200)
        request.send_header("Content-Type", "application/octet-stream")
        request.send_header("Content-Length", str(self._size))
        request.end_headers()
        # The router may have given up, and so may we.
        with contextlib.suppress(OSError):
            for block in self._blocks():
                request.wfile.write(block)

    def _blocks(self) -> Iterator[bytes]:
        with open(self._path, "rb") as file:
            file.seek(self._offset)
            left = self._size
            while block := file.read(min(left, 1 << 18)):
                left -= len(block)
                yield block

    def __enter__(self) -> OneTimeServer:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        # What is still under way is wanted no more, and on the router it would be in the way of the next try.
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
