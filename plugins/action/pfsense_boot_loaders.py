# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's side of pfsense_boot_loaders."""

from __future__ import annotations

import os
import shutil
import subprocess

from ansible_collections.pfrack.cluster.plugins.module_utils.artifacts import loaders
from ansible_collections.pfrack.cluster.plugins.module_utils.errors import DesiredError
from ansible_collections.pfrack.cluster.plugins.module_utils.specs.pfsense_boot_loaders import SPEC
from ansible_collections.pfrack.cluster.plugins.plugin_utils.local_tree import local_file
from ansible_collections.pfrack.cluster.plugins.plugin_utils.router_action import RouterAction, text_diff
from ansible_collections.pfrack.cluster.plugins.plugin_utils.send import send

MODE = "0644"


class ActionModule(RouterAction):
    """Collects the loaders on the controller and brings over what differs, in one step."""

    SPEC = SPEC

    def act(self, router, params):
        dest, path, firmwares = params["dest"].rstrip("/"), params["path"], params["firmware"]
        if not dest.startswith("/"):
            raise DesiredError("dest: %s: must be an absolute path of a directory" % params["dest"])
        if path and not os.path.isdir(path):
            raise DesiredError("path: %s: is not a directory on the controller" % path)
        versions = {} if path else _package_versions()
        problems = loaders.version_problems(firmwares, versions)
        local = _collect(firmwares, path, problems)
        if problems:
            raise DesiredError(problems)
        remote = router.tree(dest)["files"]
        upload = {
            name: file
            for name, file in local.items()
            if name not in remote or remote[name]["sha256"] != file.sha256 or remote[name]["mode"] != MODE
        }
        warning = loaders.old_ipxe(firmwares, versions)
        result = {
            "changed": bool(upload),
            "uploaded": sorted(upload),
            "loaders": sorted(local),
            "versions": versions,
            "warnings": [warning] if warning else [],
        }
        if self._task.diff:
            before = {name: "%d bytes" % remote[name]["size"] for name in upload if name in remote}
            after = {name: "%d bytes, sha256 %s" % (file.size, file.sha256) for name, file in upload.items()}
            result["diff"] = text_diff(before, after, dest)
        if upload and not self._task.check_mode:
            # A loader and its modules of two versions do not work, so all are in place or none.
            send(router, dest, upload, [], MODE, "0755")
        return result


def _collect(firmwares, path, problems):
    """{name: LocalFile}; adds to the problems. With a path everything comes from there, else from the packages."""
    found = {}
    for firmware in firmwares:
        for loader in loaders.LOADERS[firmware]:
            places = [os.path.join(path, loader.name)] if path else []
            places += [os.path.join(path or "/", place) for place in loader.places]
            place = next((place for place in places if os.path.isfile(place)), None)
            if place:
                found[loader.name] = local_file(place)
            elif loader.needed:
                problems.append(
                    "%s: %s: is not %s"
                    % (
                        firmware,
                        loader.name,
                        "below %s" % path
                        if path
                        else "on the controller; install %s, or set path to a directory that has it"
                        % ", ".join(loaders.PACKAGES[firmware]),
                    )
                )
    return found


def _package_versions():
    """{package: version} of the installed ones, where there is dpkg."""
    names = sorted({name for packages in loaders.PACKAGES.values() for name in packages})
    if not shutil.which("dpkg-query"):
        return {}
    done = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Package} ${Version} ${db:Status-Status}\\n", *names],
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [line.split() for line in done.stdout.splitlines()]
    return {line[0]: line[1] for line in lines if len(line) == 3 and line[2] == "installed"}
