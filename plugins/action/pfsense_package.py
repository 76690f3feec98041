# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's side of pfsense_package."""

from __future__ import annotations

from ansible_collections.pfrack.cluster.plugins.module_utils.errors import DesiredError
from ansible_collections.pfrack.cluster.plugins.module_utils.router import RouterError
from ansible_collections.pfrack.cluster.plugins.module_utils.specs.pfsense_package import SPEC
from ansible_collections.pfrack.cluster.plugins.plugin_utils.router_action import RouterAction, text_diff

PREFIX = "pfSense-pkg-"
LAST_LINES = 20


class ActionModule(RouterAction):
    """Installs or removes everything that is asked for in one job on the router."""

    SPEC = SPEC

    def act(self, router, params):
        wanted = [_alternatives(entry) for entry in params["name"]]
        before = router.info()
        install, remove = _plan(wanted, params["state"], before["packages"])
        result = {
            "changed": bool(install or remove),
            "installed": install,
            "removed": remove,
            "packages": before["packages"],
            "revision": before["revision"],
        }
        if self._task.diff:
            after = sorted((set(before["packages"]) | set(install)) - set(remove))
            listings = ({"packages": sorted(before["packages"])}, {"packages": after})
            result["diff"] = text_diff(*(listings if result["changed"] else ({}, {})), "packages")
        if not result["changed"] or self._task.check_mode:
            return result
        done = router.change_packages(install, remove, params["timeout"])
        facts = router.info()
        missed = [name for name in install if name not in facts["packages"]]
        left = [name for name in remove if name in facts["packages"]]
        if done.exit_code != 0 or missed or left:
            raise RouterError(
                "apply_failed",
                "could not %s" % _words(missed or install, left or remove),
                "pfSense-upgrade",
                "\n".join(done.output.strip().splitlines()[-LAST_LINES:]),
            )
        result.update(packages=facts["packages"], revision=facts["revision"])
        return result


def _alternatives(entry):
    names = [name.strip() for name in entry.split("|")]
    names = [name[len(PREFIX) :] if name.startswith(PREFIX) else name for name in names]
    if not all(names):
        raise DesiredError('name: "%s": a package name is empty' % entry)
    return names


def _plan(wanted, state, packages):
    if state == "absent":
        return [], sorted({name for names in wanted for name in names if name in packages})
    # One entry of the list may be satisfied by what another one installs.
    install = []
    for names in wanted:
        if not any(name in packages or name in install for name in names):
            install.append(names[0])
    return install, []


def _words(install, remove):
    parts = ["install " + ", ".join(install)] if install else []
    parts += ["remove " + ", ".join(remove)] if remove else []
    return " and ".join(parts)
