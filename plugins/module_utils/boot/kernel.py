# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernel arguments of the live systems, by OS family."""

from __future__ import annotations

FLATCAR = "flatcar"
FEDORA = "fedora-coreos"
COREOS = "coreos"
FAMILIES = (FLATCAR, FEDORA, COREOS)

# Longer command lines are cut off by the kernel without a word.
LONGEST = 2047


def arguments(family, config_url, console=(), extra=(), rootfs_url=None):
    """The arguments that make the live system read `config_url` at its start.

    console: values of console=, the last one is where messages go. Raises ValueError for what cannot work.
    """
    words = ["console=%s" % value for value in console]
    if family == FLATCAR:
        words += ["flatcar.first_boot=1", "ignition.config.url=" + config_url]
    elif family == FEDORA:
        if not rootfs_url:
            raise ValueError("Fedora CoreOS needs the address of its root file system (rootfs)")
        words += ["coreos.live.rootfs_url=" + rootfs_url, "ignition.firstboot", "ignition.platform.id=metal"]
        words += ["ignition.config.url=" + config_url]
    elif family == COREOS:
        words += ["cloud-config-url=" + config_url]
    else:
        raise ValueError("%s is no OS family; use one of: %s" % (family, ", ".join(FAMILIES)))
    words += list(extra)
    line = " ".join(words)
    if len(line) > LONGEST - 100:
        raise ValueError("the kernel's command line has %d characters, but boot loaders take 1947" % len(line))
    return line
