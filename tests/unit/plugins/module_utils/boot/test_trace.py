# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is made of the router's logs."""

from __future__ import annotations

import pytest
from ansible_collections.pfrack.cluster.plugins.module_utils.boot.trace import trace

ID = "a" * 32
SERVICES = {"dhcp": True, "tftp": True, "tftp_logs": True, "web": True}
ISC = "Nov 24 14:01:35 dhcpd[143]: DHCPACK on 10.10.0.20 to 52:54:00:10:00:01 via em1"
KEA = "Nov 24 14:01:35 kea-dhcp4[9]: INFO DHCP4_LEASE_ALLOC [hwtype=1 52:54:00:10:00:01]: lease 10.10.0.20 allocated"


def tftp(path):
    return f"Nov 24 14:01:36 in.tftpd[9]: RRQ from 10.10.0.20 filename {path}"


def web(path, status=200, method="GET"):
    return f'10.10.0.20 - - [24/Nov/2026:14:01:34 +0000] "{method} {path} HTTP/1.1" {status} 17 "-" "iPXE"'


def at(step):
    return web(f"/install/{ID}/at/{step}?mac=52:54:00:10:00:01", 404)


ALL = [
    ("dhcp", "system.log", ISC),
    ("loader", "system.log", tftp("pxelinux.0")),
    ("menu", "system.log", tftp("pxelinux.cfg/01-52-54-00-10-00-01")),
    ("kernel", "pfrack_static_web.log", web("/os/flatcar/1.0.0/flatcar_production_pxe.vmlinuz")),
    ("initrd", "pfrack_static_web.log", web("/os/flatcar/1.0.0/flatcar_production_pxe_image.cpio.gz")),
    ("config", "pfrack_static_web.log", web(f"/install/{ID}/live")),
    ("installer", "pfrack_static_web.log", at("started")),
    ("writing", "pfrack_static_web.log", at("writing")),
    ("image", "pfrack_static_web.log", web("/os/flatcar/1.0.0/flatcar_production_image.bin.bz2")),
    ("installed", "pfrack_static_web.log", at("installed")),
]


def look(lines, services=None, **options):
    services = SERVICES if services is None else services
    logs = {"dhcpd.log": [], "system.log": [], "pfrack_static_web.log": []}
    for _stage, log, line in lines:
        logs[log].append(line)
    return trace({"addresses": ["10.10.0.20"], "logs": logs}, services, **options)


@pytest.mark.parametrize("count", range(len(ALL) + 1))
def test_each_stage(count):
    result = look(ALL[:count])
    assert result["stage"] == (ALL[count - 1][0] if count else None)
    assert result["advice"] and [step["stage"] for step in result["steps"]] == [row[0] for row in ALL[:count]]


def test_kea_counts_as_well():
    assert look([("", "dhcpd.log", KEA)])["stage"] == "dhcp"


def test_a_machine_that_answers():
    assert look([], answers=True)["stage"] == "running"


def test_a_file_that_is_not_there_was_not_fetched():
    missing = [("", "pfrack_static_web.log", web("/os/1.0.0/flatcar_production_pxe.vmlinuz", 404))]
    assert look(ALL[:3] + missing)["stage"] == "menu"


@pytest.mark.parametrize(
    "step, words", [("refused-foreign-data", "install_wipe"), ("failed-image", "signature"), ("token-stays", "token")]
)
def test_what_the_installer_said(step, words):
    result = look(ALL[:8] + [("", "pfrack_static_web.log", at(step))])
    assert words in result["advice"] and step in result["text"]


def test_only_the_last_round_counts():
    first = ALL[:8] + [("", "pfrack_static_web.log", at("failed-image"))]
    again = look(first + ALL[3:6])
    assert again["stage"] == "config" and "signature" not in again["advice"]
    assert look(first + ALL[3:])["stage"] == "installed"


def test_services_that_are_down():
    assert "DHCP server does not run" in look([], {**SERVICES, "dhcp": False})["advice"]
    assert "tftp_server_logging" in look(ALL[:1], {**SERVICES, "tftp_logs": False})["advice"]
