# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One release of a family: its URLs, its place on the router, and what a file of it must look like."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from ..errors import DesiredError
from .families import ARCHITECTURES, FAMILIES

_VERSION = re.compile(r"[0-9]+(\.[0-9A-Za-z]+)*([+-][0-9A-Za-z.-]+)?")
_ALIAS = re.compile(r"current(-[0-9]{4})?")
_FINGERPRINT = re.compile(r"[0-9A-F]{40}|[0-9A-F]{64}")
_CPUS = {"x86_64": "x86-64", "amd64": "x86-64", "aarch64": "arm64"}

_BZIP2 = b"BZh"
_XZ = b"\xfd7zXZ\x00"
_ARCHIVES = (b"070701", b"070702", b"\x1f\x8b", b"\x28\xb5\x2f\xfd", _XZ, b"\x02\x21\x4c\x18", b"\x04\x22\x4d\x18")
HEAD_BYTES = 1024


@dataclass(frozen=True)
class Source:
    """Where one file may be had. names: possible names, best first; signed_as: as in families.Part."""

    kind: str
    group: str
    names: tuple
    signed: bool
    signed_as: tuple


class Stream:
    """A family's channel for one architecture at one base URL; raises DesiredError for impossible choices."""

    def __init__(self, family, channel="", arch="x86-64", base_url=""):
        problems = []
        if family not in FAMILIES:
            raise DesiredError("family: %s: must be one of %s" % (family, ", ".join(sorted(FAMILIES))))
        self.family = FAMILIES[family]
        self.channel = channel or self.family.channels[0]
        self.arch = _CPUS.get(arch, arch)
        if self.channel not in self.family.channels:
            problems.append("channel: %s: %s has %s" % (self.channel, family, ", ".join(self.family.channels)))
        if self.arch not in ARCHITECTURES:
            problems.append("arch: %s: must be one of %s" % (arch, ", ".join(ARCHITECTURES)))
        base_url = base_url or self.family.base_url
        if not base_url:
            problems.append("base_url: %s" % self.family.notes["base_url"])
        elif not re.match(r"https?://[^/]", base_url):
            problems.append("base_url: %s: must begin with http:// or https://" % base_url)
        if problems:
            raise DesiredError(problems)
        self.board = self.family.boards[self.arch]
        self.base_url = self._fill(base_url).rstrip("/")

    @property
    def path(self):
        """The directory of this stream in the cache and below the router's web root: the base URL of installers."""
        return "%s/%s/%s" % (self.family.name, self.channel, self.board)

    def check_version(self, version):
        """Raises DesiredError unless it is a version, current, or (Flatcar LTS) current-YEAR."""
        if is_alias(version):
            if version != "current" and (self.family.name, self.channel) != ("flatcar", "lts"):
                raise DesiredError("version: %s: only the lts channel of flatcar has releases by year" % version)
        elif not _VERSION.fullmatch(version):
            raise DesiredError("version: %s: must be a version such as 4593.2.5, or current" % version)

    def latest_url(self, alias="current"):
        """The URL of the text that says which version an alias stands for."""
        if self.family.metadata:
            return "%s/%s" % (self.base_url, self._fill(self.family.metadata))
        return "%s/version.txt" % self.directory_url(alias)

    def latest(self, text):
        """(version, {file name: SHA-256 in hex}) from the text at latest_url(); raises DesiredError."""
        if self.family.metadata:
            return self._from_metadata(text)
        version = self.version_in(text)
        if not version:
            raise DesiredError("%s: has no line %s=" % (self.latest_url(), self.family.version_field))
        self.check_version(version)
        if is_alias(version):
            raise DesiredError("%s: names no version" % self.latest_url())
        return version, {}

    def version_in(self, text):
        """The version that a version.txt names, or an empty text."""
        found = re.search(r"^%s=['\"]?([^'\"\s]+)" % self.family.version_field, text, re.M)
        return found.group(1) if found else ""

    def directory_url(self, version):
        return "%s/%s" % (self.base_url, self._fill(self.family.layout, version))

    def sources(self, version, groups):
        """The files of a version, those of the groups only."""
        return [
            Source(
                part.kind,
                part.group,
                tuple(self._fill(name, version) for name in part.names),
                part.signed,
                tuple(self._fill(name, version) for name in part.signed_as),
            )
            for part in self.family.parts
            if part.group in groups
        ]

    def fingerprints(self, version, own=()):
        """The primary keys that may have signed a version; raises DesiredError when none is known."""
        if own:
            cleaned = [re.sub(r"[\s:]|^0[xX]", "", text).upper() for text in own]
            bad = [text for text, clean in zip(own, cleaned) if not _FINGERPRINT.fullmatch(clean)]
            if bad:
                raise DesiredError(
                    ["fingerprints: %s: must be the 40 hexadecimal digits of a primary key" % text for text in bad]
                )
            return tuple(cleaned)
        known = self.family.fingerprints
        major = version.split(".")[0]
        if "" in known or major in known:
            return known.get(major) or known[""]
        raise DesiredError(
            "fingerprints: the key of %s %s is not known to this version of pfrack.cluster (it knows %s); "
            "take its fingerprint from the vendor and set fingerprints" % (self.family.name, major, ", ".join(known))
        )

    def complaint(self, kind, head):
        """Why the first bytes of a file cannot be those of its kind, or an empty text.

        A signature does not cover the name of a file, so one signed file can be put in the place of another.
        """
        if kind == "image":
            magic = _XZ if self.family.metadata else _BZIP2
            return "" if head.startswith(magic) else "is not a compressed disk image"
        if kind == "kernel":
            return _kernel_complaint(self.arch, head)
        if kind in ("initrd", "rootfs"):
            return "" if head.startswith(_ARCHIVES) else "is not an initial RAM disk"
        return ""

    def _from_metadata(self, text):
        try:
            metal = json.loads(text)["architectures"][self.board]["artifacts"]["metal"]
            version = metal["release"]
            hashes = {
                part["location"].rsplit("/", 1)[-1]: part["sha256"]
                for artifacts in metal["formats"].values()
                for part in artifacts.values()
                if part.get("sha256")
            }
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DesiredError(
                "%s: is no stream metadata with a metal release for %s (%r)" % (self.latest_url(), self.board, error)
            ) from error
        self.check_version(version)
        return version, hashes

    def _fill(self, text, version=""):
        # A release server's URL may hold braces of its own, so no str.format.
        for name, value in (("channel", self.channel), ("board", getattr(self, "board", "")), ("version", version)):
            text = text.replace("{%s}" % name, value)
        return text


def is_alias(version):
    """Whether this is a word that stands for the newest version."""
    return bool(_ALIAS.fullmatch(version))


def digest_of(text, name):
    """The SHA-512 (else SHA-256) of a file in the text of a .DIGESTS file: (algorithm, hex), or None."""
    found = {}
    for line in text.splitlines():
        match = re.match(r"([0-9a-fA-F]{64}|[0-9a-fA-F]{128})\s+\*?(?:\./)?(\S+)\s*$", line)
        if match and match.group(2) == name:
            found["sha512" if len(match.group(1)) == 128 else "sha256"] = match.group(1).lower()
    for algorithm in ("sha512", "sha256"):
        if algorithm in found:
            return algorithm, found[algorithm]
    return None


def _kernel_complaint(arch, head):
    x86 = head[0x202:0x206] == b"HdrS"
    if arch == "x86-64":
        return "" if x86 else "is not a Linux kernel for x86-64"
    arm = head[0x38:0x3C] == b"ARM\x64" or head.startswith((b"\x1f\x8b", b"MZ"))
    return "" if arm and not x86 else "is not a Linux kernel for arm64"
