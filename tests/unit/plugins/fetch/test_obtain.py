# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Releases are complete, of one version and signed, or they are not used."""

from __future__ import annotations

import functools
import json
import shutil
from pathlib import Path

import pytest
import small_vendor
from ansible_collections.pfrack.cluster.plugins.module_utils.errors import DesiredError
from ansible_collections.pfrack.cluster.plugins.plugin_utils.fetch import web
from ansible_collections.pfrack.cluster.plugins.plugin_utils.fetch.web import Web

KERNEL = "flatcar_production_pxe.vmlinuz"
INITRD = "flatcar_production_pxe_image.cpio.gz"
IMAGE = "flatcar_production_image.bin.bz2"


def test_a_release_arrives_complete_and_a_second_run_asks_nobody(vendor):
    vendor.release("1.2.3")
    outcome = vendor.obtain(version="1.2.3")
    assert outcome.files == {"kernel": KERNEL, "initrd": INITRD, "image": IMAGE, "version": "version.txt"}
    assert outcome.signed_by == [vendor.signer.fingerprint]
    files, parts = vendor.cached()
    assert files == sorted([KERNEL, INITRD, IMAGE, KERNEL + ".sig", INITRD + ".sig", IMAGE + ".sig", "version.txt"])
    assert parts == []
    vendor.requests(), vendor.requests("HEAD")
    again = vendor.obtain(version="1.2.3")
    assert (again.missing, again.files) == ([], outcome.files)
    assert vendor.requests() == [] and vendor.requests("HEAD") == []


def test_current_is_resolved_once_and_then_recorded(vendor):
    vendor.release("1.2.3")
    assert vendor.obtain().version == "1.2.3"
    assert json.loads(vendor.record.read_text()) == {"flatcar/stable/amd64-usr": "1.2.3"}
    vendor.release("1.2.4")
    assert vendor.obtain().version == "1.2.3"
    assert vendor.obtain(update=True).version == "1.2.4"
    assert vendor.obtain().version == "1.2.4"


def test_a_release_that_cannot_be_had_is_not_recorded(vendor):
    directory = vendor.release("1.2.3")
    (directory / IMAGE).write_bytes(b"BZh9 tampered with")
    with pytest.raises(DesiredError):
        vendor.obtain()
    assert not vendor.record.exists()


def test_all_files_are_probed_before_the_first_is_loaded(vendor):
    directory = vendor.release("1.2.3")
    (directory / KERNEL).unlink()
    (directory / (IMAGE + ".sig")).unlink()
    with pytest.raises(DesiredError) as raised:
        vendor.obtain(version="1.2.3")
    assert len(raised.value.problems) == 3
    assert KERNEL in raised.value.problems[0] and IMAGE + ".sig" in raised.value.problems[1]
    assert vendor.requests() == []


def test_check_mode_says_what_would_come_and_writes_nothing(vendor, tmp_path):
    vendor.release("1.2.3")
    before = sorted(tmp_path.rglob("*"))
    planned = vendor.obtain(dry=True)
    assert [
        path for path in sorted(tmp_path.rglob("*")) if path not in before and path.name not in ("cache", "lock")
    ] == []
    done = vendor.obtain()
    assert (planned.missing, planned.size, planned.files, planned.recorded) == (
        done.missing,
        done.size,
        done.files,
        done.recorded,
    )
    directory = Path(vendor.cache.directory(vendor.stream(), "1.2.3"))
    assert planned.sizes == {path.name: path.stat().st_size for path in directory.iterdir()}
    after = vendor.obtain(dry=True)
    assert (after.missing, after.recorded) == ([], False)


def test_a_broken_download_goes_on_where_it_ended(vendor):
    directory = vendor.release("1.2.3")
    (directory / (IMAGE + ".cut")).write_text("1000000")
    outcome = vendor.obtain(version="1.2.3")
    path = "/stable/amd64-usr/1.2.3/" + IMAGE
    assert [wanted for asked, wanted in vendor.requests() if asked == path] == ["-", "bytes=1000000-"]
    assert outcome.received == outcome.size
    assert any("the connection broke" in text for text in vendor.said)


