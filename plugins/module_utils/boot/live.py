# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration of the live system that installs a machine."""

from __future__ import annotations

import re

from ..node_config import cloud_config, ignition
from .kernel import COREOS
from .script import SCRIPT

RULES = ("only", "smallest", "largest", "first_nvme")
DIRECTORY = "/opt/pfrack"
_UNIT = (
    """[Unit]
Description=Install this machine (pfrack)
Wants=network-online.target
After=network-online.target
StartLimitIntervalSec=1h
StartLimitBurst=5

[Service]
Type=oneshot
ExecStart=/bin/bash %s/install
Restart=on-failure
RestartSec=30
# It was refused for a reason that does not go away.
RestartPreventExitStatus=2
StandardOutput=journal+console
StandardError=journal+console

[Install]
WantedBy=multi-user.target
"""
    % DIRECTORY
)
_SAFE = re.compile(r"[A-Za-z0-9@%+=:,./_-]+")


def live_config(name, install):
    """The text of the live system's configuration.

    install: {id, url, config, family, disk, wipe, replace, base, version, least_bytes, user, ssh_keys}; url is where
    this installation's files are, without a slash at its end, `config` the address of the final configuration.
    Raises ValueError for a disk that is neither a path nor a rule.
    """
    settings = {
        "ID": install["id"],
        "URL": install["url"],
        "CONFIG": install["config"],
        "FAMILY": install["family"],
        "DISK": check_disk(install["disk"]),
        "WIPE": "yes" if install["wipe"] else "no",
        "REPLACE": "yes" if install["replace"] else "no",
        "BASE": install["base"],
        "VERSION": install["version"],
        "LEAST_BYTES": str(install["least_bytes"]),
    }
    environment = "".join("%s=%s\n" % (key, _quoted(value)) for key, value in settings.items())
    hostname = "%s-installing" % name if name else "unknown-installing"
    files = [(DIRECTORY + "/install", SCRIPT, 0o755), (DIRECTORY + "/install.env", environment, 0o644)]
    unit = {"name": "pfrack-install.service", "enabled": True, "contents": _UNIT}
    if install["family"] == COREOS:
        return cloud_config.to_text(
            {
                "hostname": hostname,
                "ssh_authorized_keys": list(install["ssh_keys"]),
                "write_files": [cloud_config.file_entry(*entry) for entry in files],
                "coreos": {"units": [cloud_config.unit_entry(unit)]},
            }
        )
    config = ignition.empty()
    config["passwd"] = {"users": [{"name": install["user"], "sshAuthorizedKeys": list(install["ssh_keys"])}]}
    config["storage"] = {
        "files": [ignition.file_entry("/etc/hostname", hostname + "\n")]
        + [ignition.file_entry(*entry) for entry in files]
    }
    config["systemd"] = {"units": [ignition.unit_entry(unit)]}
    return ignition.to_text(config)


def check_disk(disk):
    """The value of install_disk; raises ValueError when it is neither a device nor a rule."""
    if disk in RULES or isinstance(disk, str) and disk.startswith("/dev/") and _SAFE.fullmatch(disk):
        return disk
    raise ValueError("write a device such as /dev/disk/by-id/nvme-XYZ, or one of the rules: %s" % ", ".join(RULES))


def _quoted(text):
    if "'" in text or not text.isprintable():
        raise ValueError("%r: has a quote or a control character in it" % text)
    return "'%s'" % text
