# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent in memory: the protocol of docs/architecture.md over a dict."""

from __future__ import annotations

import copy
import hashlib
import json
import os
import stat

from ansible_collections.pfrack.cluster.plugins.module_utils.reconcile import apply_operations, canonical, split_path

WRITES = {"commit", "package_start", "stage", "publish", "unstage", "upload", "incoming", "adopt", "unpack"}


class FakeAgent:
    """A router whose configuration is `config`.

    read_only: a write is a bug of the caller (check mode). before_commit: called once right before the next commit,
    with the agent; may change `config` like an admin would. refuse: an error dict that the next commits answer with.
    """

    def __init__(self, config=None, info=None, files=None, free=10**9, available=()):
        self.config = copy.deepcopy(config or {})
        self.facts = {
            "packages": {},
            "interfaces": {
                "wan": {"descr": "WAN", "device": "em0", "address": "198.51.100.2", "prefix": 24, "enabled": True},
                "lan": {"descr": "LAN", "device": "em1", "address": "10.10.0.1", "prefix": 24, "enabled": True},
            },
        }
        self.facts.update(copy.deepcopy(info or {}))
        self.files = dict(files or {})
        self.free = free
        self.available = dict(available)
        self.read_only = False
        self.before_commit = None
        self.refuse = None
        self.calls = []
        self.commits = []
        self.staged = {}
        self.arrived = {}
        self.links = {}
        self.jobs = {}

    @property
    def revision(self):
        return hashlib.sha256(json.dumps(self.config, sort_keys=True).encode()).hexdigest()

    def call(self, op, params):
        self.calls.append(op)
        if self.read_only and op in WRITES:
            raise AssertionError("%s in check mode" % op)
        json.dumps(params)
        method = getattr(self, "do_" + op, None)
        if method is None:
            return failure("invalid", "unknown operation %s" % op)
        return method(**params)

    def do_info(self):
        return success(dict(copy.deepcopy(self.facts), revision=self.revision))

    def do_read(self, paths):
        sections = {path: self._at(path) for path in paths}
        return success({"revision": self.revision, "sections": sections, "info": copy.deepcopy(self.facts)})

    def do_commit(self, revision, operations, services, description):
        hook, self.before_commit = self.before_commit, None
        if hook:
            hook(self)
        if revision != self.revision:
            return failure("conflict", "the configuration was changed by somebody else")
        if self.refuse:
            return {"ok": False, "error": self.refuse}
        self.config = canonical(apply_operations({"": self.config}, operations)[""]) or {}
        self.commits.append({"operations": operations, "services": services, "description": description})
        return success({"revision": self.revision, "applied": services, "output": ""})

    def do_package_start(self, install, remove):
        missing = [name for name in install if name not in self.available]
        if missing:
            self.jobs["1"] = [1, "pkg: No packages available to install matching '%s'" % missing[0]]
        else:
            self.facts["packages"].update({name: self.available[name] for name in install})
            for name in remove:
                self.facts["packages"].pop(name, None)
            self.jobs["1"] = [0, "done"]
        self.running = 2
        return success({"job": "1"})

    def do_job(self, job):
        if job not in self.jobs:
            return failure("missing", "no such job")
        if self.running:
            self.running -= 1
            return success({"running": True, "exit_code": None, "output": "Fetching"})
        code, output = self.jobs.pop(job)
        return success({"running": False, "exit_code": code, "output": output})

    def do_tree(self, root):
        below = {
            path[len(root) + 1 :]: {"sha256": digest(data), "size": len(data), "mode": mode}
            for path, (data, mode) in self.files.items()
            if path.startswith(root + "/")
        }
        return success({"exists": bool(below), "free": self.free, "total": 10 * self.free, "files": below or []})

    def do_stage(self, root, sizes):
        if sum(sizes) > self.free:
            return failure("no_space", "%d bytes needed, %d free" % (sum(sizes), self.free))
        self.staged = {}
        return success({"directory": root + "/.stage", "names": ["f%d" % index for index in range(len(sizes))]})

    def upload(self, local_path, directory, name, offset=0, length=None):
        if self.read_only:
            raise AssertionError("upload in check mode")
        self.calls.append("upload")
        if not stat.S_ISREG(os.lstat(local_path).st_mode):
            return failure("invalid", "not a file: %s" % local_path)
        place = self.arrived if directory.endswith("/.incoming") else self.staged
        with open(local_path, "rb") as source:
            source.seek(offset)
            place[name] = place.get(name, b"")[:offset] + source.read(length)
        return success({"size": len(place[name])})

    def do_incoming(self, root, sizes, air, directory_mode):
        have = {sha256: len(self.arrived.get(sha256, b"")) for sha256 in sizes}
        need = sum(size - have[sha256] for sha256, size in sizes.items()) + air
        if need > self.free:
            return failure("no_space", "%d bytes needed, %d free" % (need, self.free))
        return success({"directory": root + "/.incoming", "sizes": have})

    def do_unpack(self, directory, name, sizes):
        data = self.staged.pop(name)
        for member, size in sizes:
            self.staged[member], data = data[:size], data[size:]
        return success({"unpacked": len(sizes)})

    def do_adopt(self, root, directory, files):
        for name, sha256 in files.items():
            self.staged[name] = self.arrived[sha256]
        self.arrived = {key: data for key, data in self.arrived.items() if key not in files.values()}
        return success({"adopted": len(files)})

    def do_point(self, root, links, dry):
        paths = {"%s/%s" % (root, path): target for path, target in links.items()}
        changed = [path for path, target in paths.items() if self.links.get(path, "") != target]
        if not dry:
            self.links.update(paths)
        return success({"changed": [path[len(root) + 1 :] for path in changed]})

    def do_mentions(self, roots, texts, **options):
        outside = options["except"] + "/"
        named = {
            text: [
                path
                for path, (data, _mode) in self.files.items()
                if text.encode() in data
                and not path.startswith(outside)
                and any(path.startswith(root + "/") for root in roots)
            ]
            for text in texts
        }
        return success({"texts": named})

    def do_publish(self, root, directory, files, remove, directory_mode="0755"):
        for item in files:
            if digest(self.staged[item["name"]]) != item["sha256"]:
                return failure("invalid", "hash of %s differs" % item["path"])
        for item in files:
            self.files["%s/%s" % (root, item["path"])] = (self.staged[item["name"]], item["mode"])
        for path in remove:
            del self.files["%s/%s" % (root, path)]
        return success({"published": [item["path"] for item in files], "removed": remove})

    def do_unstage(self, directory):
        self.staged = {}
        return success({})

    def _at(self, path):
        here = self.config
        for name in split_path(path):
            if isinstance(here, list) and isinstance(name, int) and name < len(here):
                here = here[name]
            elif isinstance(here, dict):
                here = here.get(name)
            else:
                return None
        return copy.deepcopy(here)


def success(result):
    return {"ok": True, "result": result}


def failure(kind, message, function=None, detail=None):
    return {"ok": False, "error": {"kind": kind, "message": message, "function": function, "detail": detail}}


def digest(data):
    return hashlib.sha256(data).hexdigest()
