# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A line to the lab's router over its web server, by the connections' own code, where the rack's network is."""

from __future__ import annotations

import json
import sys

from router_line import ROOT, RouterLine

DRIVER = """
import importlib, json, sys
sys.path.insert(0, sys.argv[1])
from agent_bundle import agent_source
from https.errors import HttpsError
from https.settings import build_settings
options = json.loads(sys.argv[2])
carrier = options.pop("carrier")
source = agent_source().replace(*options.pop("patch", ("", "")))
line = None
def opened():
    global line
    if line is None:
        module = importlib.import_module(f"https.{carrier}_line")
        log = lambda text: print(text, file=sys.stderr, flush=True)
        more = [importlib.import_module("https.rest_api").build_rest_settings(options)] if carrier == "rest" else []
        line = getattr(module, f"{carrier.title()}Line")(build_settings(options), source, log, *more)
    return line
for text in sys.stdin:
    method, arguments = json.loads(text)
    try:
        if method == "counts":
            answer = [opened().client.requests, opened().client.connections]
        else:
            answer = getattr(opened(), method)(*arguments)
    except HttpsError as error:
        answer = error.answer()
    print(json.dumps(answer), flush=True)
if line:
    line.close()
"""


# PHP ends with a fatal error: no handler of exceptions sees that memory is used up.
DIE = "str_repeat('x', 1 << 50);"
REST_PACKAGE = "https://github.com/pfrest/pfSense-pkg-RESTAPI/releases/latest/download/pfSense-2.8.1-pkg-RESTAPI.pkg"


def install_rest(router) -> None:
    """What an admin does once, before the REST API is there."""
    router.run(["pkg-static", "add", REST_PACKAGE])


def trusted(rack) -> dict:
    """Options for the password login at the rack's router."""
    return {"password": "pfsense", "ca_path": str(rack.directory / "webgui.crt")}


class ApiLine(RouterLine):
    """RouterLine's methods over another carrier, `xmlrpc` or `rest`."""

    def __init__(self, rack, carrier, **options):
        settings = {"carrier": carrier, "host": "10.10.0.1", "connect_timeout": 3, **trusted(rack), **options}
        code = str(ROOT / "plugins" / "plugin_utils")
        self._log = open(rack.directory / "api-line.log", "w+")
        self._process = rack.controller.popen(
            [sys.executable, "-c", DRIVER, code, json.dumps(settings)],
            stdin=-1,
            stdout=-1,
            stderr=self._log,
            text=True,
        )

    def counts(self):
        """(HTTP requests, connections) so far."""
        self.start("counts")
        return self.answer()

    def log(self):
        """What the carrier said to -vvv."""
        self._log.seek(0)
        return self._log.read()
