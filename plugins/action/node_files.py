# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole of node_files: it works on a node over its connection, with a shell alone."""

from __future__ import annotations

import hashlib
import os
import shlex
import tempfile

from ansible_collections.pfrack.cluster.plugins.module_utils.errors import DesiredError
from ansible_collections.pfrack.cluster.plugins.module_utils.specs.node_files import SPEC
from ansible_collections.pfrack.cluster.plugins.plugin_utils.controller_action import ControllerAction

# One line for each file that is there: its SHA-256, mode, owner and path. With sudo there is a terminal, which adds
# empty lines and whatever sudo has to say.
LOOK = (
    'for f in %s; do [ ! -f "$f" ] || '
    'echo "present: $(sha256sum < "$f" | cut -c1-64) $(stat -c "%%a %%U" "$f") $f" || exit 1; done'
)


class ActionModule(ControllerAction):
    """Flatcar has no Python, so a shell does it. Contents travel as files, never in a command."""

    SPEC = SPEC
    _requires_connection = True

    def act(self, params):
        files = [_read(item, self._task.check_mode) for item in params["files"]]
        present = self._present([item["path"] for item in files])
        wanted = [item for item in files if not _same(item, present.get(item["path"]))]
        if wanted and not self._task.check_mode:
            self._bring(wanted)
        return {"changed": bool(wanted), "written": [item["path"] for item in wanted]}

    def _present(self, paths):
        """{path: (SHA-256, mode, owner)} of the files that are there."""
        names = " ".join(map(shlex.quote, paths))
        text = self._shell(LOOK % names, become=True)
        found = {}
        for line in text.splitlines():
            if not line.startswith("present: "):
                continue
            _word, digest, mode, owner, path = line.split(" ", 4)
            found[path] = (digest, int(mode, 8), owner)
        return found

    def _bring(self, files):
        # Made by the user who logs in, who alone can read it; root takes the files out of it.
        directory = self._shell("umask 077 && mktemp -d").strip().splitlines()[-1]
        try:
            steps = ["set -e"]
            for number, item in enumerate(files):
                there = "%s/%d" % (directory, number)
                self._put(item["data"], there)
                new = item["path"] + ".pfrack-new"
                steps.append("mkdir -p %s" % shlex.quote(os.path.dirname(item["path"])))
                steps.append(
                    "install -m %04o -o %s %s %s"
                    % (item["mode"], shlex.quote(item["owner"]), shlex.quote(there), shlex.quote(new))
                )
                steps.append("mv -f %s %s" % (shlex.quote(new), shlex.quote(item["path"])))
            self._shell("; ".join(steps), become=True)
        finally:
            self._shell("rm -rf %s" % shlex.quote(directory))

    def _put(self, data, there):
        with tempfile.NamedTemporaryFile() as local:
            local.write(data)
            local.flush()
            self._connection.put_file(local.name, there)

    def _shell(self, command, become=False):
        done = self._low_level_execute_command(command, sudoable=become)
        if done["rc"] != 0:
            raise DesiredError("%s: %s" % (self._task.action, (done["stderr"] or done["stdout"]).strip()))
        return done["stdout"]


def _read(item, check):
    if item["content"] is not None:
        data = item["content"].encode()
    elif check and not os.path.exists(os.path.expanduser(item["src"])):
        # An earlier task would have made it.
        data = b""
    else:
        with open(os.path.expanduser(item["src"]), "rb") as source:
            data = source.read()
    if not os.path.isabs(item["path"]) or "\n" in item["path"]:
        raise DesiredError("files: %r: is not an absolute path in one line" % item["path"])
    try:
        mode = int(item["mode"], 8)
    except ValueError:
        problem = "files: %s/mode: %s: is not octal; write one such as 0600" % (item["path"], item["mode"])
        raise DesiredError(problem) from None
    return {**item, "data": data, "mode": mode}


def _same(item, present):
    if present is None:
        return False
    return item["keep"] or present == (hashlib.sha256(item["data"]).hexdigest(), item["mode"], item["owner"])
