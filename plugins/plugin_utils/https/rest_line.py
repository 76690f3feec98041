# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The carrier over the REST API package: the agent is staged through the command prompt once per run."""

from __future__ import annotations

import base64
import errno
import hashlib
import os
import tempfile
import time
from collections.abc import Callable
from typing import Any

from .errors import AnswerLost, HttpsError
from .line import HttpsLine, deflate, find_answer
from .native import Native
from .one_time_server import OneTimeServer
from .origin import origin
from .rest_api import NotPermitted, RestApi, RestSettings
from .seal import Seal
from .settings import Settings

COMMAND_LIMIT = 1024
PHP = "/usr/local/bin/php -d display_errors=0"
# Characters from which on the router fetches what would take several commands, and its patience (seconds) for that.
FETCH_FROM, FETCH_PATIENCE = 2500, 5
# Seconds to wait for a pull_port that is taken: maybe another router fetches something from there.
PORT_PATIENCE = 15.0
# Smaller files go in pieces; without a way from the router to us, files may not be larger than the second number, and
# bundles of small ones (send.py) are not.
PULL_FROM, PIECES_UP_TO = 16 * 1024, 4 * 1024 * 1024
COMMANDS = "/diagnostics/command_prompt"


class RestLine(HttpsLine):
    """Requests to the agent are commands; what does not fit into one is staged in pieces."""

    PIECE = 96 * 1024

    def __init__(
        self,
        settings: Settings,
        source: str,
        log: Callable[[str], None] = lambda text: None,
        rest: RestSettings | None = None,
    ) -> None:
        super().__init__(settings, source, log)
        self._rest = rest or RestSettings()
        self._api = RestApi(settings, self.client, self._rest)
        self._native: Native | None = None
        self._no_pull = ""
        self._seal: Seal | None = None

    @property
    def _directory(self) -> str:
        return f"/tmp/pfrack-run-{self._run}"

    def _call(self, op: str, params: dict[str, Any]) -> dict[str, Any]:
        if self._native is None:
            try:
                return super()._call(op, params)
            except NotPermitted as exc:
                self._log(f"{exc.message}: what is possible without it goes over the API's own addresses")
                self._native = Native(self._api, self.settings, self._log)
        return self._native.answer(op, params)

    def begin(self) -> None:
        self._stage("")

    def _stage(self, mark: str) -> None:
        """Stage the agent, and believe only its hash. `mark` makes a file that says that the run lost something."""
        source = f"<?php\n{self._source}\npfrack_main($argv);\n"
        self._seal = None
        came = f"printf %s '{origin()}' >origin"
        self._command(f"umask 077;mkdir {self._directory};cd {self._directory}&&: >b{mark}&&{came}", again=True)
        self._bring(deflate(source), "a")
        digest = hashlib.sha256(source.encode()).hexdigest()
        unpack = (
            f'cd {self._directory}&&cat a.*>b&&{PHP} -r \'$s=gzinflate(base64_decode(file_get_contents("b")));'
            f'if(hash("sha256",$s)!=="{digest}")exit(3);umask(077);file_put_contents("n",$s);rename("n","agent.php");'
            'echo "pfrack staged";\'&&rm -f a.* b'
        )
        output = self._command(unpack, again=True)
        if "pfrack staged" not in output:
            raise HttpsError("internal", f"the agent was damaged on its way to {self.settings.target}: {output[:300]}")
        make_key = f"umask 077;cd {self._directory}&&openssl genrsa -out private 2048 2>/dev/null;"
        output = self._command(make_key + "openssl rsa -in private -pubout 2>/dev/null", again=True)
        try:
            self._seal = Seal(output)
        except ValueError as exc:
            raise HttpsError("internal", f"openssl on {self.settings.target} made no key: {output[:300]}") from exc

    def abandon(self) -> None:
        try:
            self._command("rm -rf " + self._directory)
        except (AnswerLost, HttpsError) as exc:
            self._log(f"{self._directory} stays on the router: {exc}")

    def send(self, packed: str, data: str, request_id: str, timeout: float) -> dict[str, Any]:
        output = self._run_agent(packed, data, request_id, timeout)
        if "Could not open input file" in output:
            # The router was started again. Nothing was done, and the agent has to know that it may lack answers.
            self._log("the agent is gone from the router, staging it again")
            self._stage(" >again")
            output = self._run_agent(packed, data, request_id, timeout)
        answer = find_answer(output, request_id)
        if answer is None:
            raise AnswerLost(f"the agent did not answer: {output[:300] or 'no output'}", sent=True)
        if self._seal:
            self._seal.known = True
        return answer

    def _run_agent(self, packed: str, data: str, request_id: str, timeout: float) -> str:
        text = self._seal.close(base64.b64decode(packed), base64.b64decode(data)) if self._seal else ""
        run = f"{PHP} {self._directory}/agent.php"
        command = f"printf %s {text}|{run}"
        if len(command) > COMMAND_LIMIT:
            name = request_id[:8]
            self._bring(text, name)
            command = f"cd {self._directory}&&cat {name}.*|{run};rm -f {name}.*"
        return self._command(command, timeout)

    def _bring(self, text: str, name: str) -> None:
        """Into files NAME.* of the run's directory; long ones are fetched by the router, if it can reach us."""
        if len(text) < FETCH_FROM or self._no_pull or not self._fetch(text, f"{name}.0"):
            self._pieces(text, name)

    def _fetch(self, text: str, name: str) -> bool:
        """Whether the router fetched it. What comes this way is sealed, or believed by its hash only."""
        with tempfile.NamedTemporaryFile("w", prefix="pfrack-") as file:
            file.write(text)
            file.flush()
            server = self._serve(file.name)
            if server is None:
                return False
            with server:
                php = f'if(@copy("{server.url}","{name}")&&filesize("{name}")==={len(text)})echo"fetched";'
                command = f"cd {self._directory}&&{PHP} -d default_socket_timeout={FETCH_PATIENCE} -r "
                output = self._command(f'{command}\'{php}else{{@unlink("{name}");echo"nothing";}}\'', again=True)
        if "nothing" in output:
            self._no_pull = f"it did not get an answer from {server.url.rpartition('/')[0]}"
            self._log(f"the router cannot fetch from us ({self._no_pull}), everything goes in pieces")
        return "fetched" in output

    def _serve(self, path: str, offset: int = 0, end: int | None = None) -> OneTimeServer | None:
        """A server for a file or these bytes of it; None when there can be none."""
        host = self._rest.pull_host or self.client.local_address()
        deadline = time.monotonic() + PORT_PATIENCE
        while True:
            try:
                return OneTimeServer(path, host, self._rest.pull_port, bool(self._rest.pull_host), offset, end)
            except OSError as exc:
                if exc.errno != errno.EADDRINUSE:
                    self._no_pull = f"no server for it could be started here: {exc}"
                    return None
                if time.monotonic() > deadline:
                    return None
                time.sleep(0.5)  # nobody tells when a port is free again

    def _pieces(self, text: str, name: str) -> None:
        """Each into a file of its own, so that a piece may be sent again."""
        frame = f"printf %s >{self._directory}/{name}.00000"
        size = COMMAND_LIMIT - len(frame)
        for number, at in enumerate(range(0, len(text), size)):
            piece = text[at : at + size]
            self._command(f"printf %s {piece}>{self._directory}/{name}.{number:05d}", again=True)

    def _command(self, command: str, timeout: float = 60.0, again: bool = False) -> str:
        """The output of a shell command on the router; `again`: it may be run twice."""
        fields = {"command": command}
        try:
            data = self._api.ask("POST", COMMANDS, fields, timeout)
        except AnswerLost:
            if not again:
                raise
            data = self._api.ask("POST", COMMANDS, fields, timeout)
        if not isinstance(data, dict) or "output" not in data:
            raise HttpsError("unsupported", f"{self.settings.target} answered no output of a command")
        return str(data["output"] or "")

    def bring(self, local_path: str, directory: str, name: str, offset: int, end: int) -> dict[str, Any]:
        """Large files are fetched by the router from a one-time address here, small ones travel in pieces."""
        if end - offset >= PULL_FROM and not self._no_pull:
            answer = self._pull(local_path, directory, name, offset, end)
            if answer is not None:
                return answer
        size = os.stat(local_path).st_size
        if size > PIECES_UP_TO:
            why = self._no_pull or f"port {self._rest.pull_port} is in use here"
            raise HttpsError(
                "unreachable",
                f"{local_path} is too large ({size} bytes) for the API, and the router cannot fetch it from here "
                f"({why}): let it through to us, set ansible_pfsense_pull_host and "
                "ansible_pfsense_pull_port, or use pfrack.cluster.pfsense_xmlrpc or pfsense_ssh",
            )
        return super().bring(local_path, directory, name, offset, end)

    def _pull(self, local_path: str, directory: str, name: str, offset: int, end: int) -> dict[str, Any] | None:
        """The answer, or None when the router cannot reach us."""
        self._start_run()
        server = self._serve(local_path, offset, end)
        if server is None:
            return None
        with server:
            params = {"directory": directory, "name": name, "url": server.url}
            params.update(offset=offset, size=end - offset, sha256=server.sha256)
            answer = self._call("pull", params)
        error = answer.get("error") or {}
        # A way that was cut is a way.
        if (error.get("kind"), error.get("function")) == ("unreachable", "fopen"):
            self._no_pull = error["message"]
            self._log(f"the router cannot fetch files from us ({self._no_pull}), sending them in pieces")
            return None
        return answer
