# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole of node_config: it works on the controller and asks no router."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins.action import ActionBase
from ansible_collections.pfrack.cluster.plugins.module_utils.errors import DesiredError
from ansible_collections.pfrack.cluster.plugins.module_utils.node_config.build import build
from ansible_collections.pfrack.cluster.plugins.module_utils.specs.node_config import SPEC
from ansible_collections.pfrack.cluster.plugins.plugin_utils.arguments import refuse_wrong

ENDINGS = (".ign", ".yml")
# Beside the files: what the validator took.
JUDGED = ".validated"
NO_VALIDATOR = (
    "validator: %s: there is no such program on the controller; install it (Debian and Fedora: package `ignition`, "
    'others: github.com/coreos/ignition), give its path, or set validator to "" to go without'
)


class ActionModule(ActionBase):
    """Renders all configurations, lets the validator see each, and writes them to a directory of the controller."""

    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        spec = {name: value for name, value in SPEC.items() if name != "supports_check_mode"}
        checked = ArgumentSpecValidator(**spec).validate(json.loads(json.dumps(self._task.args, default=str)))
        refuse_wrong(self._task.action, checked)
        params = checked.validated_parameters
        try:
            files = _render(params)
            dest = os.path.expanduser(params["dest"])
            judged = _validate(params["validator"], files, dest) if params["family"] != "coreos" else ""
            result.update(self._write(dest, files, judged))
        except DesiredError as error:
            result.update(failed=True, msg=str(error), problems=error.problems)
        except OSError as error:
            result.update(failed=True, msg="dest: %s" % error)
        return result

    def _write(self, dest, files, judged):
        have = {}
        if os.path.isdir(dest):
            for name in os.listdir(dest):
                if name.endswith(ENDINGS):
                    with open(os.path.join(dest, name), encoding="utf-8") as source:
                        have[name] = source.read()
        written = sorted(name for name, text in files.items() if have.get(name) != text)
        removed = sorted(set(have) - set(files))
        if not self._task.check_mode:
            os.makedirs(dest, mode=0o700, exist_ok=True)
            # The inventory that this lies beside is likely under version control.
            with open(os.path.join(dest, ".gitignore"), "w", encoding="utf-8") as ignore:
                ignore.write("*\n")
            for name in written:
                path = os.path.join(dest, name)
                # There may be secrets in it.
                _replace(path, files[name])
            if judged:
                _replace(os.path.join(dest, JUDGED), judged)
            for name in removed:
                os.unlink(os.path.join(dest, name))
        return {"changed": bool(written or removed), "dest": dest, "written": written, "removed": removed}


def _render(params):
    settings = dict(params, ssh_keys=params["ssh_authorized_keys"])
    nodes = [dict(node, domain=params["domain"], snippets=node["node_snippets"]) for node in params["nodes"]]
    if params["default_node"]:
        stranger = dict.fromkeys(("name", "mac_address", "address"))
        nodes.append({**stranger, "domain": params["domain"], "groups": ["workers"], "snippets": []})
    files, problems = {}, []
    for node in nodes:
        try:
            ending, text = build(node, settings)
            files["%s.%s" % (node["name"] or "default", ending)] = text
        except DesiredError as error:
            problems += error.problems
    if problems:
        raise DesiredError(problems)
    return files


def _replace(path, text):
    """A file for its owner only, there completely or not at all."""
    with open(os.open(path + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as target:
        target.write(text)
    os.replace(path + ".new", path)


def _validate(validator, files, dest):
    """Let the validator see what it has not seen yet: of a thousand files most stay as they are.

    Returns the text of JUDGED: which program it is, and the hashes of all that it took. Raises DesiredError.
    """
    if not validator:
        return ""
    program = shutil.which(os.path.expanduser(validator))
    if not program:
        raise DesiredError(NO_VALIDATOR % validator)
    status = os.stat(program)
    identity = "%s %d %d" % (os.path.realpath(program), status.st_size, status.st_mtime_ns)
    hashes = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in files.items()}
    try:
        with open(os.path.join(dest, JUDGED), encoding="utf-8") as source:
            before = source.read().splitlines()
    except FileNotFoundError:
        before = []
    known = set(before[1:]) if before[:1] == [identity] else set()
    problems, judged = [], {}
    for name, text in files.items():
        if hashes[name] in known:
            continue
        try:
            done = subprocess.run([program, "-"], input=text, capture_output=True, text=True, timeout=60, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise DesiredError("validator: %s: %s" % (program, error)) from error
        if done.returncode != 0:
            words = (done.stdout + done.stderr).strip()
            # The same mistake in every node is told once.
            judged.setdefault(words, []).append(name)
    problems += ["%s: refused by %s: %s" % (", ".join(names), program, words) for words, names in judged.items()]
    if problems:
        raise DesiredError(problems)
    return "\n".join([identity, *sorted(set(hashes.values()))])
