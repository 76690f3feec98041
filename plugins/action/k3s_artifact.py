# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's side of k3s_artifact; it needs no router."""

from __future__ import annotations

import contextlib
import os

from ansible.utils.display import Display
from ansible_collections.pfrack.cluster.plugins.module_utils.errors import DesiredError
from ansible_collections.pfrack.cluster.plugins.module_utils.kubernetes import k3s
from ansible_collections.pfrack.cluster.plugins.module_utils.specs.k3s_artifact import SPEC
from ansible_collections.pfrack.cluster.plugins.plugin_utils.controller_action import ControllerAction
from ansible_collections.pfrack.cluster.plugins.plugin_utils.fetch.cache import Cache, hash_of
from ansible_collections.pfrack.cluster.plugins.plugin_utils.fetch.web import Web, drop, finish

display = Display()


class Disagreement(DesiredError):
    """The checksums of a release are not those of a file, or of the inventory."""


class ActionModule(ControllerAction):
    """Downloads on the controller, whatever the connection of the host.

    CACHE/k3s/VERSION/tree/VERSION has verified files, CACHE/k3s/VERSION the checksums that they were compared with.
    """

    SPEC = SPEC

    def act(self, params):
        k3s.check_version(params["version"])
        version = k3s.directory(params["version"])
        base = os.path.join(os.path.expanduser(params["cache"]), "k3s", version)
        names = k3s.FILES[params["arch"]]
        kinds = ["program", "images"] if params["images"] else ["program"]
        self._web = Web(_say, params["validate_certs"], params["timeout"])
        self._release = "%s/%s" % (params["base_url"].rstrip("/"), params["version"])
        self._tree = os.path.join(base, "tree", version)
        cache = Cache(os.path.join(os.path.expanduser(params["cache"]), "k3s"))
        with contextlib.nullcontext() if self._task.check_mode else cache.locked(_say):
            listed = os.path.join(base, names["checksums"])
            sums = self._checksums(listed, names["checksums"])
            try:
                files = {
                    kind: {"name": names[kind], "sha256": self._expected(sums, names, kind, params)} for kind in kinds
                }
                missing = [file for file in files.values() if not _intact(os.path.join(self._tree, file["name"]), file)]
                if not self._task.check_mode:
                    for file in missing:
                        self._fetch(file, base)
            except Disagreement:
                # They may be what is wrong, and another mirror shall be asked for its own.
                if not self._task.check_mode:
                    drop(listed)
                raise
        result = {
            "changed": bool(missing),
            "version": params["version"],
            "directory": os.path.join(base, "tree"),
            "path": version,
            "files": files,
            "downloaded": [file["name"] for file in missing],
        }
        if params["url"]:
            result["group_snippets"] = k3s.snippets("%s/%s" % (params["url"].rstrip("/"), version), files)
        return result

    def _checksums(self, path, name):
        """Those of the release, asked for once: a version never changes."""
        if os.path.exists(path):
            with open(path, encoding="utf-8") as source:
                return k3s.read_checksums(source.read())
        text = self._web.text("%s/%s" % (self._release, name))
        sums = k3s.read_checksums(text)
        if not sums:
            raise DesiredError("%s/%s: has no checksums; is base_url right?" % (self._release, name))
        if not self._task.check_mode:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path + ".new", "w", encoding="utf-8") as target:
                target.write(text)
            os.replace(path + ".new", path)
        return sums

    def _expected(self, sums, names, kind, params):
        found = sums.get(names[kind])
        if not found:
            raise Disagreement("%s: %s does not have it" % (names[kind], names["checksums"]))
        pinned = params["sha256"].lower() if kind == "program" else ""
        if pinned and pinned != found:
            raise Disagreement(
                "sha256: %s: %s/%s says %s; one of them is not what it should be"
                % (pinned, self._release, names["checksums"], found)
            )
        return found

    def _fetch(self, file, base):
        part = os.path.join(base, file["name"])
        url = "%s/%s" % (self._release, file["name"])
        os.makedirs(self._tree, exist_ok=True)
        self._web.download(url, part)
        found = hash_of(part)
        if found != file["sha256"]:
            drop(part)
            raise Disagreement(
                "%s: its SHA-256 is %s instead of %s; it was damaged or exchanged, and is not kept. Run it again, or "
                "take another mirror (base_url)" % (url, found, file["sha256"])
            )
        finish(part, os.path.join(self._tree, file["name"]))


def _intact(path, file):
    return os.path.isfile(path) and hash_of(path) == file["sha256"]


def _say(text):
    display.display("k3s_artifact: %s" % text)
