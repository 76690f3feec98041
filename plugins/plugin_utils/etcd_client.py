# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""etcd's JSON interface (API v3) over mutual TLS, from the controller."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import os
import re
import ssl
from urllib.parse import urlsplit

from . import waiting

# etcd appends the SHA-256 of the data to a snapshot.
DIGEST = hashlib.sha256().digest_size
# As etcd writes an AlarmMember.
_ALARM = re.compile(r"memberID:([0-9]+) +alarm:([A-Z]+)")


class EtcdError(Exception):
    """etcd, or the way to it, said no. kind: unreachable, refused."""

    def __init__(self, kind, message):
        super().__init__(message)
        self.kind = kind


class EtcdClient:
    """endpoints: ["https://ADDRESS:2379"]; any of them will do. Every method raises EtcdError."""

    def __init__(self, endpoints, authority=None, certificate=None, key=None, timeout=5.0):
        self.endpoints = list(endpoints)
        self.timeout = timeout
        self.context = None
        if any(endpoint.startswith("https:") for endpoint in self.endpoints):
            try:
                self.context = ssl.create_default_context(cafile=authority)
                if certificate:
                    self.context.load_cert_chain(certificate, key)
            except OSError as error:
                raise EtcdError("unreachable", "certificates: %s" % error) from error

    def members(self):
        """[{id, name, peer_urls, client_urls, learner, healthy, alarms}], healthy as seen from here.

        alarms: NOSPACE, with which a member still serves what it has, and CORRUPT, with which it does not count.
        """
        answer = self._member_list()
        statuses = self.statuses(_client_urls(answer))
        corrupt = {member for member, alarm in _alarms(statuses) if alarm == "CORRUPT"}
        up = {status["header"]["member_id"] for status in statuses} - corrupt
        return [
            {
                "id": member["ID"],
                "name": member.get("name") or "",
                "peer_urls": member.get("peerURLs") or [],
                "client_urls": member.get("clientURLs") or [],
                "learner": bool(member.get("isLearner")),
                "healthy": member["ID"] in up,
                "alarms": [alarm for owner, alarm in _alarms(statuses) if owner == member["ID"]],
            }
            for member in answer.get("members") or []
        ]

    def _member_list(self):
        """As the quorum has it, so that a member that lags does not hide the last change; else as anybody has it."""
        try:
            return self.ask("/v3/cluster/member/list", {"linearizable": True})
        except EtcdError as error:
            if error.kind != "unreachable":
                raise
            return self.ask("/v3/cluster/member/list", {})

    def statuses(self, endpoints):
        """The status of each endpoint that answers and has a leader."""
        result = []
        for endpoint in endpoints:
            try:
                status = self._post(endpoint, "/v3/maintenance/status", {})
            except EtcdError:
                continue
            if int(status.get("leader") or 0):
                result.append(status)
        return result

    def add_learner(self, peer_url):
        """The new member, which has no vote yet."""
        return self.ask("/v3/cluster/member/add", {"peerURLs": [peer_url], "isLearner": True}).get("member") or {}

    def promote(self, member_id):
        self.ask("/v3/cluster/member/promote", {"ID": member_id})

    def remove(self, member_id):
        self.ask("/v3/cluster/member/remove", {"ID": member_id})

    def get(self, key):
        """(value as text, revision of its last change), (None, 0) when there is no such key."""
        found = (self.ask("/v3/kv/range", {"key": _encoded(key)}).get("kvs") or [None])[0]
        if not found:
            return None, 0
        return base64.b64decode(found.get("value") or "").decode("utf-8", "replace"), int(found["mod_revision"])

    def swap(self, key, revision, value):
        """Put the value (None removes the key) if nobody has changed the key since that revision; whether it was so."""
        name = {"key": _encoded(key)}
        change = {"requestDeleteRange": name} if value is None else {"requestPut": {**name, "value": _encoded(value)}}
        compare = {**name, "target": "MOD", "result": "EQUAL", "modRevision": str(revision)}
        return bool(self.ask("/v3/kv/txn", {"compare": [compare], "success": [change]}).get("succeeded"))

    def snapshot(self, path):
        """Write a snapshot to a file, readable for its owner only; its size in bytes. All or nothing."""
        partial = path + ".new"
        digest, held, size = hashlib.sha256(), b"", 0
        try:
            with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as target:
                for piece in self._stream("/v3/maintenance/snapshot", {}):
                    target.write(piece)
                    size += len(piece)
                    held += piece
                    digest.update(held[:-DIGEST])
                    held = held[-DIGEST:]
                target.flush()
                os.fsync(target.fileno())
            if digest.digest() != held:
                raise EtcdError("refused", "the snapshot is not whole: its checksum is wrong")
            os.replace(partial, path)
        finally:
            if os.path.exists(partial):
                os.unlink(partial)
        return size

    def ask(self, path, body):
        """The answer of the first endpoint that serves the request."""
        problems = []
        for endpoint in self.endpoints:
            try:
                return self._post(endpoint, path, body)
            except EtcdError as error:
                # A learner serves next to nothing.
                if error.kind == "refused" and "learner" not in str(error):
                    raise
                problems.append(str(error))
        raise EtcdError("unreachable", "; ".join(problems) or "no endpoints are known")

    def _post(self, endpoint, path, body):
        status, text = self._request(endpoint, path, body, lambda response: response.read())
        try:
            answer = json.loads(text)
        except ValueError:
            answer = {"message": text.decode("utf-8", "replace")[:200]}
        if status != 200:
            kind = "unreachable" if status in (503, 504) else "refused"
            raise EtcdError(kind, "%s: %s" % (endpoint, answer.get("message") or answer.get("error") or status))
        return answer

    def _stream(self, path, body):
        """The pieces of the first endpoint that answers."""
        problem = EtcdError("unreachable", "no endpoints are known")
        for endpoint in self.endpoints:
            connection = self._connection(endpoint)
            try:
                connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
                response = connection.getresponse()
                if response.status != 200:
                    problem = EtcdError("refused", "%s: %s" % (endpoint, response.read(200).decode("utf-8", "replace")))
                    continue
                for line in response:
                    if line.strip():
                        yield base64.b64decode((json.loads(line).get("result") or {}).get("blob") or "")
                return
            except (OSError, http.client.HTTPException, ValueError) as error:
                problem = EtcdError("unreachable", "%s: %s" % (endpoint, error))
            finally:
                connection.close()
        raise problem

    def _request(self, endpoint, path, body, read):
        connection = self._connection(endpoint)
        try:
            connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
            response = connection.getresponse()
            return response.status, read(response)
        except (OSError, http.client.HTTPException) as error:
            raise EtcdError("unreachable", "%s: %s" % (endpoint, error)) from error
        finally:
            connection.close()

    def _connection(self, endpoint):
        parts = urlsplit(endpoint)
        if parts.scheme == "https":
            return http.client.HTTPSConnection(
                parts.hostname, parts.port or 2379, timeout=self.timeout, context=self.context
            )
        return http.client.HTTPConnection(parts.hostname, parts.port or 2379, timeout=self.timeout)


def wait_for(condition, seconds):
    """As waiting.wait_for; an EtcdError counts as false."""

    def attempt():
        try:
            return condition()
        except EtcdError:
            return None

    return waiting.wait_for(attempt, seconds)


def _encoded(text):
    return base64.b64encode(text.encode("utf-8")).decode("ascii")


def _alarms(statuses):
    """[(member id, alarm)]. Each member tells those of the whole cluster, among what it calls errors."""
    texts = [str(text) for status in statuses for text in status.get("errors") or []]
    return sorted({found for text in texts for found in _ALARM.findall(text)})


def _client_urls(answer):
    return [url for member in answer.get("members") or [] for url in (member.get("clientURLs") or [])[:1]]
