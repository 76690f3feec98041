# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A release, complete and verified, in the cache. Nothing is used that no pinned key signed."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
from dataclasses import dataclass, field

from ansible_collections.pfrack.cluster.plugins.module_utils.artifacts.release import (
    HEAD_BYTES,
    digest_of,
    is_alias,
)
from ansible_collections.pfrack.cluster.plugins.module_utils.errors import DesiredError
from ansible_collections.pfrack.cluster.plugins.plugin_utils.fetch.cache import hash_of
from ansible_collections.pfrack.cluster.plugins.plugin_utils.fetch.gpg import Keyring, SignatureError, find_gpg
from ansible_collections.pfrack.cluster.plugins.plugin_utils.fetch.web import drop, megabytes

SPARE_BYTES = 64 << 20


class ContentError(DesiredError):
    """A file is not what was published."""


@dataclass
class Wanted:
    """What the user asked for; key: file or URL, empty for the family's; fingerprints: instead of the family's."""

    version: str = "current"
    groups: tuple = ("pxe", "disk")
    key: str = ""
    fingerprints: tuple = ()
    allow_expired: bool = False
    update: bool = False
    prune: bool = False


@dataclass
class Outcome:
    """A release in the cache, or what is missing from it.

    files: kind -> name; missing: names; size: bytes to load; sizes: name -> bytes of those and of their signatures;
    pruned: versions that were removed from the cache.
    """

    version: str
    files: dict = field(default_factory=dict)
    missing: list = field(default_factory=list)
    size: int = 0
    sizes: dict = field(default_factory=dict)
    received: int = 0
    signed_by: list = field(default_factory=list)
    recorded: bool = False
    pruned: list = field(default_factory=list)


@dataclass
class _File:
    """A file that the server has. signature and digests: URLs or ""; digest: {algorithm: hex} that is known before."""

    source: object
    name: str
    url: str
    probe: object
    signature: str = ""
    signature_size: int = 0
    digests: str = ""
    digest: dict = field(default_factory=dict)

    def sizes(self):
        """{name: bytes} of what it is in the cache."""
        sizes = {self.name: self.probe.size or 0}
        return {**sizes, self.name + ".sig": self.signature_size} if self.signature else sizes


