# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The carrier over pfSense's own XML-RPC: agent and request travel together, as text for `exec_php`."""

from __future__ import annotations

import base64
import xml.parsers.expat
import xmlrpc.client
from collections.abc import Callable
from typing import Any

from .errors import AnswerLost, HttpsError, RequestFailed
from .line import HttpsLine, deflate, find_answer, php_died, web_server_problem
from .settings import Settings

PATH = "/xmlrpc.php"
WRONG_PASSWORD, NO_PRIVILEGE, NO_METHOD = -1, -2, -32601
# What the agent's libraries print must not get into the XML, and an empty answer would read as plain success.
CODE = (
    "$pfrack_level=ob_get_level();ob_start();$pfrack_source=gzinflate(base64_decode('%s'));eval($pfrack_source);"
    "$toreturn=pfrack_once('%s',$pfrack_source,'%s');while(ob_get_level()>$pfrack_level){ob_end_clean();}"
)


class XmlrpcLine(HttpsLine):
    """One request to the agent is one HTTPS request."""

    def __init__(self, settings: Settings, source: str, log: Callable[[str], None] = lambda text: None) -> None:
        super().__init__(settings, source, log)
        self._packed_source = deflate(source)
        login = base64.b64encode(f"{settings.user}:{settings.password}".encode()).decode()
        self._headers = {"Content-Type": "text/xml; charset=utf-8", "Authorization": f"Basic {login}"}

    def begin(self) -> None:
        if not self.settings.password:
            raise HttpsError(
                "auth", f"no password for {self.settings.user} on {self.settings.target}: set ansible_password"
            )

    def send(self, packed: str, data: str, request_id: str, timeout: float) -> dict[str, Any]:
        code = CODE % (self._packed_source, packed, data)
        body = xmlrpc.client.dumps((code,), "pfsense.exec_php", encoding="utf-8").encode()
        response = self.client.request("POST", PATH, body, self._headers, timeout)
        answer = find_answer(response.text, request_id)
        if answer is not None:
            return answer
        if response.status == 404:
            raise HttpsError("unsupported", f"{self.settings.target} has no {PATH}: is this a pfSense router?")
        if response.status == 500:
            # The agent answers even when PHP dies, so it did not get that far.
            raise AnswerLost(f"PHP on the router failed (500): {response.excerpt() or 'see /tmp/PHP_errors.log'}", True)
        if response.status != 200:
            raise web_server_problem(self.settings, response)
        if php_died(response):
            raise RequestFailed(f"PHP on the router failed: {response.excerpt()}", sent=True)
        raise self._problem(response.body, response.excerpt())

    def _problem(self, body: bytes, excerpt: str) -> AnswerLost | HttpsError:
        target = self.settings.target
        try:
            value = xmlrpc.client.loads(body)[0]
        except xmlrpc.client.Fault as fault:
            return self._fault(fault.faultCode, fault.faultString)
        except (xml.parsers.expat.ExpatError, xmlrpc.client.Error, ValueError, TypeError, KeyError, IndexError) as exc:
            return HttpsError("unsupported", f"{target}{PATH} answered something that is no XML-RPC ({exc}): {excerpt}")
        return AnswerLost(f"{target}{PATH} answered without the agent's words: {str(value)[:200]}", sent=True)

    def _fault(self, code: int, words: str) -> HttpsError:
        user, target = self.settings.user, self.settings.target
        if code == WRONG_PASSWORD:
            return HttpsError(
                "auth",
                f"{target} refused the login of {user} ({words}). Is the password (ansible_password) right for this "
                "user? It is not tried again: after some wrong ones the router's login protection blocks this address",
            )
        if code == NO_PRIVILEGE:
            return HttpsError(
                "privilege",
                f"{user} may not use XML-RPC on {target} ({words}): use admin, or give the user the privilege "
                "'System - HA node sync' (system-xmlrpc-ha-sync; it is as good as root)",
            )
        if code == NO_METHOD:
            return HttpsError("unsupported", f"{target} has no pfsense.exec_php: is this a pfSense router? ({words})")
        return HttpsError("internal", f"XML-RPC on {target} failed: {words} ({code})")
