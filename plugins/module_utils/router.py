# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The port: what any carrier of requests to the agent can do for us. It knows nothing of any area."""

from __future__ import annotations

import base64
import time
import zlib
from dataclasses import dataclass

JOB_WAIT_FIRST = 0.5
JOB_WAIT_LONGEST = 5.0


class RouterError(Exception):
    """The router, or the way to it, said no.

    kind: see the agent protocol; function: the PHP function that failed, or None;
    detail: the daemon's own words, or None.
    """

    def __init__(self, kind, message, function=None, detail=None):
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.function = function
        self.detail = detail


@dataclass
class Snapshot:
    """Sections (path -> value, None when missing) and facts, as they were at one revision."""

    revision: str
    sections: dict
    info: dict


@dataclass
class CommitResult:
    """The new revision, the services that were applied and what they printed."""

    revision: str
    applied: list
    output: str


@dataclass
class JobResult:
    """How a job on the router ended."""

    exit_code: int
    output: str


class Router:
    """One router, reached through `call(op, params)` and `upload(local_path, directory, name, offset, length)`.

    Both give answers of the agent. Every method raises RouterError when the answer says so.
    """

    def __init__(self, call, upload=None, sleep=time.sleep, clock=time.monotonic):
        self._call = call
        self._upload = upload
        self._sleep = sleep
        self._clock = clock

    def info(self):
        """Facts about the router, as `pfsense_info` returns them."""
        return self._result(self._call("info", {}))

    def read(self, paths):
        """The sections at the paths."""
        result = self._result(self._call("read", {"paths": list(paths)}))
        sections = _map(result, "sections")
        return Snapshot(
            _value(result, "revision", str), {path: sections.get(path) for path in paths}, _map(result, "info")
        )

    def commit(self, revision, operations, services, description):
        """Write and apply in one go, if the configuration still has this revision (else kind `conflict`)."""
        result = self._result(
            self._call(
                "commit",
                {
                    "revision": revision,
                    "operations": operations,
                    "services": services,
                    "description": description,
                },
            )
        )
        return CommitResult(_value(result, "revision", str), result.get("applied") or [], result.get("output") or "")

    def change_packages(self, install=(), remove=(), timeout=600):
        """Install and remove packages by their short names; waits at most `timeout` seconds."""
        started = self._result(self._call("package_start", {"install": list(install), "remove": list(remove)}))
        deadline = self._clock() + timeout
        wait = JOB_WAIT_FIRST
        while True:
            state = self._result(self._call("job", {"job": _value(started, "job", str)}))
            if not _value(state, "running", bool):
                return JobResult(_value(state, "exit_code", int), state.get("output") or "")
            left = deadline - self._clock()
            if left <= 0:
                raise RouterError(
                    "timeout",
                    "the package manager was still at work after %d seconds; it goes on by itself" % timeout,
                    "package_start",
                    state.get("output"),
                )
            # Nothing announces the end of a job, so it is asked for, less and less often.
            self._sleep(min(wait, left))
            wait = min(wait * 1.5, JOB_WAIT_LONGEST)

    def haproxy_state(self, notes=()):
        """The running HAProxy and the file it starts from: {revision, pids, version, state, lines, notes}.

        A carrier that may not look says why, {blind: text, unapplied: whether config.xml waits for a reload}.
        """
        result = self._result(self._call("haproxy_state", {"notes": list(notes)}))
        return dict(result, lines=_map(result, "lines"), notes=_map(result, "notes"))

    def haproxy_runtime(self, commands, revision=None):
        """Answers to commands of HAProxy's runtime socket, None for each that nobody answered.

        With a revision they run under the router's lock, if config.xml still has it (else kind `conflict`).
        """
        params = {"commands": list(commands)}
        if revision is not None:
            params["revision"] = revision
        return self._result(self._call("haproxy_runtime", params)).get("answers") or []

    def haproxy_wait(self, servers, seconds, idle=False):
        """Wait, 60 s at most, until servers ("backend/server") have no sessions; the sessions of each by name.

        idle: idle connections count as well.
        """
        params = {"servers": list(servers), "seconds": seconds, "idle": idle}
        return self._result(self._call("haproxy_wait", params)).get("sessions") or {}

    def leases(self):
        """DHCP leases: {leases: [...], now: seconds since 1970 on the router, backend: isc or kea}."""
        return self._result(self._call("leases", {}))

    def probe(self, targets, timeout=2):
        """[{ok, detail}] for targets {address, port, path, method}, as seen from the router."""
        return self._result(self._call("probe", {"targets": list(targets), "timeout": timeout})).get("results") or []

    def wait(self, since="", timeout=30, targets=()):
        """Wait, 60 s at most, until leases, HAProxy's servers or config.xml change, or a target answers.

        {token: the next `since`, changed: ["leases", "health", "config"], answering: indexes of targets (see probe),
        now: seconds since 1970}.
        """
        return self._result(self._call("wait", {"since": since, "timeout": timeout, "targets": list(targets)}))

    def note(self, name, text=None):
        """What an earlier run noted on the router under a name ("" for nothing); `text` replaces it."""
        params = {"name": name} if text is None else {"name": name, "text": text}
        return self._result(self._call("note", params)).get("text") or ""

    def checkpoint(self, timeout, agent):
        """Arm a checkpoint: {id, holder, since, timeout}. `agent` is the agent's source, which watches over it.

        Every change of this run is journaled from now on, and taken back `timeout` seconds after its last request
        unless it confirms. Kind `busy` when another run holds one.
        """
        packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
        packed = packer.compress(agent.encode()) + packer.flush()
        return self._result(
            self._call("checkpoint", {"timeout": timeout, "agent": base64.b64encode(packed).decode("ascii")})
        )

    def confirm(self):
        """Keep what this run changed: {id, changes}. Kind `rolled_back` when it was too late."""
        return self._result(self._call("confirm", {}))

    def rollback(self, checkpoint=None, revision=None, why="", test=False):
        """Go back to this run's checkpoint, to one by its id, or to a revision of the router's history.

        {rolled_back, restored: [place], kept: [place that others changed since], applied: [service],
        failed: {service: words}, files: number, not_applied: [section]}; with `test` a revision is only compared.
        """
        params = {"why": why}
        if checkpoint is not None:
            params["id"] = checkpoint
        if revision is not None:
            params.update(revision=revision, test=test)
        result = self._result(self._call("rollback", params))
        return dict(result, failed=result.get("failed") or {})

    def checkpoint_status(self):
        """The checkpoint that is armed, {id, holder, since, timeout, changes, watched}, and how the last one ended.

        {checkpoint: the one or None, rolled_back: {holder, at, why} or None}
        """
        return self._result(self._call("checkpoint_status", {}))

    def revisions(self):
        """The router's own history: {current: {time, description}, revisions: [{revision, time, description}]}."""
        return self._result(self._call("revisions", {}))

    def tree(self, root):
        """The files below a directory: {exists, free, total, files: {path: {sha256, size, mode}}}."""
        result = self._result(self._call("tree", {"root": root}))
        return dict(result, files=_map(result, "files"))

    def stage(self, root, sizes):
        """A private directory for files of these sizes (bytes), made after a check of the free space."""
        return self._result(self._call("stage", {"root": root, "sizes": list(sizes)}))

    def upload(self, local_path, directory, name, offset=0, length=None):
        """Bring one local file, or these bytes of it to the same place, into a directory of stage() or incoming().

        The last bytes are there when this returns; those before may still be under way.
        """
        return self._result(self._upload(local_path, directory, name, offset, length))

    def unpack(self, directory, name, sizes):
        """Make staged files of one that holds them one after the other, [[name, bytes]]; that one is removed."""
        return self._result(self._call("unpack", {"directory": directory, "name": name, "sizes": sizes}))

    def publish(self, root, directory, files, remove, directory_mode="0755"):
        """Verify and move staged files into place, and remove others; all or nothing becomes visible.

        files: [{name, path, sha256, mode}], with `key` if it came by incoming(); directory: from stage(), or None
        when there are none; modes: octal text.
        """
        return self._result(
            self._call(
                "publish",
                {
                    "root": root,
                    "directory": directory,
                    "files": files,
                    "remove": list(remove),
                    "directory_mode": directory_mode,
                },
            )
        )

    def incoming(self, root, sizes, air=0, directory_mode="0755"):
        """Where big files arrive, each under its key, and how far they are, after a check of the free space.

        sizes: {key of 64 hex digits: bytes}; air: bytes that must be free besides; directory_mode: octal text, should
        the root have to be made. Gives {directory, sizes}.
        """
        params = {"root": root, "sizes": sizes, "air": air, "directory_mode": directory_mode}
        result = self._result(self._call("incoming", params))
        return dict(result, sizes=_map(result, "sizes"))

    def adopt(self, root, directory, files):
        """Give complete big files a name in a staging directory, {name: key}, for publish()."""
        return self._result(self._call("adopt", {"root": root, "directory": directory, "files": files}))

    def point(self, root, links, dry=False):
        """Make symbolic links to directories beside them, {path: name}; "" removes a link that leads nowhere.

        Gives the paths that changed, or would when dry.
        """
        return self._result(self._call("point", {"root": root, "links": links, "dry": dry}))["changed"]

    def mentions(self, roots, texts, outside=""):
        """Which of the texts stand in small files below the directories, outside one of them: {text: [path]}."""
        params = {"roots": list(roots), "texts": list(texts), "except": outside}
        return self._result(self._call("mentions", params)).get("texts") or {}

    def unstage(self, directory):
        """Drop a staging directory."""
        return self._result(self._call("unstage", {"directory": directory}))

    @staticmethod
    def _result(answer):
        if isinstance(answer, dict) and answer.get("ok"):
            result = answer.get("result")
            return result if isinstance(result, dict) else {}
        error = answer.get("error") if isinstance(answer, dict) else None
        if not isinstance(error, dict):
            raise RouterError("internal", "the answer of the router makes no sense: %.200r" % (answer,))
        raise RouterError(
            error.get("kind") or "internal",
            error.get("message") or "no reason given",
            error.get("function"),
            error.get("detail"),
        )


def _map(result, name):
    """A map of the result; PHP sends an empty one as a list."""
    value = result.get(name) or {}
    return value if isinstance(value, dict) else _value(result, name, dict)


def _value(result, name, kind):
    value = result.get(name)
    if not isinstance(value, kind):
        raise RouterError("internal", "the answer of the router makes no sense: '%s' is %.80r" % (name, value))
    return value
