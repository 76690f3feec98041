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
_PATH = "[Unit]\nDescription=%s\n\n[Path]\nPathExists=%s\nUnit=%s\n\n[Install]\nWantedBy=multi-user.target\n"


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


def _etcd():
    complete = PLACE + "/complete"
    text = _WAIT % complete + "\n[Service]\nEnvironment=ETCD_SSL_DIR=%s\nEnvironmentFile=-%s/etcd.env\n" % (
        PLACE,
        PLACE,
    )
    path = _PATH % ("etcd has what it needs (pfrack)", complete, "etcd-member.service")
    return [
        {"name": "etcd-member.service", "dropins": [{"name": DROPIN, "contents": text}]},
        {"name": "pfrack-etcd.path", "enabled": True, "contents": path},
    ]


def _flannel(image):
    complete = PLACE + "/flannel-complete"
    # flannel of the operating system is too old for etcd's API v3. Both units run it.
    service = "\n[Service]\nEnvironment=FLANNEL_IMAGE=%s\n" % image
    daemon = _WAIT % complete + service + "EnvironmentFile=-%s/flannel.env\n" % PLACE
    path = _PATH % ("flannel has what it needs (pfrack)", complete, "flanneld.service")
    return [
        {"name": "flanneld.service", "dropins": [{"name": DROPIN, "contents": daemon}]},
        {
            "name": "flannel-docker-opts.service",
            "enabled": True,
            "dropins": [{"name": DROPIN, "contents": _WAIT % complete + service}],
        },
        {"name": "pfrack-flannel.path", "enabled": True, "contents": path},
    ]
