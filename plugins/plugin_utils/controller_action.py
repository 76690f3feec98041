# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The base of actions that work on the controller, or on a node that has no Python."""

from __future__ import annotations

import json

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.parameters import remove_values
from ansible.plugins.action import ActionBase
from ansible_collections.pfrack.cluster.plugins.module_utils.errors import DesiredError
from ansible_collections.pfrack.cluster.plugins.plugin_utils.arguments import refuse_wrong
from ansible_collections.pfrack.cluster.plugins.plugin_utils.etcd_client import EtcdClient, EtcdError


class ControllerAction(ActionBase):
    """A subclass sets SPEC (see module_utils/specs) and implements act()."""

    SPEC = {}
    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    def act(self, params):
        """Do the work; returns the task's result. `params` are the validated options."""
        raise NotImplementedError

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        spec = {name: value for name, value in self.SPEC.items() if name != "supports_check_mode"}
        # Templated values are subclasses of str that JSON writers and paths do not know.
        checked = ArgumentSpecValidator(**spec).validate(json.loads(json.dumps(self._task.args, default=str)))
        secrets = checked._no_log_values
        refuse_wrong(self._task.action, checked)
        try:
            result.update(self.act(checked.validated_parameters))
        except DesiredError as error:
            result.update(failed=True, changed=False, msg=str(error), problems=error.problems)
        except EtcdError as error:
            result.update(failed=True, changed=False, msg="etcd: %s" % error, kind=error.kind)
        except OSError as error:
            result.update(failed=True, changed=False, msg="%s: %s" % (self._task.action, error))
        return remove_values(result, secrets)


def etcd_client(params):
    """The client for the options that all etcd modules share (see specs/_etcd.py)."""
    return EtcdClient(
        params["endpoints"], params["authority"], params["certificate"], params["key"], params["request_timeout"]
    )
