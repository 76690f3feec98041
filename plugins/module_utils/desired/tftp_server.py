# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TFTP server package: single settings, each touched only when it is given."""

from __future__ import annotations

import ipaddress

from ..errors import DesiredError
from . import Desired, container

SECTION = "installedpackages/tftpd/config/0"
PATHS = (SECTION,)
PACKAGES = ("tftpd",)

_SWITCHES = {"ipv4_only": "tftpd_ipv4only", "logging": "tftpd_logging", "allow_uploads": "tftpd_create"}


def desire(current, wanted, info):
    """The settings of the package; raises DesiredError when a value is impossible."""
    problems = []
    address = wanted.get("address")
    if address:
        try:
            version = ipaddress.ip_address(address).version
            if wanted.get("ipv4_only") and version == 6:
                problems.append("address: %s: is an IPv6 address, but ipv4_only is on" % address)
        except ValueError:
            problems.append("address: %s: is neither an IPv4 nor an IPv6 address" % address)
    block_size = wanted.get("block_size")
    if block_size is not None and not 512 <= block_size <= 65464:
        problems.append("block_size: %s: must lie between 512 and 65464" % block_size)
    if problems:
        raise DesiredError(problems)

    settings = container(current.get(SECTION))
    # Old package versions read another name for the switch.
    field = container(info.get("features")).get("tftpd_enable_field") or "enable"
    switches = {field: wanted.get("enable")}
    switches.update({name: wanted.get(option) for option, name in _SWITCHES.items()})
    for name, value in switches.items():
        if value is True and settings.get(name) != "on":
            settings[name] = "on"
        elif value is False and settings.get(name):
            del settings[name]
    texts = {"tftpd_ip": address, "tftpd_blocksize": None if block_size is None else str(block_size)}
    for name, value in texts.items():
        if value is not None and (settings.get(name) or "") != value:
            settings[name] = value
    section = settings if settings != container(current.get(SECTION)) else current.get(SECTION)
    return Desired(sections={SECTION: section}, services=["tftp_server"])
