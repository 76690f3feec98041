# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's side of pfsense_files."""

from __future__ import annotations

import re

from ansible.utils.display import Display
from ansible_collections.pfrack.cluster.plugins.module_utils.errors import DesiredError
from ansible_collections.pfrack.cluster.plugins.module_utils.router import RouterError
from ansible_collections.pfrack.cluster.plugins.module_utils.specs.pfsense_files import SPEC
from ansible_collections.pfrack.cluster.plugins.plugin_utils.local_tree import excluded, scan
from ansible_collections.pfrack.cluster.plugins.plugin_utils.router_action import RouterAction, text_diff
from ansible_collections.pfrack.cluster.plugins.plugin_utils.send import send

MODE = re.compile(r"0?[0-7]{3}")


class ActionModule(RouterAction):
    """Compares two trees by hash and brings over what differs."""

    SPEC = SPEC

    def act(self, router, params):
        mode = _mode(params["mode"], "mode")
        directory_mode = _mode(params["directory_mode"], "directory_mode")
        dest = params["dest"].rstrip("/")
        if not dest.startswith("/"):
            raise DesiredError("dest: %s: must be an absolute path of a directory, not the root" % params["dest"])
        local = scan(self._find_needle("files", params["src"]), params["exclude"])
        tree = router.tree(dest)
        remote = tree["files"]
        upload = [path for path, file in local.items() if _differs(remote.get(path), file, mode)]
        remove = []
        if params["purge"]:
            remove = sorted(path for path in remote if path not in local and not excluded(path, params["exclude"]))
        _check_kinds(local, remote)
        size = sum(local[path].size for path in upload)
        # A real run asks the router, which knows what has arrived already.
        if self._task.check_mode and size > tree["free"]:
            raise RouterError("no_space", "%s has %d bytes free, but %d are needed" % (dest, tree["free"], size))

        result = {"changed": bool(upload or remove), "uploaded": upload, "removed": remove, "bytes": size}
        if self._task.diff:
            paths = sorted(upload + remove)
            before = {path: _listing(**remote[path]) for path in paths if path in remote}
            after = {path: _listing(local[path].sha256, local[path].size, mode) for path in upload}
            result["diff"] = text_diff(before, after, dest)
        if result["changed"] and not self._task.check_mode:
            send(router, dest, {path: local[path] for path in upload}, remove, mode, directory_mode, _say)
        return result


def _say(text):
    Display().display("pfsense_files: %s" % text)


def _mode(value, option):
    # YAML reads an unquoted 0644 as a number.
    text = "%04o" % value if isinstance(value, int) else str(value)
    if not MODE.fullmatch(text):
        raise DesiredError('%s: %s: must be an octal mode in quotes, such as "0644"' % (option, value))
    return text.rjust(4, "0")


def _differs(remote, local, mode):
    # The hash comes last: whatever differs by its size is hashed while it travels.
    return remote is None or remote["size"] != local.size or remote["mode"] != mode or remote["sha256"] != local.sha256


def _listing(sha256, size, mode):
    return "%d bytes, mode %s, sha256 %s" % (size, mode, sha256)


def _check_kinds(local, remote):
    """A file cannot take the place of a directory, nor the reverse."""
    problems = []
    for one, other, words in (
        (local, remote, "is a directory on the router and a file in src"),
        (remote, local, "is a file on the router and a directory in src"),
    ):
        directories = {above for path in other for above in _above(path)}
        problems += [
            "dest: %s: %s; remove it from the router first" % (path, words) for path in one if path in directories
        ]
    if problems:
        raise DesiredError(problems)


def _above(path):
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]
