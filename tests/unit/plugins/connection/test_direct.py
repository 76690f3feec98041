# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines outside of tasks: every carrier by the name of its connection plugin, with that plugin's options."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest
import yaml
from ansible_collections.pfrack.cluster.plugins.doc_fragments.direct import ModuleDocFragment
from ansible_collections.pfrack.cluster.plugins.module_utils.router import RouterError
from ansible_collections.pfrack.cluster.plugins.plugin_utils import direct

COLLECTION = Path(inspect.getfile(direct)).parents[2]


def opened(**options):
    return direct.open_line({"host": "192.0.2.1", "ssh_config_files": [], **options}, lambda text: None)


@pytest.mark.parametrize("name", ["ssh", "xmlrpc", "rest"])
def test_every_connection_plugin_has_its_line(name):
    assert (COLLECTION / "plugins" / "connection" / f"pfsense_{name}.py").is_file()
    line = opened(connection=f"pfrack.cluster.pfsense_{name}", password="x", api_key="k", connect_timeout=1)
    assert callable(line.call)
    line.close()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"connection": "ssh"}, "'ssh' is none of pfrack.cluster.pfsense_ssh"),
        ({"host_key_checking": "perhaps"}, "host_key_checking"),
        ({"connection": direct.XMLRPC, "certificate_fingerprint": "ab:cd"}, "no SHA-256 fingerprint"),
    ],
)
def test_settings_that_make_no_sense_are_named(options, words):
    with pytest.raises(RouterError, match=words) as caught:
        opened(**options)
    assert caught.value.kind == "invalid"


def test_what_can_be_set_is_documented():
    source = (COLLECTION / "extensions/eda/plugins/event_source/pfsense_leases.py").read_text()
    event_source = yaml.safe_load(source.split('DOCUMENTATION = r"""')[1].split('"""')[0])["options"]
    inventory = yaml.safe_load(ModuleDocFragment.DOCUMENTATION)["options"]
    assert set(inventory) == set(direct.OPTIONS)
    assert set(direct.OPTIONS) <= set(event_source)
