# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The PHP agent as one script text, put together from the small files it is written in."""

from __future__ import annotations

import functools
import pathlib

AGENT_DIRECTORY = pathlib.Path(__file__).resolve().parent / "agent"


@functools.lru_cache(maxsize=1)
def agent_source() -> str:
    """All agent files in order, without their opening tags: text for PHP's `eval`, defining functions only.

    A carrier adds its own last line, such as ``pfrack_serve($in, $out);`` or a call of ``pfrack_handle``.
    """
    parts = ["declare(strict_types=1);"]
    for path in sorted(AGENT_DIRECTORY.glob("*.php")):
        text = path.read_text(encoding="utf-8")
        if not text.startswith("<?php\n"):
            raise ValueError(f"{path.name} does not start with an opening tag")
        lines = text.split("\n")[1:]
        parts.extend(line for line in lines if not line.lstrip().startswith("//"))
    return "\n".join(parts) + "\n"
