# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to change on the router so that every machine has its menu: from (wanted, files that are there) to a plan.

A node's installation is asked for once: when the node is new, or by `reprovision`. It has an id, whose files the
machine removes when it is installed; the plan never brings back what the machine removed.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from ..errors import DesiredError
from . import layout, menus
from .kernel import arguments
from .live import live_config


@dataclass
class Plan:
    """upload: {path: text}; `install` goes first, then `menus`. remove: paths, last of all. nodes: {name: state}."""

    install: dict = field(default_factory=dict)
    menus: dict = field(default_factory=dict)
    remove: list = field(default_factory=list)
    nodes: dict = field(default_factory=dict)
    warnings: list = field(default_factory=list)

    def __bool__(self):
        return bool(self.install or self.menus or self.remove)


def make_plan(wanted, configs, there, new_id, take_over=False):
    """The Plan.

    wanted: {owner, tftp, url, title, admit, timeout, default_menu, serial, console, kernel_arguments, user, ssh_keys,
    least_bytes, family, releases: {architecture: {kernel, initrd, rootfs, base, version}}, reprovision: [name],
    nodes: [{name, mac_address, architecture, install, install_disk, install_wipe}]}.
    configs: {name: text}, the nodes' configurations, with "default" for the machines that nobody announced.
    there: {path: {sha256, size, mode}} below the root of the TFTP server. new_id: makes the id of an installation.
    Raises DesiredError with every problem.
    """
    return _Planner(wanted, configs, there, new_id).plan(take_over)


