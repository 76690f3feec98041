# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Boot loaders: all of one version, or none."""

from __future__ import annotations

import pytest
from ansible_collections.pfrack.cluster.plugins.action import pfsense_boot_loaders
from ansible_collections.pfrack.cluster.plugins.module_utils.artifacts import loaders
from fake_agent import FakeAgent
from run_action import run_action

NEEDED = ["ipxe.efi", "ipxe.lkrn", "ldlinux.c32", "libutil.c32", "menu.c32", "pxelinux.0"]


@pytest.fixture
def agent():
    return FakeAgent(files={"/tftpboot/mine": (b"an admin's", "0644")})


@pytest.fixture
def path(tmp_path):
    for name in NEEDED:
        (tmp_path / name).write_text(name)
    return tmp_path


def run(agent, check=False, **args):
    return run_action(
        pfsense_boot_loaders.ActionModule,
        agent,
        {key: str(value) if key == "path" else value for key, value in args.items()},
        check=check,
    )


def test_they_are_brought_over_once(agent, path):
    planned, done = run(agent, path=path, check=True), run(agent, path=path)
    assert planned == done
    assert done["uploaded"] == NEEDED
    assert run(agent, path=path)["changed"] is False
    assert agent.files["/tftpboot/mine"] == (b"an admin's", "0644")


def test_they_may_lie_as_in_the_packages(agent, tmp_path):
    for loader in loaders.LOADERS["uefi_arm64"] + loaders.LOADERS["bios"]:
        place = tmp_path / loader.places[0]
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text("content of " + loader.name)
    result = run(agent, path=tmp_path, firmware=["bios", "uefi_arm64"])
    assert "ipxe-arm64.efi" in result["uploaded"] and "chain.c32" in result["uploaded"]


def test_a_missing_one_is_not_taken_from_elsewhere(agent, path):
    (path / "menu.c32").unlink()
    result = run(agent, path=path)
    assert result["problems"] == ["bios: menu.c32: is not below %s" % path]
    assert "publish" not in agent.calls


def test_packages_of_different_versions_are_refused(agent, monkeypatch):
    monkeypatch.setattr(
        pfsense_boot_loaders, "_package_versions", lambda: {"pxelinux": "3:6.04-1", "syslinux-common": "3:6.03-1"}
    )
    assert "pxelinux 3:6.04-1 and syslinux-common 3:6.03-1 are of different versions" in run(agent)["msg"]


def test_an_ipxe_that_would_load_itself_for_ever_is_told():
    old = {"ipxe": "1.0.0+git-20190125.36a4c85-5.1"}
    assert "too old to read autoexec.ipxe" in loaders.old_ipxe(["uefi64"], old)
    assert not loaders.old_ipxe(["bios"], old)
    assert not loaders.old_ipxe(["uefi64"], {"ipxe": "1.21.1+git20250501.e965f179+dfsg-1"})
