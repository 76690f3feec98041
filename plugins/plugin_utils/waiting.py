# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for what nothing announces. What the router knows is waited for there (`wait` of the router port)."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

PAUSE = 0.5


def wait_for(condition: Callable[[], Any], seconds: float, pause: float = PAUSE) -> Any:
    """The first true value of the condition, or its last one when the time is over."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value or time.monotonic() >= deadline:
            return value
        time.sleep(pause)  # etcd and restarting nodes can only be asked again
