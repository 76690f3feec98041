# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""flanneld of the lab, on machines that cannot build it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

LAB = Path(__file__).resolve().parents[2] / "lab"
sys.path.insert(0, str(LAB))

import flannel
from node_image import image


@pytest.fixture
def go(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A Go that cannot reach any proxy, and an empty cache."""
    program = tmp_path / "bin/go"
    program.parent.mkdir()
    program.write_text(
        "#!/bin/sh\n[ \"$1\" = env ] && echo go1.99.0 && exit\necho 'proxy.example: no route' >&2\nexit 1\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    monkeypatch.setenv("PFRACK_CACHE", str(tmp_path / "cache"))
    return program


def test_without_a_proxy_it_says_why_and_leaves_nothing(go: Path, tmp_path: Path) -> None:
    with pytest.raises(flannel.Unbuildable, match="no route"):
        flannel.ensure_flannel()
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["flannel-build.lock"]


def test_the_image_with_it_is_another_one(go: Path) -> None:
    without = image.path()
    flannel.path().mkdir(parents=True)
    assert flannel.ensure_flannel() == flannel.path()
    assert image.path() != without


@pytest.mark.parametrize(
    "version, taken", [("go1.19.8", False), ("go1.25.8", False), ("go1.25.9", True), ("go1.26", True)]
)
def test_an_old_go_will_not_do(go: Path, version: str, taken: bool) -> None:
    go.write_text(f"#!/bin/sh\necho {version}\n")
    assert flannel._find_go() == (str(go) if taken else "")
