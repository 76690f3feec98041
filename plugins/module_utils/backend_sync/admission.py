# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may come and who may stay: probes for new servers, a period of grace for those that are missing."""

from __future__ import annotations

import ipaddress

from ..ownership import Mark
from .config import our_pools, pools_of, servers_of
from .guards import still_in_grace
from .running import backends_of


class Admission:
    """Answers of probes and the note about missing servers, for all attempts of one run."""

    def __init__(self, router, options, clock):
        self._router, self._options, self._clock = router, options, clock
        self._answers = {}
        self._note = None
        self.answering = set()
        self.not_added = {}
        self.in_grace = []

    @staticmethod
    def note_name(owner):
        return "missing.%s" % owner

    def admit(self, section, wish, view):
        """The backends of the wish without new servers that do not answer, and with those in grace.

        Sets answering and in_grace ("pool/server") and not_added ({pool/server: why}).
        """
        self.answering, self.not_added, self.in_grace = set(), {}, []
        pools = pools_of(section)
        backends = [dict(backend) for backend in wish.backends or []]
        present = [backend for backend in backends if backend["name"] in pools]
        with_servers = [backend for backend in present if backend.get("servers") is not None]
        if self._options.probe and not view.blind:
            self._probe(with_servers, pools, view)
        self._grace(with_servers, section, wish.owner, view.notes)
        return backends

    def remember(self):
        """Note which servers are missing, and since when."""
        if self._note is not None:
            self._router.note(*self._note)

    def _probe(self, backends, pools, view):
        asked = []
        for backend in backends:
            pool = pools[backend["name"]]
            known = servers_of(pool)
            running = _running(view, backend["name"])
            for server in backend["servers"]:
                new = server["name"] not in known
                target = probe_target(backend, pool, server)
                # One that config.xml has but the process lacks stays, and is only asked whether it may serve at once.
                if target and (new or running is not None and server["name"] not in running):
                    asked.append(("%s/%s" % (backend["name"], server["name"]), target, new))
        unknown = [target for _name, target, _new in asked if _key(target) not in self._answers]
        if unknown:
            answers = self._router.probe(unknown, self._options.probe_timeout)
            self._answers.update((_key(target), answer) for target, answer in zip(unknown, answers))
        for name, target, new in asked:
            answer = self._answers[_key(target)]
            if answer.get("ok"):
                self.answering.add(name)
            elif new:
                self.not_added[name] = answer.get("detail") or "no answer"
        for backend in backends:
            backend["servers"] = [
                server
                for server in backend["servers"]
                if "%s/%s" % (backend["name"], server["name"]) not in self.not_added
            ]

    def _grace(self, backends, section, owner, notes):
        ours = our_pools(section, Mark(owner))
        missing = []
        for backend in backends:
            wanted = {server["name"] for server in backend["servers"]}
            names = ours.get(backend["name"]) or []
            missing += ["%s/%s" % (backend["name"], name) for name in names if name not in wanted]
        noted = notes.get(self.note_name(owner)) or ""
        self.in_grace, note = still_in_grace(missing, noted, self._clock(), self._options.grace)
        self._note = (self.note_name(owner), note) if note != noted else None
        for backend in backends:
            known = servers_of(pools_of(section)[backend["name"]])
            for name, entry in known.items():
                if "%s/%s" % (backend["name"], name) in self.in_grace:
                    # What is not given stays as it is.
                    stays = {"name": name, "address": entry.get("address"), "port": int(entry.get("port") or 1)}
                    backend["servers"] = backend["servers"] + [stays]


def probe_target(backend, pool, server):
    """What the agent has to ask to learn whether a server answers; None for one without a literal address."""
    check = backend.get("check") or {
        "type": pool.get("check_type"),
        "path": pool.get("monitor_uri"),
        "method": pool.get("httpcheck_method"),
    }
    try:
        target = {"address": str(ipaddress.ip_address(server["address"])), "port": int(server["port"])}
    except ValueError:
        return None
    # Where a check speaks TLS, a probe only looks whether somebody accepts.
    if check.get("type") == "HTTP" and not server.get("ssl") and not server.get("check_ssl"):
        target.update(path=check.get("path") or "/", method=check.get("method") or "GET")
    return target


def _running(view, pool):
    """Names of servers of a pool that the process has; None when nobody knows, or the pool is not in use."""
    backends = backends_of(pool, view.state or {}) or backends_of(pool, view.lines)
    if view.state is None or not backends:
        return None
    return {name for backend in backends for name in view.state.get(backend, {})}


def _key(target):
    return tuple(sorted(target.items()))
