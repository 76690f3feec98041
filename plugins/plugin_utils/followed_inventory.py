# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory of a task that runs for months: read again when its files change."""

from __future__ import annotations

import os
import time

from ansible.errors import AnsibleError
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.vars.hostvars import HostVars
from ansible.vars.manager import VariableManager
from ansible_collections.pfrack.cluster.plugins.filter.cluster_spec import read_inventory

VARIABLES = ("group_vars", "host_vars")
# Seconds without a change after which files are complete: editors and version control write several, one by one.
SETTLED = 1.0


class FollowedInventory:
    """What read_inventory() says for one router, now. `say` takes a line when something is wrong with new files."""

    def __init__(self, task_vars, loader, say):
        self._router = task_vars["inventory_hostname"]
        self._sources = [str(source) for source in task_vars.get("ansible_inventory_sources") or []]
        self._basedir = str(task_vars.get("playbook_dir") or "")
        self._loader = loader
        self._say = say
        self._stamp = self._stamps()
        self._new_stamp = None
        self._new_since = 0.0
        self._inventory = read_inventory(task_vars["groups"], task_vars["hostvars"], self._router)

    def refresh(self):
        """Whether the files changed and were read again; files that cannot be read leave everything as it was."""
        stamp = self._stamps()
        if stamp == self._stamp:
            self._new_stamp = None
            return False
        if stamp != self._new_stamp:
            self._new_stamp, self._new_since = stamp, time.monotonic()
        if time.monotonic() - self._new_since < SETTLED:
            return False
        self._stamp, self._new_stamp = stamp, None
        try:
            self._inventory = self._read()
        except AnsibleError as error:
            self._say("inventory: cannot be read, the old one stays: %s" % " ".join(str(error).split()))
            return False
        return True

    @property
    def unsettled(self):
        """Whether the files are changing now, so that nobody should act on what they said before."""
        return self._new_stamp is not None

    @property
    def inventory(self):
        return self._inventory

    def _read(self):
        loader = DataLoader()
        loader.set_vault_secrets(self._loader._vault.secrets)
        loader.set_basedir(self._basedir)
        inventory = InventoryManager(loader=loader, sources=self._sources)
        variables = VariableManager(loader=loader, inventory=inventory)
        hostvars = HostVars(inventory, variables, loader)
        if self._router not in inventory.hosts:
            raise AnsibleError(f"the router {self._router} is not in there")
        return read_inventory(inventory.get_groups_dict(), hostvars, self._router)

    def _stamps(self):
        """{file: what changes with it} of the sources, and of the variables beside them and beside the playbook."""
        found = {}
        directories = [self._basedir] if self._basedir else []
        for source in self._sources:
            if os.path.isdir(source):
                self._walk(source, found)
            elif os.path.exists(source):
                _note(source, found)
                directories.append(os.path.dirname(source))
        for directory in directories:
            for name in VARIABLES:
                self._walk(os.path.join(directory, name), found)
        return found

    @staticmethod
    def _walk(top, found):
        for directory, _names, files in os.walk(top, followlinks=True):
            for name in files:
                _note(os.path.join(directory, name), found)


def _note(path, found):
    try:
        there = os.stat(path)
    except OSError:
        return
    found[path] = (there.st_mtime_ns, there.st_size, there.st_ino)
