# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""sync.yml, drain.yml, undrain.yml and site.yml, as a user runs them one after the other."""

from __future__ import annotations

from fleet import SyncRouter, running
from playbook_run import Site, give_up_port_80


def test_the_playbooks(rack, router, tmp_path):
    """site.yml and sync.yml agree, a drained node stays drained, and a new node costs no reload."""
    give_up_port_80(router)
    site = Site(rack, tmp_path)
    site.play().ok()
    syncing = SyncRouter(rack)
    pids = syncing.pids()
    assert site.play(playbook="playbooks/sync.yml").ok().changed == 0

    refused = site.play(playbook="playbooks/drain.yml")
    assert refused.returncode != 0 and "-l node3" in refused.output
    site.play("-l", "node3", playbook="playbooks/drain.yml").ok()
    assert running(syncing)["deis_http_ipvANY/node3"][4] is True
    assert site.play("--tags", "haproxy").ok().changed == 0
    assert running(syncing)["deis_http_ipvANY/node3"][4] is True

    site.nodes()["node9"] = {"mac_address": "52:54:00:10:00:09"}
    foretold = site.play("--check", "--diff", "--tags", "haproxy").ok()
    assert "deis_http_ipvANY/node9" not in running(syncing)
    assert site.play("--diff", "--tags", "haproxy").ok().diffs == foretold.diffs
    assert "deis_http_ipvANY/node9" in running(syncing)
    assert site.play("-l", "node3", playbook="playbooks/undrain.yml").ok()
    assert running(syncing)["deis_http_ipvANY/node3"][4] is False
    assert site.play("--tags", "haproxy").ok().changed == 0
    assert syncing.pids() == pids
    syncing.end()
