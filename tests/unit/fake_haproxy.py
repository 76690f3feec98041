# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent in memory with a HAProxy: a file that config.xml becomes, and a process that its socket can change."""

from __future__ import annotations

import base64

from ansible_collections.pfrack.cluster.tests.unit.fake_agent import FakeAgent, failure, success

COLUMNS = (
    "be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight "
    "srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state "
    "bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr "
    "srv_agent_addr srv_agent_port"
)


def b64(text):
    return base64.b64encode(text.encode()).decode()


def section(*servers, names=None, **pool):
    """HAProxy's section with one pool "web" of ours; servers are entries, `names` those that are ours (all)."""
    own = [entry["name"] for entry in servers] if names is None else names
    web = {
        "name": "web",
        "id": "100",
        "check_type": "HTTP",
        "httpcheck_method": "GET",
        "advanced_backend": b64(" ".join(["# [pfrack] servers:", *own])),
        "ha_servers": {"item": list(servers)} if servers else "",
        **pool,
    }
    frontend = {"name": "web", "status": "active", "type": "http", "backend_serverpool": "web", "descr": "[pfrack]"}
    return {"enable": "", "configversion": "00.58", "ha_backends": {"item": [frontend]}, "ha_pools": {"item": [web]}}


def entry(number, **fields):
    return {
        "name": "node%d" % number,
        "id": str(100 + number),
        "status": "active",
        "address": "10.10.0.%d" % number,
        "port": "80",
        **fields,
    }


class FakeHaproxy(FakeAgent):
    """process: {backend/name: {id, addr, port, weight, admin, up}}, or None while nothing runs.

    dead: addresses that answer no probe. refuse_adding: HAProxy's words against `add server`. spy: called with
    (op, params) before each request. fewest: the fewest servers that were ready at any moment.
    """

    def __init__(self, haproxy):
        super().__init__({"installedpackages": {"haproxy": haproxy}}, {"packages": {"haproxy": "0.63"}})
        self.notes, self.dead, self.said, self.reloads = {}, set(), [], 0
        self.refuse_adding, self.spy, self.fewest, self.version = "", None, None, "3.0.11"
        self.sessions = {}
        self.file, self.process = {}, None
        self.write_file()
        self.reload()
        self.reloads = 0

    @property
    def haproxy(self):
        return self.config["installedpackages"]["haproxy"]

    def call(self, op, params):
        if self.spy:
            self.spy(op, params)
        return super().call(op, params)

    def write_file(self):
        self.file = {}
        for pool in self.haproxy["ha_pools"]["item"]:
            for server in (pool.get("ha_servers") or {}).get("item", []):
                if server["status"] != "inactive":
                    weight = " weight %s" % server["weight"] if server.get("weight") else ""
                    words = "%s:%s id %s check inter 1000%s%s" % (
                        server["address"],
                        server["port"],
                        server["id"],
                        " disabled" if server["status"] == "disabled" else "",
                        weight,
                    )
                    self.file["%s_ipvANY/%s" % (pool["name"], server["name"])] = words

    def reload(self):
        old = self.process or {}
        self.process = {}
        for server, words in self.file.items():
            self.process[server] = made(words, ready=True)
            if old.get(server, {}).get("admin") in (8, 1) and "disabled" not in words:
                self.process[server]["admin"] = old[server]["admin"]
        self.reloads += 1

    def do_commit(self, revision, operations, services, description):
        answer = super().do_commit(revision, operations, services, description)
        if answer["ok"]:
            self.write_file()
            if "haproxy" in services:
                self.reload()
        return answer

    def do_haproxy_state(self, notes):
        rows = ["1", "# " + COLUMNS]
        for server, values in (self.process or {}).items():
            backend, name = server.split("/")
            rows.append(
                "100 %s %s %s %s %d %d %s 1 0 15 3 4 %d 0 1 1 - %s - 0 0 - - 0"
                % (
                    backend,
                    values["id"],
                    name,
                    values["addr"],
                    2 if values["up"] and not values["admin"] else 0,
                    values["admin"],
                    values["weight"],
                    6 if values["checks"] else 2,
                    values["port"],
                )
            )
        lines = {"web_ipvANY": []}
        for server, words in self.file.items():
            lines["web_ipvANY"].append("%s %s" % (server.split("/")[1], words))
        return success(
            {
                "revision": self.revision,
                "pids": [] if self.process is None else [100 + self.reloads],
                "version": self.version,
                "state": None if self.process is None else "\n".join(rows),
                "lines": lines,
                "notes": {name: self.notes.get(name, "") for name in notes},
            }
        )

    def do_haproxy_runtime(self, commands, revision=None):
        if self.read_only:
            raise AssertionError("a command in check mode")
        if revision not in (None, self.revision):
            return failure("conflict", "the configuration was changed by somebody else")
        self.said += commands
        answers = [None if self.process is None else self.obey(command) for command in commands]
        return success({"answers": answers, "pids": []})

    def obey(self, command):
        words = command.split()
        server = words[3] if words[:3] == ["shutdown", "sessions", "server"] else words[2]
        if words[:2] == ["add", "server"]:
            if self.refuse_adding:
                return self.refuse_adding
            if server in self.process:
                return "Already exists a server with the same name in backend."
            self.process[server] = made(" ".join(words[3:]), ready=False)
            return "New server registered."
        if server not in self.process:
            return "No such server."
        values = self.process[server]
        if words[:2] == ["del", "server"]:
            if not values["admin"] & 1:
                return "Only servers in maintenance mode can be deleted."
            if self.sessions.get(server):
                return "Server still has connections attached to it, cannot remove it."
            del self.process[server]
            return "Server deleted."
        if words[0] == "enable":
            values["checks"] = True
        elif words[0] == "shutdown":
            self.sessions.pop(server, None)
        elif words[3] == "state":
            values["admin"] = {"ready": 0, "drain": 8, "maint": 1}[words[4]]
        elif words[3] == "health":
            values["up"] = words[4] == "up"
        elif words[3] == "weight":
            values["weight"] = words[4]
        elif words[3] == "addr":
            values["addr"], values["port"] = words[4], words[6]
            return "IP changed by 'stats socket command'"
        ready = sum(1 for values in self.process.values() if not values["admin"])
        self.fewest = ready if self.fewest is None else min(self.fewest, ready)
        return ""

    def do_haproxy_wait(self, servers, seconds, idle):
        return success({"sessions": {server: self.sessions.get(server, 0) for server in servers}})

    def do_wait(self, since, timeout, targets):
        return success({"token": "now", "changed": ["health"], "answering": [], "now": 0})

    def do_probe(self, targets, timeout):
        return success(
            {"results": [{"ok": t["address"] not in self.dead, "detail": "no answer in time"} for t in targets]}
        )

    def do_note(self, name, text=None):
        if self.read_only and text is not None:
            raise AssertionError("a note in check mode")
        if text is not None:
            self.notes[name] = text
        return success({"text": self.notes.get(name, "")})


def made(words, ready):
    parts = words.split()
    address, _colon, port = parts[0].rpartition(":")
    values = dict(zip(parts[1:], parts[2:]))
    return {
        "id": values["id"],
        "addr": address,
        "port": port,
        "weight": values.get("weight", "1"),
        "admin": 5 if "disabled" in parts else 0 if ready else 1,
        "checks": ready,
        "up": True,
    }
