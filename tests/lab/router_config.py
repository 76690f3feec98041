"""What makes a router this rack's router: its keys, its settings file, its first config.xml."""

from __future__ import annotations

import base64
import json
import re
import shutil
from pathlib import Path

import debian_root

LAN_ADDRESS = "10.10.0.1"
WAN_ADDRESS = "198.51.100.2"
GATEWAY = "198.51.100.1"
# The second router of a pair, and the cable between the two, from router to router2.
SECOND = "router2"
SECOND_LAN_ADDRESS = "10.10.0.3"
SECOND_WAN_ADDRESS = "198.51.100.3"
SHARED_LAN_ADDRESS = "10.10.0.254"
SYNC_ADDRESSES = ("10.99.0.1", "10.99.0.2")
# /etc/version and the version of the configuration format.
RELEASES = {"2.7": ("2.7.2-RELEASE", "23.3"), "2.8": ("2.8.0-RELEASE", "23.9")}
PACKAGES_AVAILABLE = ["haproxy", "haproxy-devel", "tftpd", "filer", "sudo"]


# With the libraries that came along, wherever they lie on this kind of processor.
OLDER_HAPROXY = """#!/bin/sh
set -- {place}/usr/lib/*-linux-gnu "$@"
libraries=$1
shift
LD_LIBRARY_PATH=$libraries exec {place}/usr/sbin/haproxy "$@"
"""


# What an admin ticks in System > High Availability, and the section of the configuration that goes with it.
SYNCHRONISED = ("rules", "schedules", "aliases", "nat", "dhcpd", "virtualip", "dnsforwarder", "certs")


def fill(upper: Path, cf: Path, rack: Path, settings: dict, name: str = "router") -> None:
    """Write a new router's own files; `upper` is the top layer of its root, `cf` its disk for the configuration."""
    # The topmost layer decides who may enter a directory, and in the checkout that depends on the user's umask.
    upper.chmod(0o755)
    rootfs = Path(settings["rootfs"])
    for directory in sorted(path for path in rootfs.rglob("*") if path.is_dir() and not path.is_symlink()):
        (upper / directory.relative_to(rootfs)).mkdir(mode=0o755)
    public_key = (rack / "id_ed25519.pub").read_text()
    release, config_version = RELEASES[settings["pfsense"]]
    lab = {
        "pfsense": settings["pfsense"],
        "dhcp": settings["dhcp"],
        "pfsense_src": bool(settings["pfsense_src"]),
        "packages_available": PACKAGES_AVAILABLE,
        "pair": bool(settings.get("pair")),
    }
    _write(upper / "etc/pfrack-lab.json", json.dumps(lab, indent=2) + "\n")
    _write(upper / "etc/version", release + "\n")
    _write(upper / "etc/resolv.conf", "nameserver 127.0.0.1\n")
    keys = key_directory(rack, name)
    for key in ("ssh_host_ed25519_key", "ssh_host_ed25519_key.pub"):
        target = upper / "etc/ssh" / key
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(keys / key, target)
    for ours, theirs in (("webgui.crt", "cert.crt"), ("webgui.key", "cert.key")):
        _write(upper / "var/etc" / theirs, (keys / ours).read_text())
    if settings["pfsense"] == "2.7":
        _write(upper / "usr/sbin/haproxy", OLDER_HAPROXY.format(place=debian_root.OLDER_HAPROXY))
        (upper / "usr/sbin/haproxy").chmod(0o755)
    (upper / "root").mkdir(exist_ok=True)
    (upper / "root").chmod(0o700)
    # On a pfSense the configuration writes this file; here it also helps when that part is what we are working on.
    _write(upper / "root/.ssh/authorized_keys", public_key)
    template = rootfs / "conf.default/config.xml"
    (cf / "conf/backup").mkdir(parents=True)
    if template.exists():
        text = first_config(template.read_text(), public_key, config_version, settings["dhcp"])
        if settings.get("pair"):
            text = pair_config(text, name)
        _write(cf / "conf/config.xml", text)


def first_config(template: str, public_key: str, config_version: str, dhcp: str) -> str:
    """The factory configuration, with what differs from rack to rack. The text stays as it is otherwise."""
    key = base64.b64encode(public_key.encode()).decode()
    text = re.sub("<version>[^<]*</version>", f"<version>{config_version}</version>", template, count=1)
    text = text.replace("<uid>0</uid>", f"<uid>0</uid>\n\t\t\t<authorizedkeys>{key}</authorizedkeys>", 1)
    text = re.sub(r"\s*<dhcpbackend>[^<]*</dhcpbackend>", "", text)
    return text.replace("</pfsense>", f"\t<dhcpbackend>{dhcp}</dhcpbackend>\n</pfsense>")


def key_directory(rack: Path, name: str) -> Path:
    """Where the router's own keys lie; the first router's are the rack's."""
    return rack / name if name == SECOND else rack


GATEWAY_VIP = """\t<virtualip>
		<vip>
			<mode>carp</mode>
			<interface>lan</interface>
			<uniqid>5f3b0c2a41b3d</uniqid>
			<descr><![CDATA[gateway of the LAN]]></descr>
			<type>single</type>
			<subnet>{address}</subnet>
			<subnet_bits>24</subnet_bits>
			<vhid>254</vhid>
			<advbase>1</advbase>
			<advskew>{skew}</advskew>
			<password><![CDATA[gateway]]></password>
		</vip>
	</virtualip>
"""


def pair_config(text: str, name: str) -> str:
    """The first configuration of one router of a pair, as an admin leaves it: the cable between them, a gateway that
    moves, DHCP failover, and what the first one sends."""
    second = name == SECOND
    partner = SECOND_LAN_ADDRESS
    if second:
        for first, other in ((LAN_ADDRESS, SECOND_LAN_ADDRESS), (WAN_ADDRESS, SECOND_WAN_ADDRESS)):
            text = text.replace(f"<ipaddr>{first}</ipaddr>", f"<ipaddr>{other}</ipaddr>", 1)
        text = text.replace("<hostname>pfSense</hostname>", "<hostname>pfSense2</hostname>", 1)
        partner = LAN_ADDRESS
    own, other = SYNC_ADDRESSES[second], SYNC_ADDRESSES[not second]
    interface = (
        "\t<opt1>\n\t\t\t<enable></enable>\n\t\t\t<if>em2</if>\n\t\t\t<descr><![CDATA[SYNC]]></descr>\n"
        f"\t\t\t<ipaddr>{own}</ipaddr>\n\t\t\t<subnet>24</subnet>\n\t\t</opt1>\n\t</interfaces>"
    )
    text = text.replace("</interfaces>", interface, 1)
    failover = (
        f"<gateway>{SHARED_LAN_ADDRESS}</gateway>\n\t\t\t<failover_peerip>{partner}</failover_peerip>\n\t\t</lan>"
    )
    text = text.replace("</lan>\n\t</dhcpd>", f"\t{failover}\n\t</dhcpd>", 1)
    last = GATEWAY_VIP.format(address=SHARED_LAN_ADDRESS, skew=100 if second else 0)
    if not second:
        boxes = "".join(f"\t\t<synchronize{box}>on</synchronize{box}>\n" for box in SYNCHRONISED)
        peer = f"\t\t<synchronizetoip>{other}</synchronizetoip>\n\t\t<username>admin</username>\n"
        last += f"\t<hasync>\n{peer}\t\t<password>{debian_root.PASSWORD}</password>\n{boxes}\t</hasync>\n"
    return text.replace("</pfsense>", f"{last}</pfsense>")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
