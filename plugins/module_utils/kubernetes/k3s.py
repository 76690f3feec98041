# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""k3s: the files of a release, and what of them a node needs."""

from __future__ import annotations

import re

from ..errors import DesiredError

BASE_URL = "https://github.com/k3s-io/k3s/releases/download"
# Names of the files of a release: the program, its container images, and the checksums of both.
FILES = {
    "x86-64": {"program": "k3s", "images": "k3s-airgap-images-amd64.tar.zst", "checksums": "sha256sum-amd64.txt"},
    "arm64": {"program": "k3s-arm64", "images": "k3s-airgap-images-arm64.tar.zst", "checksums": "sha256sum-arm64.txt"},
}
PROGRAM = "/opt/bin/k3s"
IMAGES = "/var/lib/rancher/k3s/agent/images"
_VERSION = re.compile(r"v[0-9]+\.[0-9]+\.[0-9]+(-rc[0-9]+)?\+k3s[0-9]+")
_CHECKSUM = re.compile(r"([0-9a-f]{64})[ \t]+\*?(\S+)")
# The file `complete` comes last of what the node is given over SSH; the path unit starts k3s then.
# At each boot k3s starts by itself.
_SERVICE = """[Unit]
Description=Kubernetes (k3s %(kind)s)
Wants=network-online.target
After=network-online.target
ConditionPathExists=/etc/rancher/k3s/complete

[Service]
Type=%(type)s
ExecStartPre=-/sbin/modprobe br_netfilter
ExecStartPre=-/sbin/modprobe overlay
ExecStart=%(program)s %(kind)s
# Containers go on while k3s restarts.
KillMode=process
Delegate=yes
LimitNOFILE=1048576
LimitNPROC=infinity
LimitCORE=infinity
TasksMax=infinity
TimeoutStartSec=0
Restart=always
RestartSec=5s

[Install]
WantedBy=multi-user.target
"""
_PATH = """[Unit]
Description=Start k3s when the node has what it needs

[Path]
PathChanged=/etc/rancher/k3s/complete
Unit=k3s.service

[Install]
WantedBy=multi-user.target
"""


def check_version(version):
    """Raises DesiredError unless it is a version of k3s."""
    if not _VERSION.fullmatch(version):
        raise DesiredError("version: %s: is no version of k3s; write one such as v1.34.1+k3s1" % version)


def directory(version):
    """A release's directory below a web root: a plus sign means a space to some."""
    return version.replace("+", "-")


def read_checksums(text):
    """{file name: SHA-256 in hex} from a file of sha256sum."""
    return {name.rsplit("/", 1)[-1]: digest for digest, name in _CHECKSUM.findall(text)}


def snippets(url, files):
    """{group: [Ignition snippet]}: servers on the controllers, agents on the workers.

    url: where nodes find the files; files: {program, images}, each {name, sha256}. Nodes check what they fetch.
    """
    wanted = [_file(PROGRAM, 0o755, url, files["program"])]
    if "images" in files:
        wanted.append(_file("%s/%s" % (IMAGES, files["images"]["name"]), 0o644, url, files["images"]))
    return {
        "cluster": [{"storage": {"files": wanted}}],
        "controllers": [_units("server", "notify")],
        "workers": [_units("agent", "exec")],
    }


def _file(path, mode, url, file):
    contents = {
        "source": "%s/%s" % (url, file["name"]),
        "verification": {"hash": "sha256-%s" % file["sha256"]},
    }
    return {"path": path, "mode": mode, "overwrite": True, "contents": contents}


def _units(kind, unit_type):
    service = {
        "name": "k3s.service",
        "enabled": True,
        "contents": _SERVICE % {"kind": kind, "type": unit_type, "program": PROGRAM},
    }
    return {"systemd": {"units": [service, {"name": "pfrack-k3s.path", "enabled": True, "contents": _PATH}]}}
