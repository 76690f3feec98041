# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The load generator wrk as a client that counts what it loses, as load.py does."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

from fleet import FRONT, WEB

CONNECTIONS = 4
KINDS = {"wrk kept": [], "wrk new": ["-H", "Connection: close"]}


@contextlib.contextmanager
def wrk(machine) -> Iterator[dict]:
    """Runs both kinds until the end of the block; the dict is filled then, as Load.result is."""
    command = ["wrk", "-t", "1", "-c", str(CONNECTIONS), "-d", "3600", "--timeout", "10"]
    processes = {
        kind: machine.popen([*command, *more, f"http://{FRONT}:{WEB}/"], stdout=-1, text=True)
        for kind, more in KINDS.items()
    }
    result: dict = {}
    try:
        yield result
    finally:
        # It sums up what it saw so far.
        machine.run(["pkill", "-INT", "-x", "wrk"])
        for kind, process in processes.items():
            result[kind] = read(process.communicate(timeout=60)[0])


def read(output: str) -> dict:
    """What wrk counted, {answered, lost, errors}. It names errors only where there are some."""
    total = re.search(r"(\d+) requests in ", output)
    if not total:
        raise SystemExit(f"wrk did not work:\n{output}")
    errors = {}
    if found := re.search(r"Socket errors: (.*)", output):
        errors = {name: int(number) for name, number in re.findall(r"(\w+) (\d+)", found.group(1)) if int(number)}
    if found := re.search(r"Non-2xx or 3xx responses: (\d+)", output):
        errors["status"] = int(found.group(1))
    return {"answered": int(total.group(1)) - errors.get("status", 0), "lost": sum(errors.values()), "errors": errors}