def test_a_complete_download_that_was_not_checked_is_not_loaded_again(vendor):
    vendor.release("1.2.3")
    vendor.key.write_bytes(b"")
    with pytest.raises(DesiredError):
        vendor.obtain(version="1.2.3", groups=("disk",))
    # As if the run had been killed before the check.
    part = vendor.cache.part(vendor.stream(), "1.2.3", IMAGE)
    Web(timeout=5).download(vendor.stream().directory_url("1.2.3") + "/" + IMAGE, part)
    vendor.requests()
    vendor.key.write_bytes(vendor.signer.public_key())
    outcome = vendor.obtain(version="1.2.3", groups=("disk",))
    assert outcome.files["image"] == IMAGE
    assert not [path for path, _wanted in vendor.requests() if path.endswith(IMAGE)]


def test_a_part_of_another_file_is_not_gone_on_with(vendor):
    directory = vendor.release("1.2.3")
    other = vendor.cache.part(vendor.stream(), "1.2.3", IMAGE)
    with open(other, "wb") as file:
        file.write(b"BZh9" + b"x" * 1000)
    with open(other + ".from", "w") as file:
        json.dump({"identity": '"another"'}, file)
    vendor.obtain(version="1.2.3")
    assert (directory / IMAGE).read_bytes() == open(
        vendor.cache.directory(vendor.stream(), "1.2.3") + "/" + IMAGE, "rb"
    ).read()


def test_progress_is_told_for_every_file(vendor):
    vendor.release("1.2.3")
    vendor.obtain(version="1.2.3")
    for name in (KERNEL, INITRD, IMAGE):
        assert any(text.startswith(name) and "100 %" in text for text in vendor.said)


def tampered(directory, signer):
    data = bytearray((directory / IMAGE).read_bytes())
    data[1000] ^= 1
    (directory / IMAGE).write_bytes(data)


def truncated(directory, signer):
    (directory / IMAGE).write_bytes((directory / IMAGE).read_bytes()[:-1])


def of_another_version(directory, signer):
    shutil.copy(directory.parent / "0.0.1" / (IMAGE + ".sig"), directory)


def swapped_for_the_initrd(directory, signer):
    for end in ("", ".sig"):
        shutil.copy(directory / (INITRD + end), directory / (IMAGE + end))


def swapped_for_a_signed_image_of_another_version(directory, signer):
    for end in ("", ".sig"):
        shutil.copy(directory.parent / "0.0.1" / (IMAGE + end), directory / (IMAGE + end))


@pytest.mark.parametrize(
    "damage",
    [
        tampered,
        truncated,
        of_another_version,
        swapped_for_the_initrd,
        swapped_for_a_signed_image_of_another_version,
    ],
)
def test_a_file_that_is_not_what_was_signed_is_refused_and_deleted(vendor, damage):
    vendor.release("0.0.1")
    directory = vendor.release("1.2.3")
    damage(directory, vendor.signer)
    with pytest.raises(DesiredError, match="the file was deleted"):
        vendor.obtain(version="1.2.3")
    files, parts = vendor.cached()
    assert IMAGE not in files and parts == []


@pytest.mark.parametrize("away, words", [("3", "answers 503"), ("0", "holds no signature")])
def test_without_a_signature_nothing_is_used_and_nothing_loaded_again(vendor, away, words):
    directory = vendor.release("1.2.3")
    signature = directory / (IMAGE + ".sig")
    good = signature.read_bytes()
    signature.with_name(signature.name + ".away").write_text(away)
    signature.write_bytes(b"")
    with pytest.raises(DesiredError, match=words):
        vendor.obtain(version="1.2.3")
    assert IMAGE not in vendor.cached()[0]
    signature.write_bytes(good)
    signature.with_name(signature.name + ".away").unlink()
    vendor.requests()
    vendor.obtain(version="1.2.3")
    assert IMAGE in vendor.cached()[0] and vendor.cached()[1] == []
    assert not [path for path, _wanted in vendor.requests() if path.endswith(IMAGE)]


def test_gpg_is_missed_before_anything_is_loaded(vendor, monkeypatch):
    vendor.release("1.2.3")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(DesiredError, match="install gnupg"):
        vendor.obtain(version="1.2.3")
    assert vendor.requests() == []


def test_a_server_that_is_away_for_a_moment_is_asked_again(vendor, monkeypatch):
    monkeypatch.setattr(web, "PAUSE", 0.01)
    away = vendor.release("1.2.3") / (IMAGE + ".away")
    away.write_text("3")
    with pytest.raises(DesiredError, match="answers 503"):
        vendor.obtain(version="1.2.3")
    away.write_text("2")
    vendor.obtain(version="1.2.3")
    assert IMAGE in vendor.cached()[0]


