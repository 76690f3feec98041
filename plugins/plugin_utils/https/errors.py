# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong between us and the router's web server."""

from __future__ import annotations

from typing import Any


class HttpsError(Exception):
    """A failure of the carrier; `kind` is one of the carrier kinds of the agent protocol."""

    def __init__(self, kind: str, message: str, detail: str = "") -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.detail = detail

    def answer(self) -> dict[str, Any]:
        """The same as an answer of the agent."""
        error = {"kind": self.kind, "message": self.message, "function": "", "detail": self.detail}
        return {"id": None, "ok": False, "error": error}


class AnswerLost(Exception):
    """No usable answer came; `sent` says whether the request may have reached the router."""

    def __init__(self, message: str, sent: bool) -> None:
        super().__init__(message)
        self.sent = sent


class RequestFailed(AnswerLost):
    """The router says that the request failed in its middle: what it did not do yet, it does not any more."""