class _Planner:
    def __init__(self, wanted, configs, there, new_id):
        self.wanted, self.configs, self.there, self.new_id = wanted, configs, there, new_id
        self.owner = wanted["owner"]
        self.problems = []
        self.install, self.files, self.states = {}, {}, {}
        self.ids = set()

    def plan(self, take_over):
        self._check_texts()
        unknown = sorted(set(self.wanted["reprovision"]) - {node["name"] for node in self.wanted["nodes"]})
        self.problems += ["reprovision: %s: is no node of this cluster" % name for name in unknown]
        for node in self.wanted["nodes"]:
            self._node(node)
        if self.wanted["default_menu"]:
            self._default()
        upload, foreign = {}, []
        for path, text in self.files.items():
            digest = _sha256(text)
            have = self.there.get(path)
            if have is None or have["sha256"] != digest:
                upload[path] = text
                if have and not self._is_ours(path, have["sha256"]) and not take_over:
                    foreign.append(path)
        self.problems += [
            "%s/%s: there is a file that pfrack did not make; remove it, or set take_over" % (layout.ROOT, path)
            for path in foreign
        ]
        if self.problems:
            raise DesiredError(self.problems)
        marks = {layout.published_name(self.owner, path, _sha256(text)): "" for path, text in self.files.items()}
        upload.update({path: text for path, text in self._records().items() if path not in self.there})
        upload.update({path: text for path, text in marks.items() if path not in self.there})
        install = {
            path: text
            for path, text in self.install.items()
            if path not in self.there or self.there[path]["sha256"] != _sha256(text)
        }
        return Plan(install, upload, self._leftovers(marks), self.states)

    def _check_texts(self):
        """What stands in menus as it is must not become a command there."""
        wanted, word = self.wanted, menus.check_word
        texts = [("title", wanted["title"], menus.check_line)]
        texts += [("url", wanted["url"], word), ("tftp_address", wanted["tftp"], word)]
        texts += [("nodes: name", node["name"], word) for node in wanted["nodes"]]
        for option in ("console", "kernel_arguments"):
            texts += [(option, text, menus.check_argument) for text in wanted[option]]
        for architecture, release in wanted["releases"].items():
            files = [field for field in ("kernel", "initrd", "rootfs") if release.get(field)]
            texts += [("releases: %s: %s" % (architecture, field), str(release[field]), word) for field in files]
        for place, text, check in texts:
            try:
                check(text)
            except ValueError as error:
                self.problems.append("%s: %r: %s" % (place, text, error))

    def _node(self, node):
        name, record = node["name"], layout.node_directory(self.owner, node["mac_address"])
        last = [path[len(record) :] for path in self.there if path.startswith(record)]
        last = [text for text in last if layout.is_install_id(text, self.owner)]
        again = name in self.wanted["reprovision"]
        if not node["install"]:
            if again:
                self.problems.append("reprovision: %s: its install_os is false" % name)
            self.states[name] = "disk"
            self._menus(node, None, None)
            return
        install_id = self.new_id() if again or len(last) != 1 else last[0]
        self.ids.add((record, install_id))
        directory = layout.INSTALL + install_id + "/"
        fresh = again or len(last) != 1
        pending = fresh or directory + "token" in self.there
        self.states[name] = "waiting" if pending else "installed"
        boot = self._boot(node, self.wanted["url"] + "/install/" + install_id + "/live")
        if boot is None:
            return
        if pending:
            # An installation that was asked for on purpose stays that when its configuration is brought up to date.
            replace = again or directory + "replace" in self.there
            self._installation(node, install_id, directory, replace)
        self._menus(node, install_id, boot)

    def _installation(self, node, install_id, directory, replace):
        text = self._live(node["name"], install_id, self.wanted["url"] + "/install/" + install_id, node, replace)
        if text is None:
            return
        self.install[directory + "live"] = text
        self.install[directory + "config"] = self.configs[node["name"]]
        if replace:
            self.install[directory + "replace"] = ""
        # The last one: without it nothing begins.
        self.install[directory + "token"] = menus.TOKEN

    def _live(self, name, install_id, url, node, replace):
        family = self.wanted["family"]
        release = self.wanted["releases"][node["architecture"]]
        place = name or "default"
        if place not in self.configs:
            self.problems.append("configs: %s: there is no configuration; let node_config make it" % place)
            return None
        try:
            return live_config(
                name,
                {
                    "id": install_id,
                    "url": url,
                    "config": url + "/config",
                    "family": family,
                    "disk": node["install_disk"] or "only",
                    "wipe": node["install_wipe"],
                    "replace": replace,
                    "base": release["base"],
                    "version": release["version"],
                    "least_bytes": self.wanted["least_bytes"],
                    "user": self.wanted["user"],
                    "ssh_keys": self.wanted["ssh_keys"],
                },
            )
        except ValueError as error:
            self.problems.append("%s: install_disk: %s: %s" % (place, node["install_disk"], error))
            return None

    def _boot(self, node, url):
        release = self.wanted["releases"].get(node["architecture"])
        if release is None:
            self.problems.append(
                "%s: architecture: %s: there is no release for it; add it to boot_artifacts_architectures"
                % (node["name"] or "default", node["architecture"])
            )
            return None
        try:
            wanted = self.wanted
            rootfs = release.get("rootfs")
            line = arguments(wanted["family"], url, wanted["console"], wanted["kernel_arguments"], rootfs)
        except ValueError as error:
            self.problems.append("%s: kernel arguments: %s" % (node["name"] or "default", error))
            return None
        return {"kernel": release["kernel"], "initrd": release["initrd"], "arguments": line}

    def _menus(self, node, install_id, boot):
        mac = node["mac_address"]
        self.files[layout.pxelinux_menu(mac)] = menus.pxelinux_node(node, install_id, self.wanted["serial"])
        self.files[layout.ipxe_menu(mac)] = menus.ipxe_node(node, install_id, self.wanted["tftp"], boot)

    def _default(self):
        boot, node = None, dict(_UNKNOWN, architecture=self.wanted["default_architecture"])
        if self.wanted["admit"]:
            boot = self._boot(node, self.wanted["url"] + "/default/live")
            text = boot and self._live(None, "default", self.wanted["url"] + "/default", node, False)
            if text:
                self.files[layout.DEFAULT + "live"] = text
                self.files[layout.DEFAULT + "config"] = self.configs["default"]
        title, timeout, serial = self.wanted["title"], self.wanted["timeout"], self.wanted["serial"]
        admit = self.wanted["admit"]
        self.files[layout.PXELINUX_DEFAULT] = menus.pxelinux_default(title, admit, bool(boot), timeout, serial)
        self.files[layout.IPXE_DEFAULT] = menus.ipxe_default(title, admit, boot, timeout)
        self.files[layout.AUTOEXEC] = menus.ipxe_autoexec(self.wanted["tftp"])

    def _records(self):
        return {record + install_id: "" for record, install_id in self.ids}

    def _is_ours(self, path, sha256):
        return layout.published_name(self.owner, path, sha256) in self.there

    def _leftovers(self, marks):
        """Ours, and not wanted any more."""
        records, published = self._records(), layout.published_directory(self.owner)
        ids = {install_id for record, install_id in self.ids}
        gone = [
            path
            for path in self.there
            if path.startswith(layout.node_directory(self.owner))
            and path not in records
            or path.startswith(published)
            and path not in marks
        ]
        for path, have in self.there.items():
            if path.startswith(layout.INSTALL):
                install_id = path[len(layout.INSTALL) :].partition("/")[0]
                token = layout.INSTALL + install_id + "/token"
                done = install_id not in ids or (token not in self.there and token not in self.install)
                if layout.is_install_id(install_id, self.owner) and done:
                    gone.append(path)
            elif path not in self.files and self._is_ours(path, have["sha256"]):
                gone.append(path)
        return sorted(gone)


_UNKNOWN = {"name": None, "install_disk": "only", "install_wipe": False}


def _sha256(text):
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
