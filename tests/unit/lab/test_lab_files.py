"""What the rack prepares without starting anything."""

from __future__ import annotations

import base64
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

LAB = Path(__file__).resolve().parents[2] / "lab"
sys.path.insert(0, str(LAB))

import debian_root
import lab
import router_config

TEMPLATE = LAB / "rootfs/conf.default/config.xml"


@pytest.mark.parametrize("dhcp", ["isc", "kea"])
@pytest.mark.parametrize(("release", "version"), [("2.7", "23.3"), ("2.8", "23.9")])
def test_first_configuration(release: str, version: str, dhcp: str) -> None:
    assert router_config.RELEASES[release][1] == version
    text = router_config.first_config(TEMPLATE.read_text(), "ssh-ed25519 AAAA rack\n", version, dhcp)
    root = ElementTree.fromstring(text)
    assert root.findtext("version") == version
    assert [element.text for element in root.findall("dhcpbackend")] == [dhcp]
    keys = [base64.b64decode(key.text) for key in root.findall("system/user/authorizedkeys")]
    assert keys == [b"ssh-ed25519 AAAA rack\n"]
    assert root.findtext("interfaces/lan/ipaddr") == router_config.LAN_ADDRESS
    assert root.findtext("interfaces/wan/ipaddr") == router_config.WAN_ADDRESS


def test_first_configurations_of_a_pair() -> None:
    template = router_config.first_config(TEMPLATE.read_text(), "ssh-ed25519 AAAA rack\n", "23.9", "isc")
    first, second = (
        ElementTree.fromstring(router_config.pair_config(template, name)) for name in ("router", router_config.SECOND)
    )
    assert second.findtext("interfaces/lan/ipaddr") == router_config.SECOND_LAN_ADDRESS
    # The first one sends to the second, and the second to nobody.
    assert first.findtext("hasync/synchronizetoip") == second.findtext("interfaces/opt1/ipaddr")
    assert second.find("hasync") is None


def test_another_package_list_is_another_root(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PFRACK_CACHE", str(tmp_path))
    first = debian_root.root_path()
    monkeypatch.setattr(debian_root, "PACKAGES", [*debian_root.PACKAGES, "sl"])
    assert debian_root.root_path() != first
    assert first.parent == tmp_path


def test_a_directory_over_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "rootfs/sbin").mkdir(parents=True)
    (tmp_path / "root/usr/sbin").mkdir(parents=True)
    (tmp_path / "root/sbin").symlink_to("usr/sbin")
    with pytest.raises(lab.RackError, match="sbin hides .* link to usr/sbin"):
        lab._check_rootfs(tmp_path / "rootfs", tmp_path / "root")


def test_a_link_among_the_files_of_the_root_is_refused(tmp_path: Path) -> None:
    (tmp_path / "rootfs").mkdir()
    (tmp_path / "rootfs/conf").symlink_to("cf/conf")
    with pytest.raises(lab.RackError, match="conf is a link.*LINKS"):
        lab._check_rootfs(tmp_path / "rootfs", tmp_path / "root")


def test_bad_settings_are_refused(tmp_path: Path) -> None:
    for options in ({"name": "../x"}, {"pfsense": "2.6"}, {"dhcp": "dnsmasq"}, {"pfsense_src": tmp_path / "none"}):
        with pytest.raises(lab.RackError):
            lab.Rack(**options)
