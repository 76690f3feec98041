# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's side of os_artifact; it needs no router."""

from __future__ import annotations

import json

from ansible.errors import AnsibleActionFail
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.pfrack.cluster.plugins.module_utils.artifacts.release import Stream
from ansible_collections.pfrack.cluster.plugins.module_utils.errors import DesiredError
from ansible_collections.pfrack.cluster.plugins.module_utils.specs.os_artifact import SPEC
from ansible_collections.pfrack.cluster.plugins.plugin_utils.fetch.cache import Cache, VersionRecord
from ansible_collections.pfrack.cluster.plugins.plugin_utils.fetch.obtain import Obtainer, Wanted
from ansible_collections.pfrack.cluster.plugins.plugin_utils.fetch.web import Web

display = Display()


class ActionModule(ActionBase):
    """Downloads on the controller, whatever the connection of the host."""

    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        # Templated values are subclasses of str that JSON writers and paths do not know.
        arguments = json.loads(json.dumps(self._task.args, default=str))
        checked = ArgumentSpecValidator(SPEC["argument_spec"]).validate(arguments)
        if checked.error_messages:
            raise AnsibleActionFail("os_artifact: %s" % "; ".join(checked.error_messages))
        try:
            result.update(self._obtain(checked.validated_parameters))
        except DesiredError as error:
            result.update(failed=True, changed=False, msg="os_artifact: %s" % error, problems=error.problems)
        return result

    def _obtain(self, params):
        def say(text):
            display.display("os_artifact: %s" % text)

        stream = Stream(params["family"], params["channel"], params["arch"], params["base_url"])
        cache = Cache(params["cache"])
        web = Web(say, params["validate_certs"], params["timeout"])
        obtainer = Obtainer(cache, VersionRecord(params["record"]), web, say)
        wanted = Wanted(
            params["version"],
            tuple(params["parts"]),
            params["key"],
            tuple(params["fingerprints"]),
            params["allow_expired_key"],
            params["update"],
            params["prune"],
        )
        if self._task.check_mode:
            outcome = obtainer.run(stream, wanted, dry=True)
        else:
            with cache.locked(say):
                outcome = obtainer.run(stream, wanted)
        directory = cache.directory(stream, outcome.version)
        result = {
            "changed": bool(outcome.missing or outcome.recorded or outcome.pruned),
            "family": stream.family.name,
            "channel": stream.channel,
            "arch": stream.arch,
            "version": outcome.version,
            "stream_path": stream.path,
            "path": "%s/%s" % (stream.path, outcome.version),
            "directory": directory,
            "files": outcome.files,
            "downloaded": outcome.missing,
            "bytes": outcome.size,
            "sizes": outcome.sizes,
            "signed_by": outcome.signed_by,
            "pruned": outcome.pruned,
        }
        if self._task.diff and result["changed"]:
            result["diff"] = {
                "before": "".join("%s/%s/\n" % (stream.path, version) for version in outcome.pruned),
                "after": "".join("%s/%s\n" % (result["path"], name) for name in outcome.missing),
                "before_header": params["cache"],
                "after_header": params["cache"],
            }
        return result
