# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The REST API package: logins, requests, and what its refusals mean."""

from __future__ import annotations

import base64
import json
import urllib.parse
from dataclasses import dataclass
from typing import Any

from .client import HttpsClient, Response
from .errors import AnswerLost, HttpsError, RequestFailed
from .line import php_died, web_server_problem
from .settings import Settings

API = "/api/v2"
INSTALL = (
    "Install it on the router (it is in no repository): pkg-static add https://github.com/pfrest/pfSense-pkg-RESTAPI/"
    "releases/latest/download/pfSense-<version>-pkg-RESTAPI.pkg. A pfSense upgrade removes it. "
    "pfrack.cluster.pfsense_xmlrpc needs no package"
)


@dataclass(frozen=True)
class RestSettings:
    """login: key, basic or jwt. pull_host: our address as the router sees it, empty to find out; pull_port 0: any."""

    login: str = "basic"
    api_key: str = ""
    pull_host: str = ""
    pull_port: int = 0


def build_rest_settings(options: dict[str, Any]) -> RestSettings:
    """From the connection plugin's options. Raises HttpsError."""
    key = options.get("api_key") or ""
    login = options.get("api_auth") or ("key" if key else "basic")
    if login == "key" and not key:
        raise HttpsError("auth", "no API key: set ansible_pfsense_api_key")
    if login != "key" and not options.get("password"):
        raise HttpsError("auth", "no password and no API key: set ansible_password or ansible_pfsense_api_key")
    return RestSettings(login, key, options.get("pull_host") or "", int(options.get("pull_port") or 0))


class NotPermitted(HttpsError):
    """The user lacks the privilege of one address and method."""


class RestApi:
    """Requests to the package, one after the other."""

    def __init__(self, settings: Settings, client: HttpsClient, rest: RestSettings) -> None:
        self._settings, self._client, self._rest = settings, client, rest
        self._token = ""

    @property
    def who(self) -> str:
        """Who logs in, for messages."""
        return "the API key" if self._rest.login == "key" else self._settings.user

    def ask(self, method: str, path: str, fields: dict[str, Any] | None = None, timeout: float = 60.0) -> Any:
        """`data` of a successful answer; fields of GET and DELETE become the query. Raises AnswerLost or HttpsError."""
        body = None
        where = API + path
        if method in ("GET", "DELETE"):
            # A content type would make the package overlook the query.
            where += "?" + urllib.parse.urlencode(fields) if fields else ""
        else:
            body = json.dumps(fields or {}).encode()
        response = self._request(method, where, body, self._login(), timeout)
        if response.status == 401 and self._token:
            # A token ends after a while; a new one costs one more login.
            self._token = ""
            response = self._request(method, where, body, self._login(), timeout)
        return self._data(response, method, path)

    def _request(self, method: str, path: str, body: bytes | None, login: dict[str, str], timeout: float) -> Response:
        headers = {"Accept": "application/json", **login}
        if body is not None:
            headers["Content-Type"] = "application/json"
        return self._client.request(method, path, body, headers, timeout)

    def _login(self) -> dict[str, str]:
        if self._rest.login == "key":
            return {"X-API-Key": self._rest.api_key}
        if self._rest.login == "basic":
            return self._basic()
        if not self._token:
            response = self._request("POST", API + "/auth/jwt", b"{}", self._basic(), 60.0)
            data = self._data(response, "POST", "/auth/jwt")
            self._token = str(data.get("token") or "") if isinstance(data, dict) else ""
        return {"Authorization": f"Bearer {self._token}"}

    def _basic(self) -> dict[str, str]:
        login = base64.b64encode(f"{self._settings.user}:{self._settings.password}".encode()).decode()
        return {"Authorization": f"Basic {login}"}

    def _data(self, response: Response, method: str, path: str) -> Any:
        try:
            answer = json.loads(response.body)
        except ValueError:
            answer = None
        if not isinstance(answer, dict) or "data" not in answer:
            raise self._no_json(response)
        if response.status == 200:
            return answer["data"]
        words = str(answer.get("message"))
        raise self._refusal_of(response.status, str(answer.get("response_id")), words, privilege(method, path))

    def _no_json(self, response: Response) -> AnswerLost | HttpsError:
        target = self._settings.target
        if response.status in (404, 405):
            return HttpsError("unsupported", f"{target} has no REST API v2. {INSTALL}")
        if php_died(response):
            return RequestFailed(f"PHP on the router failed: {response.excerpt()}", sent=True)
        if response.status == 200:
            return HttpsError("unsupported", f"{target}{API} answered something that is no JSON: {response.excerpt()}")
        return web_server_problem(self._settings, response)

    def _refusal_of(self, status: int, response_id: str, words: str, needed: str) -> AnswerLost | HttpsError:
        target = self._settings.target
        said = f"{words[:300]} ({response_id})"
        if status == 401:
            methods = {"key": "KeyAuth", "basic": "BasicAuth", "jwt": "JWTAuth"}[self._rest.login]
            return HttpsError(
                "auth",
                f"{target} refused the login with {self.who} ({words}). Is it right, and is {methods} switched on in "
                "the API's settings? It is not tried again: after some wrong ones the login protection blocks this "
                "address",
            )
        if response_id == "AUTH_AUTHORIZATION_FAILED":
            return NotPermitted("privilege", f"{self.who} lacks the privilege {needed} on {target}")
        if status == 403:
            return HttpsError(
                "privilege",
                f"the REST API of {target} does not let {self.who} in from here: see its access list and its allowed "
                f"interfaces ({said})",
            )
        if status == 405 and "READ_ONLY" in response_id:
            return HttpsError("privilege", f"the REST API of {target} is in read-only mode: switch that off there")
        if status == 503 and "LOCKED" in response_id:
            return HttpsError(
                "busy",
                f"somebody else writes the configuration of {target}, and nothing was changed. If it stays so, a "
                f"request died: remove /tmp/.RESTAPI.write_config.lock there ({said})",
            )
        if status == 503 and "QUEUED" not in response_id:
            return HttpsError("unsupported", f"the REST API of {target} does not work now: {said}")
        if status in (500, 503):
            return RequestFailed(f"the API says {status}: {said}", sent=True)
        return HttpsError("internal", f"the REST API of {target} says {status}: {said}")


def privilege(method: str, path: str) -> str:
    """What pfSense calls the right to use an address of the API in one way."""
    return "api-v2" + path.replace("/", "-").replace("_", "-") + "-" + method.lower()
