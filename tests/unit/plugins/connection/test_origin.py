# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose runs may be ended by others: those of processes that are known to be gone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from ansible_collections.pfrack.cluster.plugins.plugin_utils.https import origin

DIRECTORY = Path(origin.__file__).parent
SAY = "import origin, sys; print(origin.origin(), flush=True); sys.stdin.read()"


def test_a_process_has_ended_when_it_is_gone_and_not_before():
    other = subprocess.Popen([sys.executable, "-c", SAY], cwd=DIRECTORY, stdin=-1, stdout=-1, text=True)
    name = other.stdout.readline().strip()
    assert not origin.ended(name) and not origin.ended(origin.origin())
    other.stdin.close()
    os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)
    assert origin.ended(name), "a dead process whose parent has not asked for it"
    other.wait()
    assert origin.ended(name)


def test_a_number_that_another_process_has_by_now_is_no_sign_of_life():
    place, pid, since = origin.origin().split()
    assert origin.ended(f"{place} {pid} {int(since) - 1}")


def test_nothing_is_known_of_other_machines():
    for name in ("", "0123456789abcdef 1 1", "damaged", origin.origin().split()[0]):
        assert not origin.ended(name)
