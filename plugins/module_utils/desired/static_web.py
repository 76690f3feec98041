# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The web server for files: its settings, and its line among the router's services. Both are ours alone."""

from __future__ import annotations

import ipaddress
import re

from ..errors import DesiredError
from ..ownership import Mark
from . import Desired, container, items

SECTION = "installedpackages/pfrack_static_web"
SERVICES = "installedpackages/service"
PATHS = (SECTION, SERVICES)
NAME = "pfrack_static_web"
OUTSIDE = "wan"
_DIRECTORY = re.compile(r"(/[A-Za-z0-9_-][A-Za-z0-9._-]*)+")
_SERVICE = {
    "name": NAME,
    "rcfile": "pfrack_static_web.sh",
    "executable": "nginx",
    # The GUI runs an nginx as well, so its name says nothing.
    "custom_php_service_status_command": "isvalidpid('/var/run/pfrack_static_web.pid')",
    "description": Mark().stamp("Files for the nodes over HTTP"),
}


def desire(current, wanted, info):
    """Both sections; raises DesiredError when a setting is impossible. wanted: the options of pfsense_static_web."""
    services = items(current.get(SERVICES))
    if wanted["state"] == "absent":
        settings = None
        left = [service for service in services if not _ours(service)]
    else:
        settings = container(current.get(SECTION))
        settings.update(_settings(wanted, info), enable="")
        left = [dict(service, **_SERVICE) if _ours(service) else service for service in services]
        if not any(_ours(service) for service in services):
            left.append(dict(_SERVICE))
    section = left if left != services else current.get(SERVICES)
    return Desired(sections={SECTION: settings, SERVICES: section}, services=["static_web"])


def _ours(service):
    return isinstance(service, dict) and service.get("name") == NAME


def _settings(wanted, info):
    problems = []
    interfaces = container(info.get("interfaces"))
    interface, address = wanted["interface"], wanted["address"]
    if not address:
        address = container(interfaces.get(interface)).get("address") or ""
        if not address:
            problems.append("interface: %s: the router has no address on it; set address" % interface)
    else:
        problems += _address_problems(address, interfaces, info, wanted.get("planned"))
    if not 1 <= wanted["port"] <= 65535:
        problems.append("port: %s: must lie between 1 and 65535" % wanted["port"])
    gui = container(info.get("webgui"))
    if wanted["port"] == gui.get("port") or (wanted["port"] == 80 and gui.get("redirect")):
        problems.append(
            "port: %s: is where the router's web GUI listens, on all addresses; choose another one" % wanted["port"]
        )
    directory = wanted["directory"].rstrip("/")
    if not _DIRECTORY.fullmatch(directory):
        problems.append(
            "directory: %s: must be an absolute path of letters, digits and ._- without hidden parts"
            % wanted["directory"]
        )
    if problems:
        raise DesiredError(problems)
    return {"address": address, "port": str(wanted["port"]), "directory": directory}


def _address_problems(address, interfaces, info, planned):
    try:
        wanted = ipaddress.ip_address(address)
    except ValueError:
        return ["address: %s: is neither an IPv4 nor an IPv6 address" % address]
    places = {entry.get("address"): name for name, entry in interfaces.items()}
    places.update({vip.get("address"): vip.get("interface") for vip in items(info.get("virtual_ips"))})
    place = next((name for text, name in places.items() if text and _same(text, wanted)), None)
    if place is None and not planned:
        return ["address: %s: is not an address of the router" % address]
    if place == OUTSIDE:
        return ["address: %s: is on the interface wan; the files are for the nodes, choose an inner address" % address]
    return []


def _same(text, wanted):
    try:
        return ipaddress.ip_address(text) == wanted
    except ValueError:
        return False
