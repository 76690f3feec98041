# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names, URLs and keys of the families."""

from __future__ import annotations

import pytest
from ansible_collections.pfrack.cluster.plugins.module_utils.artifacts.release import Stream, digest_of
from ansible_collections.pfrack.cluster.plugins.module_utils.errors import DesiredError


def names(stream, version):
    return {source.kind: source.names for source in stream.sources(version, ("pxe", "disk"))}


def test_flatcar_is_laid_out_as_the_vendor_does():
    stream = Stream("flatcar", "beta", "aarch64")
    assert stream.directory_url("4757.1.0") == "https://beta.release.flatcar-linux.net/arm64-usr/4757.1.0"
    assert stream.latest_url() == "https://beta.release.flatcar-linux.net/arm64-usr/current/version.txt"
    assert stream.path == "flatcar/beta/arm64-usr"
    assert names(stream, "4757.1.0") == {
        "kernel": ("flatcar_production_pxe.vmlinuz",),
        "initrd": ("flatcar_production_pxe_image.cpio.gz",),
        "image": ("flatcar_production_image.bin.bz2",),
        "version": ("version.txt",),
    }
    assert stream.fingerprints("4757.1.0") == ("F88CFEDEFF29A5B4D9523864E25D9AED0593B34A",)


def test_fedora_coreos_has_two_names_for_the_kernel_and_a_key_for_each_release():
    stream = Stream("fedora-coreos", arch="arm64")
    version = "44.20260802.3.1"
    assert stream.directory_url(version) == (
        "https://builds.coreos.fedoraproject.org/prod/streams/stable/builds/44.20260802.3.1/aarch64"
    )
    assert names(stream, version)["kernel"] == (
        "fedora-coreos-44.20260802.3.1-live-kernel.aarch64",
        "fedora-coreos-44.20260802.3.1-live-kernel-aarch64",
    )
    assert stream.fingerprints(version) == ("36F612DCF27F7D1A48A835E4DBFCF71C6D9F90A6",)
    with pytest.raises(DesiredError, match="key of fedora-coreos 99 is not known"):
        stream.fingerprints("99.1")


def test_coreos_needs_a_mirror():
    with pytest.raises(DesiredError, match="base_url: CoreOS Container Linux ended"):
        Stream("coreos")
    stream = Stream("coreos", base_url="http://mirror/{channel}/")
    assert stream.directory_url("1234.5.0") == "http://mirror/stable/amd64-usr/1234.5.0"


@pytest.mark.parametrize(
    "text", ["", "../etc", "1.2/..", "latest", "1.2 3", "1.2.3\n", "-1", "current-24", "current-2024"]
)
def test_what_is_no_version_is_refused(text):
    with pytest.raises(DesiredError):
        Stream("flatcar").check_version(text)


@pytest.mark.parametrize("text", ["4593.2.5", "4081.3.10", "44.20260802.3.1", "1.2.3+rack.1", "current"])
def test_versions(text):
    Stream("flatcar").check_version(text)
    Stream("flatcar", "lts").check_version("current-2024")


def test_a_version_from_the_server_is_not_trusted():
    stream = Stream("flatcar")
    assert stream.latest("A=1\nFLATCAR_VERSION=4593.2.5\n") == ("4593.2.5", {})
    for text in ("", "FLATCAR_VERSION=../../x\n", "FLATCAR_VERSION=current\n", "COREOS_VERSION=1.2.3\n"):
        with pytest.raises(DesiredError):
            stream.latest(text)
    for text in ("[]", "{}", "no json", '{"architectures": {"x86_64": {"artifacts": {"metal": {"release": 3}}}}}'):
        with pytest.raises(DesiredError):
            Stream("fedora-coreos").latest(text)


def test_all_mistakes_are_told_at_once():
    with pytest.raises(DesiredError) as raised:
        Stream("flatcar", "next", "mips", "ftp://mirror")
    assert [problem.split(":")[0] for problem in raised.value.problems] == ["channel", "arch", "base_url"]


def test_fingerprints_of_ones_own_are_read_as_people_write_them():
    stream = Stream("flatcar")
    own = stream.fingerprints("1", ["0xf88c fedeff29a5b4d9523864e25d9aed0593b34a"])
    assert own == ("F88CFEDEFF29A5B4D9523864E25D9AED0593B34A",)
    with pytest.raises(DesiredError, match="E25D9AED0593B34A: must be the 40"):
        stream.fingerprints("1", ["E25D9AED0593B34A"])


def test_the_first_bytes_tell_the_kinds_apart():
    x86 = b"MZ" + b"\0" * 0x200 + b"HdrS"
    arm = b"MZ" + b"\0" * 0x36 + b"ARM\x64"
    assert not Stream("flatcar").complaint("kernel", x86)
    assert not Stream("flatcar", arch="arm64").complaint("kernel", arm)
    assert Stream("flatcar").complaint("kernel", arm)
    assert Stream("flatcar", arch="arm64").complaint("kernel", x86)
    assert Stream("flatcar").complaint("image", b"\x1f\x8b")
    assert Stream("flatcar").complaint("initrd", b"BZh9")
    assert Stream("fedora-coreos").complaint("image", b"BZh9")
    assert not Stream("flatcar").complaint("initrd", b"070701")


def test_digests_are_of_the_named_file():
    text = "# SHA1 HASH\n%s  a\n# SHA512 HASH\n%s  ab\n%s *./a\n" % ("1" * 40, "2" * 128, "A" * 128)
    assert digest_of(text, "a") == ("sha512", "a" * 128)
    assert digest_of(text, "c") is None
