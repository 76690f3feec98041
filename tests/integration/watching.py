# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A running watch.yml, and what it says."""

from __future__ import annotations

import contextlib
import queue
import re
import threading
import time
from collections.abc import Iterator


class Log:
    """The output of a running playbook, line by line."""

    def __init__(self, process):
        self.process = process
        self.lines = []
        self._queue = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for text in self.process.stdout:
            self._queue.put(text.rstrip("\n"))

    def wait(self, pattern: str, seconds: float = 60) -> str:
        """The first line from now on that fits the pattern."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                text = self._queue.get(timeout=max(0.01, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"no line like {pattern!r} in:\n" + "\n".join(self.lines)) from None
            self.lines.append(text)
            if re.search(pattern, text):
                return text


@contextlib.contextmanager
def watching(site, *arguments: str) -> Iterator[Log]:
    """The log of playbooks/watch.yml for a playbook_run.Site, from the moment when it follows to the block's end."""
    process = site.start("-e", "watch_grace=0", *arguments, playbook="playbooks/watch.yml")
    log = Log(process)
    try:
        log.wait("watch: follows from now on")
        yield log
    finally:
        process.terminate()
        process.wait(30)
