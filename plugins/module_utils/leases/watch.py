# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look again whenever something changes on the router, for as long as the caller likes."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from ..router import RouterError
from .changes import View, changes, look

# What a router that starts again, or a cable that is pulled, looks like from here.
PASSING = ("unreachable", "timeout", "unknown_outcome", "busy", "conflict")
# A router that answered before may say these while it starts.
PASSING_LATER = PASSING + ("auth", "privilege", "unsupported", "missing", "internal")
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 5.0


@dataclass
class Step:
    """What a step found. away: the router did not answer. woken: something calls for a look at everything."""

    away: bool = False
    woken: bool = False
    changes: list = field(default_factory=list)


class Watch:
    """Watches one router port. `say` takes lines for the log. RouterErrors that do not pass are raised."""

    def __init__(self, router, say, sleep=time.sleep):
        self._router = router
        self._say = say
        self._sleep = sleep
        self._token = ""
        self._view = None
        self._pause = 0.0
        self._reached = False
        self.view = View()

    def step(self, seconds, targets=()):
        """Wait at most so many seconds for a change, or for a target (see Router.probe) to answer; returns a Step."""
        try:
            waited = self._router.wait(self._token, min(seconds, 60), targets)
            if not waited["changed"] and not waited.get("answering"):
                self._back()
                return Step()
            new = look(self._router)
        except RouterError as error:
            self.away(error)
            return Step(away=True)
        # Only now: what was not looked at has to be told again.
        self._token = waited["token"]
        self._back()
        found = changes(self._view, new) if self._view is not None else []
        self._view = self.view = new
        return Step(woken=True, changes=found)

    def away(self, error):
        """Bear with a failure and pause; raises it when waiting does not help."""
        if error.kind not in (PASSING_LATER if self._reached else PASSING):
            raise error
        if not self._pause:
            self._say("router: cannot work with it now (%s: %s)" % (error.kind, " ".join(error.message.split())))
        self._pause = min(max(self._pause * 1.5, FIRST_PAUSE), LONGEST_PAUSE)
        # The router cannot tell us that it is back.
        self._sleep(self._pause)

    def _back(self):
        if self._pause:
            self._say("router: is back")
        self._pause = 0.0
        self._reached = True
