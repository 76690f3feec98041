# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The base of all actions that work on a router."""

from __future__ import annotations

import json

import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.parameters import remove_values
from ansible.plugins.action import ActionBase
from ansible_collections.pfrack.cluster.plugins.module_utils.desired import desire
from ansible_collections.pfrack.cluster.plugins.module_utils.errors import DesiredError
from ansible_collections.pfrack.cluster.plugins.module_utils.reconcile import reconcile
from ansible_collections.pfrack.cluster.plugins.module_utils.redact import redact
from ansible_collections.pfrack.cluster.plugins.module_utils.router import Router, RouterError
from ansible_collections.pfrack.cluster.plugins.plugin_utils.arguments import refuse_wrong
from ansible_collections.pfrack.cluster.plugins.plugin_utils.holder import holder
from ansible_collections.pfrack.cluster.plugins.plugin_utils.keeper import KeeperError
from ansible_collections.pfrack.cluster.plugins.plugin_utils.kept_connection import KeptConnection

ATTEMPTS = 3
WRITING = ("commit", "publish", "package_start", "confirm", "rollback")
WRONG_CONNECTION = (
    "this module talks to pfSense through a connection of this collection; "
    "set ansible_connection: pfrack.cluster.pfsense_ssh, pfsense_xmlrpc or pfsense_rest for the host (it is %s now)"
)


class RouterAction(ActionBase):
    """A subclass sets SPEC (see module_utils/specs) and implements act()."""

    SPEC = {}
    _requires_connection = True
    _supports_check_mode = True
    _supports_async = False

    def act(self, router, params):
        """Do the work; returns the task's result. `params` are the validated options."""
        raise NotImplementedError

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        params, secrets, notes = self._validated()
        result["changed"] = False
        try:
            outcome = self.act(self.open_router(), params)
        except DesiredError as error:
            outcome = {"failed": True, "msg": "%s: %s" % (self._host(task_vars), error), "problems": error.problems}
        except RouterError as error:
            outcome = self._failure(error, self._host(task_vars))
        except OSError as error:
            words = "%s: %s" % (error.filename, error.strerror) if error.filename else str(error)
            outcome = {"failed": True, "msg": "%s: on the controller: %s" % (self._host(task_vars), words)}
        result.update(outcome)
        if notes["warnings"] or result.get("warnings"):
            result["warnings"] = notes["warnings"] + list(result.get("warnings") or [])
        if notes["deprecations"]:
            result["deprecations"] = notes["deprecations"]
        return remove_values(result, secrets)

    def open_router(self):
        """The router behind the task's connection."""
        connection = self._connection
        if not isinstance(connection, KeptConnection):
            raise RouterError("unreachable", WRONG_CONNECTION % connection.transport)
        return Router(
            call=lambda op, params: self._ask(op, connection.call, op, dict(params, holder=holder())),
            upload=lambda *args: self._ask("upload", connection.upload, *args),
        )

    def converge(self, router, area, wanted, description):
        """Read, plan and, outside check mode, commit; plans again when somebody else was faster.

        area: a module of module_utils/desired; its optional PACKAGES names packages of which one must be installed,
        AS_INSTALLED the sections that the installation of one of them makes.
        """
        for attempt in range(1, ATTEMPTS + 1):
            paths = area.PATHS if hasattr(area, "PATHS") else area.paths(wanted)
            snapshot = router.read(paths)
            warnings = self._missing_package(area, snapshot.info)
            if warnings:
                # The diff of the real run starts from what the installation leaves behind.
                snapshot.sections.update(getattr(area, "AS_INSTALLED", {}))
            desired = desire(area, snapshot.sections, wanted, snapshot.info)
            change = reconcile(snapshot.sections, desired.sections)
            result = {
                "changed": bool(change),
                "revision": snapshot.revision,
                "applied": [],
                "warnings": warnings + list(desired.warnings),
            }
            result.update(desired.entries)
            if self._task.diff:
                result["diff"] = text_diff(change.before, change.after, "config.xml")
            if not change or self._task.check_mode:
                return result
            try:
                done = router.commit(snapshot.revision, change.operations, desired.services, description)
            except RouterError as error:
                if error.kind != "conflict" or attempt == ATTEMPTS:
                    raise
                continue
            result.update(revision=done.revision, applied=done.applied)
            return result
        return {}

    def _missing_package(self, area, info):
        names = getattr(area, "PACKAGES", ())
        installed = info.get("packages") or {}
        if not names or any(name in installed for name in names):
            return []
        problem = "the package %s is not installed on the router" % " or ".join(names)
        if self._task.check_mode:
            return ["%s; this plan assumes that an earlier task installs it" % problem]
        raise DesiredError(
            "%s; install it first with pfrack.cluster.pfsense_package (name: %s)" % (problem, "|".join(names))
        )

    def _validated(self):
        spec = {name: value for name, value in self.SPEC.items() if name != "supports_check_mode"}
        # Templated values are subclasses of str and dict that YAML and JSON writers do not know.
        arguments = json.loads(json.dumps(self._task.args, default=str))
        checked = ArgumentSpecValidator(**spec).validate(arguments)
        refuse_wrong(self._task.action, checked)
        notes = {
            "warnings": [
                "both option %(option)s and its alias %(alias)s are set" % warning for warning in checked._warnings
            ],
            "deprecations": list(checked._deprecations),
        }
        return checked.validated_parameters, checked._no_log_values, notes

    @staticmethod
    def _ask(op, method, *args):
        try:
            return method(*args)
        except KeeperError as error:
            kind = "unknown_outcome" if error.sent and op in WRITING else "unreachable"
            raise RouterError(kind, str(error), op) from error

    def _host(self, task_vars):
        return (task_vars or {}).get("inventory_hostname") or self._play_context.remote_addr

    @staticmethod
    def _failure(error, host):
        where = " in %s" % error.function if error.function else ""
        message = "%s: %s%s: %s" % (host, error.kind, where, error.message)
        if error.detail and error.detail not in error.message:
            message += "\n%s" % error.detail
        return {
            "failed": True,
            "msg": message,
            "error": {
                "kind": error.kind,
                "function": error.function,
                "message": error.message,
                "detail": error.detail,
            },
        }


def text_diff(before, after, header):
    """Ansible's diff of two plain structures, as YAML, secrets masked."""
    shown = [_as_yaml(before), _as_yaml(after)]
    if before != after and shown[0] == shown[1]:
        shown[1] += "# a secret differs\n"
    return {
        "before": shown[0],
        "after": shown[1],
        "before_header": "%s (before)" % header,
        "after_header": "%s (after)" % header,
    }


def _as_yaml(value):
    shown = {name: redact(part, name) for name, part in value.items() if part is not None}
    return yaml.dump(shown, Dumper=_Dumper, default_flow_style=False, allow_unicode=True, width=1000) if shown else ""


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as such."""


def _as_text(dumper, text):
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _as_text)