def test_a_mirror_that_mixes_versions_is_refused(vendor):
    directory = vendor.release("1.2.3")
    (directory / "version.txt").write_text("FLATCAR_VERSION=1.2.2\n")
    with pytest.raises(DesiredError, match="mixes versions"):
        vendor.obtain(version="1.2.3")


def test_a_wrong_key_is_refused(vendor, tmp_path):
    stranger = small_vendor.Signer(tmp_path / "stranger")
    vendor.release("1.2.3", stranger)
    with pytest.raises(DesiredError, match="not in the vendor's key file"):
        vendor.obtain(version="1.2.3")
    # In the file, but not the pinned one.
    vendor.key.write_bytes(vendor.signer.public_key() + stranger.public_key())
    with pytest.raises(DesiredError, match="not by the pinned key"):
        vendor.obtain(version="1.2.3")
    assert vendor.cached()[0] == []


def test_a_key_file_without_the_pinned_key_is_refused(vendor):
    vendor.release("1.2.3")
    with pytest.raises(DesiredError, match="does not hold the key F88CFEDEFF29A5B4D9523864E25D9AED0593B34A"):
        vendor.obtain(version="1.2.3", fingerprints=())


def test_an_expired_key_is_refused_unless_it_is_accepted(vendor, tmp_path):
    old = small_vendor.Signer(tmp_path / "old", "20200101T000000", "2021-01-01")
    vendor.release("1.2.3", old)
    vendor.key.write_bytes(old.public_key())
    with pytest.raises(DesiredError, match="has expired"):
        vendor.obtain(version="1.2.3", fingerprints=(old.fingerprint,))
    outcome = vendor.obtain(version="1.2.3", fingerprints=(old.fingerprint,), allow_expired=True)
    assert outcome.signed_by == [old.fingerprint]


def test_the_signing_subkey_may_change(vendor, tmp_path):
    maker = small_vendor.Signer(tmp_path / "maker")
    vendor.release("1.2.3", maker)
    (vendor.root / "key.asc").write_bytes(maker.public_key())
    options = {"key": vendor.url + "/key.asc", "fingerprints": (maker.fingerprint,)}
    vendor.obtain(version="1.2.3", **options)
    maker.rotate()
    (vendor.root / "key.asc").write_bytes(maker.public_key())
    vendor.release("1.2.4", maker)
    # The copy in the cache does not know the new subkey, so the key file is fetched again.
    assert vendor.obtain(version="1.2.4", **options).signed_by == [maker.fingerprint]


def test_a_damaged_file_in_the_cache_is_fetched_again(vendor):
    vendor.release("1.2.3")
    vendor.obtain(version="1.2.3")
    path = vendor.cache.directory(vendor.stream(), "1.2.3") + "/" + KERNEL
    with open(path, "r+b") as file:
        file.write(b"damage")
    assert vendor.obtain(version="1.2.3").missing == [KERNEL]
    assert vendor.obtain(version="1.2.3").missing == []


def test_the_kernel_may_be_signed_under_its_other_name(vendor):
    directory = vendor.release("1.2.3")
    (directory / (KERNEL + ".sig")).rename(directory / "flatcar_production_image.vmlinuz.sig")
    assert vendor.obtain(version="1.2.3").files["kernel"] == KERNEL
    assert KERNEL + ".sig" in vendor.cached()[0]


def test_only_the_parts_that_are_asked_for_are_loaded(vendor):
    vendor.release("1.2.3")
    assert vendor.obtain(version="1.2.3", groups=("pxe",)).missing == [KERNEL, INITRD]
    assert vendor.obtain(version="1.2.3").missing == [IMAGE, "version.txt"]


def test_a_server_that_is_away_is_named(vendor):
    with pytest.raises(DesiredError, match="/stable/amd64-usr/current/version.txt: the server answers 404"):
        vendor.obtain()