class Obtainer:
    """Brings releases into a cache. say(text) is told about progress."""

    def __init__(self, cache, record, web, say=lambda text: None):
        self._cache = cache
        self._record = record
        self._web = web
        self._say = say

    def run(self, stream, wanted, dry=False):
        """The Outcome; with `dry` nothing is written, neither here nor in the record."""
        stream.check_version(wanted.version)
        version, hashes = self._resolve(stream, wanted)
        pinned = stream.fingerprints(version, wanted.fingerprints)
        outcome = Outcome(version)
        outcome.recorded = is_alias(wanted.version) and self._record.get(stream, wanted.version) != version
        sources = stream.sources(version, wanted.groups)
        absent = self._look(stream, version, sources, pinned, outcome, dry)
        if absent:
            files = self._probe_all(stream, version, absent, hashes)
            outcome.missing = [file.name for file in files]
            outcome.size = sum(file.probe.size or 0 for file in files)
            for file in files:
                outcome.sizes.update(file.sizes())
            outcome.files.update({file.source.kind: file.name for file in files})
            if not dry:
                self._check_space(outcome.size)
                self._fetch_all(stream, version, files, pinned, wanted, outcome)
        if not dry:
            self._record_version(stream, wanted, version, outcome)
        if wanted.prune:
            self._prune(stream, version, outcome, dry)
        return outcome

    def _prune(self, stream, version, outcome, dry):
        """Remove the other versions of the stream, unless the record names them for another alias."""
        kept = self._record.versions(stream) | {version}
        outcome.pruned = [other for other in self._cache.versions(stream) if other not in kept]
        for other in [] if dry else outcome.pruned:
            self._say("%s/%s: removed from the cache" % (stream.path, other))
            self._cache.remove(stream, other)

    def _record_version(self, stream, wanted, version, outcome):
        # Last, so that a release that could not be had is not what everybody gets from now on.
        if outcome.recorded:
            self._record.set(stream, wanted.version, version)

    def _resolve(self, stream, wanted):
        if not is_alias(wanted.version):
            return wanted.version, {}
        known = "" if wanted.update else self._record.get(stream, wanted.version)
        if known:
            stream.check_version(known)
            return known, {}
        return stream.latest(self._web.text(stream.latest_url(wanted.version)))

    def _look(self, stream, version, sources, pinned, outcome, dry):
        """The sources that the cache does not have; fills in those that it has."""
        verified, absent = self._cache.verified(stream, version), []
        for source in sources:
            name = next((name for name in source.names if name in verified), None)
            entry = verified.get(name) or {}
            signed = not source.signed or entry.get("signed_by") in pinned
            if name and signed and self._cache.intact(stream, version, name, entry):
                outcome.files[source.kind] = name
                if source.signed and entry["signed_by"] not in outcome.signed_by:
                    outcome.signed_by.append(entry["signed_by"])
                continue
            if name and not dry:
                self._say("%s: the copy in the cache is not what was verified; fetching it again" % name)
                self._cache.forget(stream, version, name)
            absent.append(source)
        return absent

    def _probe_all(self, stream, version, sources, hashes):
        """Every file, asked for before the first is loaded; raises DesiredError that names all that are not there."""
        base, files, problems = stream.directory_url(version), [], []
        for source in sources:
            name, probe = self._first(base, source.names)
            if not name:
                problems.append("%s/%s: the server does not have it" % (base, " or ".join(source.names)))
                continue
            file = _File(source, name, "%s/%s" % (base, name), probe)
            if name in hashes:
                file.digest = {"sha256": hashes[name]}
            if source.signed:
                names = [each + ".sig" for each in (name,) + source.signed_as]
                signature, probe = self._first(base, names)
                file.signature_size = (probe and probe.size) or 0
                if not signature:
                    problems.append("%s/%s: the server does not have it" % (base, " or ".join(names)))
                file.signature = "%s/%s" % (base, signature)
                digests, _probe = self._first(base, [name + ".DIGESTS.asc", name + ".DIGESTS"])
                file.digests = "%s/%s" % (base, digests) if digests else ""
            files.append(file)
        if problems:
            raise DesiredError(
                problems + ["%s %s is not complete there; choose another version" % (stream.path, version)]
            )
        return files

    def _first(self, base, names):
        for name in names:
            probe = self._web.probe("%s/%s" % (base, name))
            if probe:
                return name, probe
        return "", None

    def _check_space(self, size):
        free = shutil.disk_usage(self._cache.root).free
        if free < size + SPARE_BYTES:
            raise DesiredError(
                "cache: %s has %s free, but %s are needed"
                % (self._cache.root, megabytes(free), megabytes(size + SPARE_BYTES))
            )

    def _fetch_all(self, stream, version, files, pinned, wanted, outcome):
        key = _Key(self._cache, self._web, stream.family, wanted.key)
        if any(file.source.signed for file in files):
            # Better missed now than after a long download.
            find_gpg()
        for file in files:
            part = self._cache.part(stream, version, file.name)
            outcome.received += self._web.download(file.url, part, file.probe)
            try:
                entry = self._verify(stream, version, file, part, key, pinned, wanted.allow_expired)
            except DesiredError as error:
                drop(part + ".sig")
                if not (isinstance(error, ContentError) or getattr(error, "mismatch", False)):
                    raise
                # Going on with it would fail for ever. Anything else can be corrected without loading it again.
                drop(part)
                raise type(error)(["%s (the file was deleted)" % problem for problem in error.problems]) from error
            if entry["signed_by"] and entry["signed_by"] not in outcome.signed_by:
                outcome.signed_by.append(entry["signed_by"])
            self._cache.keep(stream, version, file.name, entry)
            drop(part)

    def _verify(self, stream, version, file, part, key, pinned, allow_expired):
        """The entry for the record; raises DesiredError when the file must not be used."""
        entry = {"kind": file.source.kind, "size": os.stat(part).st_size, "sha256": hash_of(part), "signed_by": ""}
        if file.source.kind == "version":
            self._check_version_file(stream, version, file, part)
        with open(part, "rb") as opened:
            complaint = stream.complaint(file.source.kind, opened.read(HEAD_BYTES))
        if file.source.signed:
            with open(part + ".sig", "wb") as opened:
                opened.write(self._web.data(file.signature))
            self._say("%s: checking the signature" % file.name)
            entry["signed_by"] = self._signed_by(file, part, key, pinned, allow_expired)
        if complaint:
            raise ContentError("%s: the file %s" % (file.url, complaint))
        for algorithm, expected in file.digest.items():
            if hash_of(part, algorithm) != expected:
                raise ContentError("%s: its %s is not the published one" % (file.url, algorithm.upper()))
        return entry

    def _signed_by(self, file, part, key, pinned, allow_expired):
        try:
            return self._check_signature(file, part, key, pinned, allow_expired)
        except SignatureError as error:
            # The vendor adds subkeys to the key file from time to time; ours may be a copy from before that.
            if not error.stale or not key.refresh():
                raise
            return self._check_signature(file, part, key, pinned, allow_expired)

    def _check_signature(self, file, part, key, pinned, allow_expired):
        with Keyring(key.paths(), pinned, allow_expired, key.source) as keyring:
            signer = keyring.verify(part, part + ".sig", file.name)
            if file.digests:
                self._read_digests(file, part, keyring)
        return signer

    def _read_digests(self, file, part, keyring):
        """Take the checksum that the vendor publishes: unlike the signature it names the file that it is for."""
        text = self._web.text(file.digests)
        if file.digests.endswith(".asc"):
            path = part + ".digests"
            try:
                with open(path, "w", encoding="utf-8") as opened:
                    opened.write(text)
                text = keyring.read_signed(path, os.path.basename(file.digests))
            finally:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(path)
        found = digest_of(text, file.name)
        if not found:
            raise DesiredError("%s: does not name %s" % (file.digests, file.name))
        file.digest[found[0]] = found[1]

    @staticmethod
    def _check_version_file(stream, version, file, part):
        with open(part, encoding="utf-8", errors="replace") as opened:
            said = stream.version_in(opened.read(HEAD_BYTES))
        if said != version:
            raise ContentError(
                "%s: says %s, not %s; the mirror mixes versions" % (file.url, said or "no version", version)
            )


