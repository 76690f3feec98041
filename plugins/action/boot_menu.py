# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's side of boot_menu."""

from __future__ import annotations

import hashlib
import os
import secrets
import tempfile

from ansible_collections.pfrack.cluster.plugins.module_utils.boot import layout
from ansible_collections.pfrack.cluster.plugins.module_utils.boot.plan import make_plan
from ansible_collections.pfrack.cluster.plugins.module_utils.errors import DesiredError
from ansible_collections.pfrack.cluster.plugins.module_utils.inventory.addresses import mac_address
from ansible_collections.pfrack.cluster.plugins.module_utils.ownership import Mark
from ansible_collections.pfrack.cluster.plugins.module_utils.specs.boot_menu import SPEC
from ansible_collections.pfrack.cluster.plugins.plugin_utils.local_tree import LocalFile
from ansible_collections.pfrack.cluster.plugins.plugin_utils.router_action import RouterAction, text_diff
from ansible_collections.pfrack.cluster.plugins.plugin_utils.send import send

ENDINGS = (".ign", ".yml")
UNWRITTEN = "what node_config makes"
README = "The boot files of pfrack.cluster. They are made from an inventory; changes are lost.\n"


class ActionModule(RouterAction):
    """Renders the files of all machines and publishes what differs, in one step."""

    SPEC = SPEC

    def act(self, router, params):
        wanted = _wanted(params)
        predicted = self._task.check_mode
        configs = _read_configs(params["configs"], params["changed_configs"] if predicted else [])
        there = boot_files(router)
        ids = iter(range(1 << 20))
        prefix = layout.id_prefix(wanted["owner"])

        def new_id():
            # A prediction must not change from one look to the next.
            return prefix + ("%024x" % next(ids) if predicted else secrets.token_hex(12))

        plan = make_plan(wanted, configs, there, new_id, params["take_over"])
        result = {
            "changed": bool(plan),
            "nodes": plan.nodes,
            "uploaded": sorted(set(plan.install) | set(plan.menus)),
            "removed": plan.remove,
            "warnings": plan.warnings,
        }
        if self._task.diff:
            result["diff"] = _diff(plan, there)
        if plan and not predicted:
            if "pfrack/README" not in there:
                # Made first, so that nobody but root may write into its directory.
                self._publish(router, layout.ROOT, {"pfrack/README": README}, [], "0755")
            install = {path[len(layout.INSTALL) :]: text for path, text in plan.install.items()}
            # What machines remove when they are installed: the web server that does it for them is not root.
            self._publish(router, layout.ROOT + "/" + layout.INSTALL.rstrip("/"), install, [], "0777")
            self._publish(router, layout.ROOT, plan.menus, plan.remove, "0755")
        return result

    def _publish(self, router, root, files, remove, directory_mode):
        with tempfile.TemporaryDirectory(prefix="pfrack-") as directory:
            local = {}
            for number, (path, text) in enumerate(files.items()):
                name = os.path.join(directory, str(number))
                with open(name, "wb") as target:
                    target.write(text.encode("utf-8"))
                local[path] = LocalFile(name)
            if local or remove:
                send(router, root, local, remove, "0644", directory_mode)


def boot_files(router):
    """The boot files that are there; not a whole tree, because operating systems lie there too."""
    answer = router._call("boot_files", {"root": layout.ROOT, "paths": list(layout.PLACES)})
    return router._result(answer).get("files") or {}


def _wanted(params):
    problems, nodes, seen = [], [], {}
    for entry in params["nodes"]:
        node = dict(entry, install=entry["install_os"])
        try:
            node["mac_address"] = mac_address(entry["mac_address"])
        except ValueError as error:
            problems.append("%s: mac_address: %s: %s" % (entry["name"], entry["mac_address"], error))
        other = seen.setdefault(node["mac_address"], entry["name"])
        if other != entry["name"]:
            problems.append("%s: mac_address: %s: %s has it too" % (entry["name"], node["mac_address"], other))
        nodes.append(node)
    for architecture, release in params["releases"].items():
        missing = [field for field in ("version", "base", "kernel", "initrd") if not (release or {}).get(field)]
        if missing:
            problems.append("releases: %s: has no %s" % (architecture, ", ".join(missing)))
    if problems:
        raise DesiredError(problems)
    return {
        "owner": Mark(params["owner"]).owner,
        "nodes": nodes,
        "releases": params["releases"],
        "family": params["family"],
        "url": params["url"].rstrip("/"),
        "tftp": params["tftp_address"],
        "reprovision": params["reprovision"],
        "admit": params["admission"] == "any",
        "user": params["user"],
        "ssh_keys": params["ssh_authorized_keys"],
        "least_bytes": params["least_disk_size"],
        **{
            name: params[name]
            for name in (
                "default_menu", "default_architecture", "title", "timeout", "console", "kernel_arguments", "serial",
            )
        },
    }  # fmt: skip


def _read_configs(directory, unwritten):
    """{name: text}; `unwritten`: names of files that an earlier task would have written now."""
    configs = {}
    try:
        for name in sorted(os.listdir(directory)) if os.path.isdir(directory) or not unwritten else []:
            stem, ending = os.path.splitext(name)
            if ending in ENDINGS:
                with open(os.path.join(directory, name), encoding="utf-8") as source:
                    configs[stem] = source.read()
    except OSError as error:
        raise DesiredError("configs: %s" % error) from error
    configs.update({os.path.splitext(name)[0]: UNWRITTEN for name in unwritten})
    return configs


def _diff(plan, there):
    """The menus as text; of configurations only the hash, because there may be secrets in them."""
    before, after = {}, {}
    records = ("pfrack/nodes/", "pfrack/published/")
    for path in sorted(set(plan.install) | set(plan.menus) | set(plan.remove)):
        if path.startswith(records):
            continue
        if path in there:
            before[path] = "sha256 %s" % there[path]["sha256"]
        text = plan.install.get(path, plan.menus.get(path))
        if path in plan.menus and path.endswith((".ipxe", "default")) or path.startswith("pxelinux.cfg/"):
            after[path] = text
        elif text == UNWRITTEN:
            after[path] = text
        elif text is not None:
            after[path] = "sha256 %s" % hashlib.sha256(text.encode("utf-8")).hexdigest()
    return text_diff(before, {path: text for path, text in after.items() if text is not None}, layout.ROOT)
