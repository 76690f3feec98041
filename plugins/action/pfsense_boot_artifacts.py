# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's side of pfsense_boot_artifacts."""

from __future__ import annotations

import os

from ansible.utils.display import Display
from ansible_collections.pfrack.cluster.plugins.module_utils.artifacts import placement
from ansible_collections.pfrack.cluster.plugins.module_utils.errors import DesiredError
from ansible_collections.pfrack.cluster.plugins.module_utils.router import RouterError
from ansible_collections.pfrack.cluster.plugins.module_utils.specs.pfsense_boot_artifacts import SPEC
from ansible_collections.pfrack.cluster.plugins.plugin_utils.local_tree import scan
from ansible_collections.pfrack.cluster.plugins.plugin_utils.router_action import RouterAction, text_diff
from ansible_collections.pfrack.cluster.plugins.plugin_utils.send import send

MODE, DIRECTORY_MODE = "0644", "0755"


class ActionModule(RouterAction):
    """Releases from the cache to the router, `current` to the wanted ones, and away with those that nobody names."""

    SPEC = SPEC

    def act(self, router, params):
        dest = params["dest"].rstrip("/")
        if not dest.startswith("/"):
            raise DesiredError("dest: %s: must be an absolute path of a directory" % params["dest"])
        dry = self._task.check_mode
        _check_releases(params["releases"])
        releases = [(entry["stream_path"], entry["version"]) for entry in params["releases"]]
        tree = router.tree(dest)
        local = self._local(params, dry) if params["upload"] else {}
        upload = {path: file for path, file in local.items() if _differs(tree["files"].get(path), file)}
        remove, kept = [], {}
        if params["clean"]:
            remove, kept = placement.unused(
                tree["files"],
                {"%s/%s" % release for release in releases},
                lambda versions: router.mentions(params["referenced_in"], versions, dest),
            )
        to_come = _to_come(params["releases"], tree["files"]) if dry and params["upload"] else {}
        size = sum(file.size for file in upload.values()) + sum(to_come.values())
        # A real run asks the router, which knows what has arrived already.
        if dry and size > tree["free"]:
            raise RouterError("no_space", "%s has %d bytes free, but %d are needed" % (dest, tree["free"], size))
        links = placement.links(releases) if params["point"] else {}
        if params["clean"]:
            links.update(placement.leftover_links(tree["files"], releases))
        if not dry and (upload or remove):
            send(router, dest, upload, remove, MODE, DIRECTORY_MODE, _say)
        # Only now: before, the version that it points to might not be complete.
        pointed = router.point(dest, links, dry) if links else []
        result = {
            "changed": bool(upload or to_come or remove or pointed),
            "uploaded": sorted({*upload, *to_come}),
            "removed": remove,
            "bytes": size,
            "pointed": pointed,
            "kept": kept,
            "urls": {
                entry["arch"]: placement.urls(params["url"].rstrip("/"), entry)
                for entry in params["releases"]
                if params["url"]
            },
        }
        if self._task.diff:
            before = {path: "%d bytes" % tree["files"][path]["size"] for path in remove}
            after = {path: "%d bytes, sha256 %s" % (file.size, file.sha256) for path, file in upload.items()}
            after.update({path: "fetched first" for path in to_come})
            after.update({path: "-> %s" % (links[path] or "nothing") for path in pointed})
            result["diff"] = text_diff(before, after, dest)
        return result

    @staticmethod
    def _local(params, dry):
        """{path below dest: LocalFile} of all releases."""
        files = {}
        for entry in params["releases"]:
            if dry and not os.path.isdir(entry["directory"]):
                continue
            for name, file in scan(entry["directory"]).items():
                files["%s/%s/%s" % (entry["stream_path"], entry["version"], name)] = file
        return files


def _to_come(releases, there):
    """{path below dest: bytes} of what an earlier task would have fetched."""
    coming = {
        "%s/%s/%s" % (entry["stream_path"], entry["version"], name): size
        for entry in releases
        for name, size in (entry.get("sizes") or {}).items()
    }
    return {path: size for path, size in coming.items() if path not in there}


def _check_releases(releases):
    problems = [
        "releases: entry %d: has no %s; pass on what os_artifact returned" % (number, field)
        for number, entry in enumerate(releases, 1)
        for field in ("directory", "stream_path", "version", "files", "arch")
        if not entry.get(field)
    ]
    if problems:
        raise DesiredError(problems)


def _say(text):
    Display().display("pfsense_boot_artifacts: %s" % text)


def _differs(remote, file):
    # The hash comes last: whatever differs by its size is hashed while it travels.
    return remote is None or remote["size"] != file.size or remote["mode"] != MODE or remote["sha256"] != file.sha256
