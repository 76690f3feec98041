# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A router for the connection's tests: a paramiko server in threads, with an agent that misbehaves on demand."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import zlib

import paramiko


class FakeRouter:
    """Listens on 127.0.0.1. `behave(op, params, agent)` gives each result, or None to say nothing."""

    def __init__(self, password="right", shell="agent", behave=None):
        self.password = password
        self.shell = shell
        self.behave = behave or (lambda op, params, agent: {"op": op})
        self.host_key = paramiko.ECDSAKey.generate()
        self.requests: list[str] = []
        self.commands: list[str] = []
        self.logins = 0
        self.agents: list[FakeAgent] = []
        self.transports: list[paramiko.Transport] = []
        # Whether files may come through a channel of their own, and those that did.
        self.takes_files, self.files = True, {}
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._listen, daemon=True).start()

    def known_hosts_line(self):
        return f"[127.0.0.1]:{self.port} {self.host_key.get_name()} {self.host_key.get_base64()}\n"

    def _listen(self):
        while True:
            try:
                sock, _address = self._listener.accept()
            except OSError:
                return
            transport = paramiko.Transport(sock)
            transport.add_server_key(self.host_key)
            self.transports.append(transport)
            try:
                transport.start_server(server=_Server(self))
            except (paramiko.SSHException, EOFError, OSError):
                continue

    def cut(self):
        """The lines that there are now are gone, for both sides; who is quick has the next one meanwhile."""
        gone, self.transports = self.transports, []
        for transport in gone:
            transport.close()

    def close(self):
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()


class _Server(paramiko.ServerInterface):
    def __init__(self, router):
        self._router = router

    def check_auth_password(self, username, password):
        good = password == self._router.password
        self._router.logins += good
        return paramiko.AUTH_SUCCESSFUL if good else paramiko.AUTH_FAILED

    def get_allowed_auths(self, username):
        return "password"

    def check_channel_request(self, kind, chanid):
        return paramiko.OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel, command):
        self._router.commands.append(command.decode())
        threading.Thread(target=self._run, args=(channel, command), daemon=True).start()
        return True

    def _run(self, channel, command):
        # A line that was cut in the middle of a number ends the same way.
        with contextlib.suppress(OSError, EOFError, ValueError, paramiko.SSHException):
            self._serve(channel, command)

    def _serve(self, channel, command):
        shell = self._router.shell
        if b"exec dd " in command:
            with channel.makefile("rb") as stream:
                begin, path = int(stream.readline()) << 20, stream.readline().decode().strip()
                data = stream.read()
            if self._router.takes_files:
                old = self._router.files.get(path, b"")
                self._router.files[path] = old[:begin] + data + old[begin + len(data) :]
            channel.send_exit_status(0 if self._router.takes_files else 1)
            channel.close()
        elif shell == "agent":
            agent = FakeAgent(self._router, channel)
            self._router.agents.append(agent)
            agent.serve()
        elif shell == "menu":
            channel.sendall(b"*** Welcome to pfSense ***\n 0) Logout\n 8) Shell\n\nEnter an option: ")
        else:
            text, status = shell
            channel.sendall(text)
            channel.send_exit_status(status)
            channel.close()


class FakeAgent:
    """Speaks the frames of the PHP agent."""

    def __init__(self, router, channel):
        self.router = router
        self.channel = channel
        self.noise = b""

    def serve(self):
        with self.channel.makefile("rb") as lines:
            self.script = zlib.decompress(lines.read(int(lines.readline())), -zlib.MAX_WBITS)
            self.marker = json.loads(lines.readline())["marker"]
            for line in lines:
                request = json.loads(line)
                op = request["op"]
                self.router.requests.append(op)
                if op == "hello":
                    result = {"uid": 0}
                else:
                    result = self.router.behave(op, request["params"], self)
                if result is not None:
                    self.answer({"id": request["id"], "ok": True, "result": result})
                if op == "bye":
                    break
        self.channel.close()

    def answer(self, answer):
        text = json.dumps(answer).encode()
        self.channel.sendall(self.noise + b"\n%s %d\n%s\n" % (self.marker.encode(), len(text), text))
