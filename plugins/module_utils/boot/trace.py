# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a machine stands on its way from power-on to a running node, read from the router's logs."""

from __future__ import annotations

import re

# In the order in which a machine passes them.
STAGES = (
    "dhcp",
    "loader",
    "menu",
    "kernel",
    "initrd",
    "config",
    "installer",
    "writing",
    "image",
    "installed",
    "running",
)
_WORDS = {
    "dhcp": "it asked for an address",
    "loader": "it fetched the boot loader",
    "menu": "it fetched its menu",
    "kernel": "it fetched the kernel",
    "initrd": "it fetched the live system",
    "config": "the live system fetched its configuration",
    "installer": "the installer started",
    "writing": "the installer chose a disk",
    "image": "it fetched the image for its disk",
    "installed": "it is installed and was told to restart",
    "running": "it answers",
}
_ADVICE = {
    None: "is it on, is its cable in this network, does its firmware boot from the network, is the "
    "MAC address in the inventory right?",
    "dhcp": "it has an address and fetches no boot loader: does the TFTP server run, does the scope name the right "
    "boot file for its firmware, does a second DHCP server answer?",
    "loader": "the boot loader finds no menu: run site.yml, and look at the machine's screen",
    "menu": "it has its menu and fetches no kernel: an installed machine boots its disk now; for another one, is its "
    "installation asked for (playbooks/reprovision.yml)?",
    "kernel": "the live system does not arrive: is the web server of the router reachable?",
    "initrd": "the live system does not come up: too little memory (3 GB for Flatcar), or look at its screen",
    "config": "the installer does not start: log in to the live system and run `journalctl -u pfrack-install`",
    "installer": "the installer has not chosen a disk yet: log in and run `journalctl -u pfrack-install`",
    "writing": "the image is not fetched: is the release complete on the router?",
    "image": "the image is being written, or was refused: log in and run `journalctl -u pfrack-install`",
    "installed": "it restarts from its disk and does not answer yet; look at its screen if that lasts",
    "running": "nothing is missing",
}
_REFUSALS = {
    "refused-foreign-data": "its disk holds data of others: to lose them set install_wipe for this node, run "
    "site.yml, and restart it",
    "refused-several-disks": "it has several disks: set install_disk for this node, run site.yml, and restart it",
    "refused-no-disk": "it does not have the disk that install_disk names",
    "refused-bad-rule": "install_disk names no rule",
    "failed-no-config": "its configuration cannot be fetched from the router",
    "failed-image": "the image was refused or could not be written: a bad signature, a damaged file, a bad disk; "
    "log in to the live system and run `journalctl -u pfrack-install`",
    "failed-marker": "the disk could not be marked as installed",
    "token-stays": "the router does not remove its token: does its web server run, with the DAV module?",
}
_WEB = re.compile(r'^\S+ \S+ \S+ \[([^\]]+)\] "(\S+) (\S+)[^"]*" (\d+)')
_AT = re.compile(r"/(?:install/[0-9a-f]{32}|default)/at/([a-z-]+)")
_TIME = re.compile(r"^([A-Z][a-z]{2} [ \d]\d [\d:]{8}|\d{4}-\d\d-\d\dT[\d:.]+\S*)")
_DHCP = re.compile(r"DHCP(DISCOVER|REQUEST|ACK|OFFER)|DHCP4_LEASE_(ALLOC|OFFER|ADVERT)")
_TFTP = re.compile(r"tftpd.*?RRQ from \S+ filename (\S+)")


def trace(machine, services, answers=False):
    """{stage, text, advice, steps: [{stage, time, text}], addresses}: where one machine stands.

    machine: {addresses, logs: {name: [line]}} from the agent; services: {dhcp, tftp, tftp_logs, web}: bool;
    answers: whether the node's SSH port answers. `stage` is None for one that was never heard of.
    """
    steps = _from_system(machine["logs"]) + _from_web(machine["logs"].get("pfrack_static_web.log") or [])
    refusal = ""
    last = _last_round(steps)
    for step in last:
        if step["stage"] in _REFUSALS:
            refusal = step["stage"]
        elif step["stage"] in STAGES:
            refusal = "" if STAGES.index(step["stage"]) >= STAGES.index("installed") else refusal
    passed = [step["stage"] for step in last if step["stage"] in STAGES]
    stage = max(passed, key=STAGES.index) if passed else None
    if answers:
        stage = "running"
    advice = _REFUSALS.get(refusal) or _ADVICE[stage]
    down = [words for name, words in _DOWN if not services.get(name)]
    if stage not in ("running", "installed") and down:
        advice = "%s; %s" % ("; ".join(down), advice)
    if stage == "dhcp" and not services.get("tftp_logs"):
        advice += " (the TFTP server does not say what it serves: set tftp_server_logging)"
    text = "the installer gave up: %s" % refusal if refusal else _WORDS.get(stage, "the router has not heard of it")
    return {"stage": stage, "text": text, "advice": advice, "steps": _short(last), "addresses": machine["addresses"]}


_DOWN = (
    ("dhcp", "the DHCP server does not run"),
    ("tftp", "the TFTP server does not run"),
    ("web", "the web server for files is not in order, run site.yml"),
)


def _from_system(logs):
    steps = []
    for name in ("dhcpd.log", "system.log"):
        for line in logs.get(name) or []:
            found = _TFTP.search(line)
            if found:
                steps.append(_step(_tftp_stage(found.group(1)), line, found.group(1)))
            elif _DHCP.search(line):
                steps.append(_step("dhcp", line, ""))
    return steps


def _tftp_stage(path):
    path = path.lstrip("/")
    if path.endswith("/token") or path.startswith(("pxelinux.cfg/", "pfrack/boot/")) or path == "autoexec.ipxe":
        return "menu"
    return "loader"


def _from_web(lines):
    steps = []
    for line in lines:
        found = _WEB.match(line)
        if not found:
            continue
        time, method, path, status = found.groups()
        at = _AT.search(path)
        if at:
            stage = {"started": "installer", "was-installed": "installed", "kept-installation": "installed"}.get(
                at.group(1), at.group(1)
            )
        else:
            stage = _file_stage(path) if method == "GET" and status in ("200", "206") else None
        if stage:
            steps.append({"stage": stage, "time": time, "text": path.partition("?")[0]})
    return steps


def _file_stage(path):
    name = path.rsplit("/", 1)[-1]
    if name == "live":
        return "config"
    if "vmlinuz" in name or "live-kernel" in name:
        return "kernel"
    if "pxe_image" in name or "initramfs" in name or "live-rootfs" in name:
        return "initrd"
    if re.search(r"_image\.bin\.bz2$|-metal\.\S+\.raw\.xz$", name):
        return "image"
    return None


def _step(stage, line, detail):
    time = _TIME.match(line)
    return {"stage": stage, "time": time.group(1) if time else "", "text": detail}


def _last_round(steps):
    """What belongs to the last start of the machine: from the last kernel that it fetched on."""
    web = [number for number, step in enumerate(steps) if step["stage"] == "kernel"]
    first = web[-1] if web else 0
    early = [step for step in steps if step["stage"] in ("dhcp", "loader", "menu")]
    return early + [step for step in steps[first:] if step["stage"] not in ("dhcp", "loader", "menu")]


def _short(steps):
    """The last step of each kind."""
    last = {}
    for step in steps:
        last.pop(step["stage"], None)
        last[step["stage"]] = dict(step, text=step["text"] or _WORDS.get(step["stage"], step["stage"]))
    return list(last.values())