class _Key:
    """The vendor's keys: a file or all files of a directory on the controller, or a copy of a file on the web."""

    def __init__(self, cache, web, family, chosen):
        self._web = web
        self.source = source = chosen or family.key_url
        if not source:
            raise DesiredError("key: %s" % family.notes["key"])
        self._url = source if re.match(r"https?://", source) else ""
        if self._url:
            mark = hashlib.sha256(source.encode()).hexdigest()[:12]
            self._path = cache.key("%s-%s" % (family.name, mark))
        else:
            self._path = os.path.expanduser(source)
            if not self._files():
                raise DesiredError("key: %s: there is no such file, and no directory with files" % source)

    def paths(self):
        if self._url and not os.path.isfile(self._path):
            self._load()
        return self._files()

    def _files(self):
        if not os.path.isdir(self._path):
            return [self._path] if os.path.isfile(self._path) else []
        paths = [os.path.join(self._path, name) for name in sorted(os.listdir(self._path)) if name[0] != "."]
        return [path for path in paths if os.path.isfile(path)]

    def refresh(self):
        """Load the key file again; whether it is another one now."""
        if not self._url:
            return False
        before = hash_of(self._path)
        self._load()
        return hash_of(self._path) != before

    def _load(self):
        content = self._web.data(self._url)
        with open(self._path + ".new", "wb") as file:
            file.write(content)
        os.replace(self._path + ".new", self._path)