def test_fedora_coreos_takes_names_version_and_checksums_from_its_stream(vendor):
    version = "44.20260802.3.1"
    vendor.stream = functools.partial(vendor.stream, family="fedora-coreos", base_url=vendor.url)
    directory = small_vendor.publish(vendor.root, vendor.signer, version, "fedora-coreos")
    outcome = vendor.obtain()
    assert outcome.version == version
    assert sorted(outcome.files) == ["image", "initrd", "kernel", "rootfs"]
    # Another file with a good signature, but not the published one.
    shutil.rmtree(vendor.cache.root)
    initrd, rootfs = (f"fedora-coreos-{version}-live-{name}.x86_64.img" for name in ("initramfs", "rootfs"))
    for end in ("", ".sig"):
        shutil.copy(directory / (initrd + end), directory / (rootfs + end))
    with pytest.raises(DesiredError, match="SHA256 is not the published one"):
        vendor.obtain(update=True)


def test_keys_may_lie_in_a_directory(vendor, tmp_path):
    stranger = small_vendor.Signer(tmp_path / "stranger")
    keys = tmp_path / "keys"
    keys.mkdir()
    (keys / "README").write_text("Not everything here is a key.")
    (keys / "44.asc").write_bytes(stranger.public_key())
    vendor.release("1.2.3")
    with pytest.raises(DesiredError, match=f"{keys}: does not hold the key {vendor.signer.fingerprint}"):
        vendor.obtain(version="1.2.3", key=str(keys))
    (keys / "45.asc").write_bytes(vendor.signer.public_key())
    assert vendor.obtain(version="1.2.3", key=str(keys)).signed_by == [vendor.signer.fingerprint]
    shutil.rmtree(vendor.cache.root)
    with pytest.raises(DesiredError, match="no directory with files"):
        vendor.obtain(version="1.2.3", groups=("disk",), key=str(tmp_path / "missing"))


def test_pruning_keeps_what_is_recorded_and_what_is_wanted(vendor):
    for version in ("1.2.3", "1.2.4", "1.2.5"):
        vendor.release(version)
        vendor.obtain(version=version)
    vendor.obtain()
    other = vendor.cache.part(vendor.stream(channel="beta"), "1.2.3", IMAGE)
    with open(other, "wb") as file:
        file.write(b"of another stream")
    with open(vendor.cache.part(vendor.stream(), "1.2.2", IMAGE), "wb") as file:
        file.write(b"was never finished")
    before = vendor.cached()
    assert vendor.obtain(version="1.2.4", prune=True, dry=True).pruned == ["1.2.2", "1.2.3"]
    assert vendor.cached() == before
    assert vendor.obtain(version="1.2.4", prune=True).pruned == ["1.2.2", "1.2.3"]
    assert vendor.cache.versions(vendor.stream()) == ["1.2.4", "1.2.5"]
    assert vendor.cached()[1] == [IMAGE]
    vendor.requests("HEAD")
    assert vendor.obtain(version="1.2.4", prune=True).pruned == [] and vendor.obtain().missing == []
    assert vendor.requests("HEAD") == []
    assert vendor.obtain(version="1.2.3").missing


@pytest.mark.parametrize(
    ("family", "version", "kernel"),
    [
        ("flatcar", "1.2.3", "arm64-usr/1.2.3/" + KERNEL),
        ("coreos", "1.2.3", "arm64-usr/1.2.3/" + KERNEL.replace("flatcar", "coreos")),
        (
            "fedora-coreos",
            "44.20260802.3.1",
            "aarch64/44.20260802.3.1/fedora-coreos-44.20260802.3.1-live-kernel.aarch64",
        ),
    ],
)
def test_machines_with_another_processor(vendor, family, version, kernel):
    for arch in ("x86-64", "arm64"):
        directory = small_vendor.publish(vendor.root, vendor.signer, version, family, arch=arch)
    vendor.stream = functools.partial(vendor.stream, family=family, base_url=vendor.url, arch="arm64")
    outcome = vendor.obtain()
    assert outcome.version == version
    path = vendor.cache.directory(vendor.stream(), version)
    assert f"{path}/{outcome.files['kernel']}".endswith(f"/{family}/stable/{kernel}")
    # The kernel of the other architecture is signed as well.
    shutil.rmtree(vendor.cache.root)
    boards = ("aarch64", "x86_64") if family == "fedora-coreos" else ("arm64-usr", "amd64-usr")
    for end in ("", ".sig"):
        name = outcome.files["kernel"]
        shutil.copy(str(directory / (name + end)).replace(*boards), directory / (name + end))
    with pytest.raises(DesiredError, match="is not a Linux kernel for arm64"):
        vendor.obtain()
