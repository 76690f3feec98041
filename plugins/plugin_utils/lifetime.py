# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The connection process ends with the playbook that started it, so that nothing stays on the router."""

from __future__ import annotations

import os
import select
import signal
import threading
import time


def end_with(pid: int) -> None:
    """Ansible leaves connection processes idle after a run; this one ends when that process does."""
    threading.Thread(target=_wait_and_end, args=(pid,), daemon=True).start()


def _wait_and_end(pid):
    """Wait for that process to end, then end this one as ansible would."""
    try:
        watch = os.pidfd_open(pid)
    except ProcessLookupError:
        pass
    except (AttributeError, OSError):
        while _alive(pid):
            time.sleep(1)
    else:
        select.select([watch], [], [])
    os.kill(os.getpid(), signal.SIGTERM)


def _alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
