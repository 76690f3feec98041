# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""QEMU machines of the rack that install themselves: how far they are, and what they say when they are up."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import lab
from clients import wait_for

# In the order in which a machine passes them, with the words on its console.
STAGES = (
    ("its boot loader runs", b"Open Source Network Boot Firmware"),
    ("the live system starts", b"node: live system"),
    ("the installer writes its disk", b"pfrack-install: installing to"),
    ("it is installed and restarts", b"pfrack-install: restarting"),
    ("it starts from its disk", b"node: system on the disk"),
    ("it is up", b" login:"),
)
WRITING, UP = STAGES[2][0], STAGES[-1][0]


class Progress:
    """How far a machine is, from the position `after` of its console on."""

    def __init__(self, computer: lab.Computer, after: int = 0):
        self.computer = computer
        self.position = after
        self.passed = 0

    def news(self) -> list[str]:
        """The stages that it passed since the last look; raises RackError when it gave up."""
        console = self.computer.console
        content = console.read_bytes() if console.exists() else b""
        first = self.passed
        while self.passed < len(STAGES):
            found = content.find(STAGES[self.passed][1], self.position)
            if found < 0:
                break
            self.position = found + 1
            self.passed += 1
        if b"node: EMERGENCY" in content[self.position :]:
            raise lab.RackError(f"{self.computer.name} gave up:\n{content[-3000:].decode(errors='replace')}")
        return [text for text, _words in STAGES[first : self.passed]]

    @property
    def done(self) -> bool:
        return self.passed == len(STAGES)


def installed(
    waiting: list[Progress], seconds: float, say: Callable[[str, str], None] = lambda name, stage: None
) -> None:
    """Waits until all of these machines are installed and up; say(name, stage) is told of each step."""
    left = list(waiting)

    def all_done() -> bool:
        for progress in left:
            for stage in progress.news():
                say(progress.computer.name, stage)
        left[:] = [progress for progress in left if not progress.done]
        return not left

    try:
        wait_for(all_done, "machines are installed and up", seconds)
    except AssertionError as exc:
        computer = left[0].computer
        tail = computer.console.read_bytes()[-3000:].decode(errors="replace")
        raise lab.RackError(f"{computer.name} is not up after {seconds:.0f} s. Its console:\n{tail}") from exc


def ssh(rack: lab.Rack, address: str, command: str, check: bool = True) -> subprocess.CompletedProcess:
    """As the user core, from the controller, with the rack's key. Host keys are not looked at: they change."""
    options = ["UserKnownHostsFile=/dev/null", "StrictHostKeyChecking=no", "LogLevel=ERROR", "BatchMode=yes",
               "IdentitiesOnly=yes", "ConnectTimeout=20"]  # fmt: skip
    words = [word for option in options for word in ("-o", option)]
    return rack.controller.run(["ssh", "-i", str(rack.key), *words, f"core@{address}", command], check=check)


def page(machine: lab.Machine, url: str) -> str:
    """What a machine sees there; '' when nobody answers."""
    done = machine.run(["curl", "-sf", "--max-time", "5", url], check=False)
    return done.stdout.strip() if done.returncode == 0 else ""
