# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the user of an action is told about options that are wrong."""

from __future__ import annotations

import re

from ansible.errors import AnsibleActionFail
from ansible.module_utils.common.parameters import remove_values

# Ansible shows the whole of a list where a set of options belongs, and knows no secret in it.
_WHOLE_VALUE = re.compile(r"\AValue '.*' in the sub parameter field", re.DOTALL)


def refuse_wrong(action, checked):
    """Raises AnsibleActionFail for what the validation `checked` found, without the secrets."""
    if checked.error_messages:
        messages = [
            _WHOLE_VALUE.sub("Value '(hidden)' in the sub parameter field", message)
            for message in checked.error_messages
        ]
        raise AnsibleActionFail(remove_values("%s: %s" % (action, "; ".join(messages)), checked._no_log_values))
