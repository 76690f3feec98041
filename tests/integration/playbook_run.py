# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs playbooks of this checkout from the rack's controller, as a user would, and reads what Ansible printed."""

from __future__ import annotations

import copy
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
RECAP = re.compile(
    r"^router1\s*: ok=(?P<ok>\d+)\s+changed=(?P<changed>\d+)\s+unreachable=(?P<unreachable>\d+)"
    r"\s+failed=(?P<failed>\d+)",
    re.M,
)


@dataclass(frozen=True)
class Outcome:
    """What one ansible-playbook run said. `changed` and `failed` are those of the router's recap line."""

    returncode: int
    output: str

    def _recap(self, field: str) -> int:
        found = RECAP.search(self.output)
        if not found:
            raise AssertionError(f"no recap in the output:\n{self.output}")
        return int(found.group(field))

    @property
    def changed(self) -> int:
        return self._recap("changed")

    @property
    def tasks(self) -> int:
        return self._recap("ok")

    @property
    def diffs(self) -> list[str]:
        """The diff blocks of the run, in order, without headers that carry temporary names."""
        blocks, block = [], []
        for line in self.output.splitlines():
            if line.startswith("--- before"):
                block = [line]
            elif block and line.startswith(("+++", "@@", "+", "-", " ")):
                block.append(line)
            elif block:
                blocks.append("\n".join(block).strip())
                block = []
        if block:
            blocks.append("\n".join(block).strip())
        return blocks

    def ok(self) -> Outcome:
        """This outcome, if the run succeeded; shows the whole output otherwise."""
        if self.returncode != 0:
            raise AssertionError(f"ansible-playbook ended with {self.returncode}:\n{self.output}")
        return self


def give_up_port_80(router) -> None:
    """What an admin does before HAProxy may have port 80: the web GUI stops redirecting from there."""
    router.php(
        """require_once('config.inc');
        config_set_path('system/webgui/disablehttpredirect', '');
        write_config('web GUI: no redirect from port 80');"""
    )
    router.run(["/etc/rc.restart_webgui"])


def playbook(rack, tmp_path, text, **variables):
    """Runs the text of a playbook on a router with these host variables, over SSH unless they say otherwise."""
    hosts = {
        "ansible_host": "10.10.0.1",
        "ansible_connection": "pfrack.cluster.pfsense_ssh",
        "ansible_private_key_file": str(rack.key),
        "ansible_known_hosts_files": [str(rack.known_hosts)],
        **variables,
    }
    (tmp_path / "play.yml").write_text(text)
    (tmp_path / "hosts.json").write_text(json.dumps({"all": {"hosts": {"router1": hosts}}}))
    command = Path(sys.executable).with_name("ansible-playbook")
    # From the checkout, for its ansible.cfg.
    return rack.controller.run(
        f"cd {ROOT} && ANSIBLE_NOCOLOR=1 {command} -i {tmp_path}/hosts.json {tmp_path}/play.yml", check=False
    )


class Site:
    """A copy of the lab inventory that a test may edit, and runs of playbooks with it."""

    def __init__(self, rack, directory: Path):
        self.rack = rack
        self.directory = directory
        source = ROOT / "inventory" / "lab"
        self.hosts = yaml.safe_load((source / "hosts.yml").read_text())
        self.settings = yaml.safe_load((source / "group_vars" / "all.yml").read_text())
        # The inventory names them relative to its own folder.
        self.settings["lab_run_directory"] = str(rack.directory)
        self.settings["tftp_server_files"] = str(ROOT / "inventory" / "lab_files" / "tftpboot")
        # The defaults: beside the inventory, which is the test's own.
        for name in ("boot_artifacts_record", "node_config_directory"):
            del self.settings[name]
        self.settings["boot_artifacts_cache"] = "{{ inventory_dir }}/.pfrack/cache"
        # Host variables of the router that a test sets, such as a wrong password.
        self.router_vars: dict = {}

    def copy(self, directory: Path) -> Site:
        other = copy.copy(self)
        other.directory = directory
        other.hosts = copy.deepcopy(self.hosts)
        other.settings = copy.deepcopy(self.settings)
        other.router_vars = dict(self.router_vars)
        return other

    def nodes(self, group: str = "workers") -> dict:
        """The nodes of a group as a mutable mapping of name to host variables."""
        return self.hosts["all"]["children"]["cluster"]["children"][group]["hosts"]

    def write(self) -> Path:
        """Writes the inventory as it stands now and returns its folder."""
        source = ROOT / "inventory" / "lab"
        shutil.copytree(source, self.directory, dirs_exist_ok=True)
        hosts = copy.deepcopy(self.hosts)
        hosts["all"]["children"]["routers"]["hosts"]["router1"].update(self.router_vars)
        for name, content in (("hosts.yml", hosts), ("group_vars/all.yml", self.settings)):
            (self.directory / name).write_text(yaml.safe_dump(content, sort_keys=False))
        return self.directory

    def play(self, *arguments: str, playbook: str = "site.yml", timeout: int = 300) -> Outcome:
        """Runs a playbook and waits for its end."""
        process = self.start(*arguments, playbook=playbook)
        output, _rest = process.communicate(timeout=timeout)
        return Outcome(process.returncode, output)

    def start(self, *arguments: str, playbook: str = "site.yml", environment: dict | None = None) -> subprocess.Popen:
        """Starts a playbook in the controller's namespace; output and errors come on one pipe."""
        command = [
            str(Path(sys.executable).parent / "ansible-playbook"),
            "-i",
            str(self.write()),
            str(ROOT / playbook),
            *arguments,
        ]
        variables = {
            **os.environ,
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_FORCE_COLOR": "0",
            "ANSIBLE_NOCOLOR": "1",
            "PFRACK_LAB": self.rack.name,
            **(environment or {}),
        }
        return self.rack.controller.popen(
            command, cwd=str(ROOT), env=variables, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
