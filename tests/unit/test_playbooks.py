# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks and inventories as ansible-playbook reads them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import ansible_collections.pfrack.cluster
import pytest
import yaml

ROOT = Path(ansible_collections.pfrack.cluster.__path__[0])


def ansible_playbook(*arguments):
    command = Path(sys.executable).parent / "ansible-playbook"
    if not command.exists():
        pytest.fail("ansible-playbook is not next to this Python: run make setup")
    environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(ROOT.parents[2]), "ANSIBLE_NOCOLOR": "1"}
    # Run outside the checkout, where no ansible.cfg and no other copy of the collection is found.
    return subprocess.run(
        [command, *map(str, arguments)],
        cwd="/",
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("inventory", ["example", "lab"])
@pytest.mark.parametrize("playbook", ["site.yml", "pfrack.cluster.site"])
def test_syntax(inventory, playbook):
    if playbook == "site.yml":
        playbook = ROOT / playbook
    run = ansible_playbook("--syntax-check", "-i", ROOT / "inventory" / inventory, playbook)
    assert run.returncode == 0, run.stderr


def test_an_inventory_without_routers_is_refused(tmp_path):
    (tmp_path / "hosts.yml").write_text("all: {children: {routers: {}, cluster: {hosts: {node1: {}}}}}\n")
    run = ansible_playbook("-i", tmp_path, ROOT / "site.yml")
    assert run.returncode != 0
    assert "the inventory names no router" in run.stdout + run.stderr


@pytest.mark.parametrize("role", sorted(path.name for path in (ROOT / "roles").iterdir()))
def test_every_default_of_a_role_is_documented_and_has_its_prefix(role):
    options = yaml.safe_load((ROOT / "roles" / role / "meta" / "argument_specs.yml").read_text())
    options = options["argument_specs"]["main"]["options"]
    defaults_file = ROOT / "roles" / role / "defaults" / "main.yml"
    text = defaults_file.read_text() if defaults_file.exists() else "{}"
    defaults = yaml.safe_load(text)
    assert set(defaults) <= set(options)
    assert all(name.startswith(role + "_") for name in defaults)
    # An option without a value is shown as a comment.
    assert all("\n# %s: " % name in text for name in set(options) - set(defaults))
    assert {name: spec["default"] for name, spec in options.items() if "default" in spec} == {
        name: defaults[name] for name, spec in options.items() if "default" in spec
    }
