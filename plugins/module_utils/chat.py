# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who talks to whom when containers on different nodes prove that they reach each other, and what came of it."""

from __future__ import annotations

# Up to so many nodes everybody talks to everybody.
FEW = 5
# What nodes print: one line each, the first word tells our lines from others.
MARK = "pfrack-chat"
_STEPS = {
    "node": "does not answer over SSH",
    "overlay": "the node has no part of the overlay network",
    "listener": "no container listens",
    "key": "the address is not in etcd",
    "connection": "no connection from container to container",
    "line": "the first line did not come back",
    "packet": "a full packet did not come back",
    "transfer": "not everything came back",
}


def peers(names, pairs="auto"):
    """{name: [the names that it talks to]}. pairs: all, ring (each to the next one), or auto: all of a few nodes."""
    names = list(names)
    if pairs == "all" or pairs == "auto" and len(names) <= FEW:
        return {name: [other for other in names if other != name] for name in names}
    following = dict(zip(names, names[1:] + names[:1]))
    return {name: [other] for name, other in following.items() if other != name}


def report(chosen, listened, talked):
    """[{ok, stopped_at, sentence}] in the order of `chosen`, which is what peers() gave.

    listened, talked: {name: what its script printed}; a name is missing when it never ran.
    """
    ready = {name: _ready(listened.get(name)) for name in chosen}
    result = []
    for name, others in chosen.items():
        said = {words[0]: words[1:] for words in _lines(talked.get(name, ""))}
        for other in others:
            stopped_at, detail = _outcome(name, other, ready, said.get(other), talked.get(name))
            outcome = "%s: %s" % (stopped_at, detail) if stopped_at else "talked"
            sentence = "%s -> %s: %s" % (name, other, outcome)
            result.append({"ok": not stopped_at, "stopped_at": stopped_at, "sentence": sentence})
    return result


def _lines(text):
    lines = [line.split() for line in text.splitlines()]
    return [words[1:] for words in lines if len(words) > 1 and words[0] == MARK]


def _last(text):
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "nothing"


def _ready(printed):
    """[] when a container listens; else the words of what stopped it."""
    if printed is None:
        return ["node"]
    words = next(iter(_lines(printed)), ["failed", "listener", "its", "script", "ended", "with:", _last(printed)])
    return words[1:] if words[0] == "failed" else []


def _outcome(name, other, ready, said, printed):
    for who in (other, name):
        if ready[who]:
            return _failure(who, ready[who])
    if printed is None:
        return _failure(name, ["node"])
    if not said:
        failed = next((words[1:] for words in _lines(printed) if words[0] == "failed"), None)
        return _failure(name, failed or ["connection", "its", "script", "ended", "with:", _last(printed)])
    return ("", "") if said == ["ok"] else _failure(name, said)


def _failure(who, words):
    rest = " ".join(words[1:])
    return words[0], "%s: %s%s" % (who, _STEPS.get(words[0], words[0]), " (%s)" % rest if rest else "")
