# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Units with which etcd and flanneld of a node wait for what comes over SSH, and start by themselves ever after.

No key is in a configuration, because others on the network can read it while a node installs itself.
"""

from __future__ import annotations

from ..boot.kernel import FLATCAR
from ..errors import DesiredError

# Where the roles etcd and flannel bring what is needed; the last file of each is what its unit waits for.
PLACE = "/etc/ssl/etcd"
DROPIN = "20-pfrack.conf"
_WAIT = "[Unit]\nConditionPathExists=%s\n"
_PATH = """[Unit]
Description=%s has what it needs (pfrack)

[Path]
PathExists=%s

[Install]
WantedBy=multi-user.target
"""
# Between the path and the unit: a path starts what it leads to again and again while that fails, without the pauses
# that the unit itself makes, until systemd has enough of it.
_START = """[Unit]
Description=Start %s, which has what it needs (pfrack)

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/bin/systemctl start --no-block %s
"""
# flanneld does not start without it, and not every container engine loads it.
_MODULES = [("/etc/modules-load.d/pfrack-flannel.conf", "br_netfilter\n", 0o644)]


def overlay_files(overlay):
    """[(path, text, mode)] for one node."""
    return _MODULES if overlay == "flannel" else []


def overlay_units(family, member, overlay, flannel_image):
    """[{name, enabled, contents, dropins}] for one node. member: of etcd; overlay: none or flannel."""
    if not member and overlay == "none":
        return []
    if family != FLATCAR:
        raise DesiredError(
            "%s: has no units for etcd and flannel; use flatcar, or set cluster_etcd: false and cluster_overlay: none "
            "and bring your own (node_config_units)" % family
        )
    units = _etcd() if member else []
    return units + (_flannel(flannel_image) if overlay == "flannel" else [])


def _waiting(name, units, complete):
    return [
        {"name": "pfrack-%s.path" % name, "enabled": True, "contents": _PATH % (name, complete)},
        {"name": "pfrack-%s.service" % name, "contents": _START % (name, units)},
    ]


def _etcd():
    complete = PLACE + "/complete"
    service = "\n[Service]\nEnvironment=ETCD_SSL_DIR=%s\nEnvironmentFile=-%s/etcd.env\n" % (PLACE, PLACE)
    unit = "etcd-member.service"
    return [
        {"name": unit, "dropins": [{"name": DROPIN, "contents": _WAIT % complete + service}]},
        *_waiting("etcd", unit, complete),
    ]


def _flannel(image):
    complete = PLACE + "/flannel-complete"
    # flannel of the operating system is too old for etcd's API v3. Both units run it.
    wait = _WAIT % complete + "\n[Service]\nEnvironment=FLANNEL_IMAGE=%s\n" % image
    daemon = wait + "EnvironmentFile=-%s/flannel.env\n" % PLACE
    return [
        {"name": "flanneld.service", "dropins": [{"name": DROPIN, "contents": daemon}]},
        {"name": "flannel-docker-opts.service", "enabled": True, "dropins": [{"name": DROPIN, "contents": wait}]},
        *_waiting("flannel", "flanneld.service flannel-docker-opts.service", complete),
    ]
