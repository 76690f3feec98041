# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Verified releases on the controller, and the record of which version `current` was.

tree/STREAM/VERSION/FILE       verified files, laid out as on the router
parts/STREAM/VERSION/FILE      downloads that are not finished or not verified
verified/STREAM/VERSION.json   what was verified: {file: {kind, sha256, size, signed_by}}
keys/FAMILY                    the vendor's keys, as downloaded
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import tempfile

from ansible_collections.pfrack.cluster.plugins.module_utils.errors import DesiredError

CHUNK = 1 << 20


class Cache:
    """The cache in one directory; used by one process at a time through `locked()`."""

    def __init__(self, root):
        self.root = root

    def directory(self, stream, version):
        return self._place("tree", stream.path, version)

    def part(self, stream, version, name):
        """Where a file is while it is not verified; its directory is made."""
        path = self._place("parts", stream.path, version, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        return path

    def key(self, family):
        path = self._place("keys", family)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        return path

    def verified(self, stream, version):
        """{file: {kind, sha256, size, signed_by}} of what was once verified, whether or not it is still there."""
        record = read_json(self._record(stream, version))
        return {name: entry for name, entry in record.items() if isinstance(entry, dict)}

    def intact(self, stream, version, name, entry):
        """Whether a verified file is still there as it was."""
        path = os.path.join(self.directory(stream, version), name)
        try:
            if entry.get("signed_by") and not os.path.isfile(path + ".sig"):
                return False
            return os.stat(path).st_size == entry.get("size") and hash_of(path) == entry.get("sha256")
        except OSError:
            return False

    def keep(self, stream, version, name, entry):
        """Put a verified part into its place, with its signature if it has one, and record it."""
        directory = self.directory(stream, version)
        os.makedirs(directory, exist_ok=True)
        part = self.part(stream, version, name)
        if entry["signed_by"]:
            os.replace(part + ".sig", os.path.join(directory, name + ".sig"))
        os.replace(part, os.path.join(directory, name))
        record = self.verified(stream, version)
        record[name] = entry
        write_json(self._record(stream, version), record)

    def forget(self, stream, version, name):
        """Remove a file and its record."""
        record = self.verified(stream, version)
        if record.pop(name, None) is not None:
            write_json(self._record(stream, version), record)
        for leaf in (name, name + ".sig"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(os.path.join(self.directory(stream, version), leaf))

    def versions(self, stream):
        """The versions of a stream that something is kept of, finished or not."""
        found = set()
        for kind in ("tree", "parts"):
            with contextlib.suppress(FileNotFoundError):
                found.update(os.listdir(self._place(kind, stream.path)))
        with contextlib.suppress(FileNotFoundError):
            names = os.listdir(self._place("verified", stream.path))
            found.update(name.removesuffix(".json") for name in names if name.endswith(".json"))
        return sorted(found)

    def remove(self, stream, version):
        """Remove all of a version. Its record goes first, so that what an interrupted removal leaves is not trusted."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._record(stream, version))
        for kind in ("tree", "parts"):
            with contextlib.suppress(FileNotFoundError):
                shutil.rmtree(self._place(kind, stream.path, version))

    @contextlib.contextmanager
    def locked(self, say):
        """Two routers in one play would download the same files into the same place."""
        try:
            os.makedirs(self.root, exist_ok=True)
            with open(os.path.join(self.root, "lock"), "w", encoding="utf-8") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    say("waiting for another run that fills the cache %s" % self.root)
                    fcntl.flock(file, fcntl.LOCK_EX)
                yield
        except OSError as error:
            raise DesiredError("cache: %s: %s" % (error.filename or self.root, error.strerror or error)) from error

    def _place(self, *parts):
        return os.path.join(self.root, *parts)

    def _record(self, stream, version):
        return self._place("verified", stream.path, version + ".json")


class VersionRecord:
    """A small JSON file, {stream: version}: what `current` was when it was resolved. It may be kept under version
    control; without a path nothing is recorded."""

    def __init__(self, path):
        self._path = path

    def get(self, stream, alias):
        version = read_json(self._path).get(self._key(stream, alias)) if self._path else None
        return version if isinstance(version, str) else ""

    def versions(self, stream):
        """All versions of a stream that are recorded."""
        versions = read_json(self._path) if self._path else {}
        return {version for key, version in versions.items() if key.split(" ")[0] == stream.path}

    def set(self, stream, alias, version):
        if self._path:
            versions = read_json(self._path)
            versions[self._key(stream, alias)] = version
            write_json(self._path, versions)

    @staticmethod
    def _key(stream, alias):
        return stream.path if alias == "current" else "%s %s" % (stream.path, alias)


def hash_of(path, algorithm="sha256"):
    """The digest of a file, in hex."""
    digest = hashlib.new(algorithm)
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def read_json(path):
    """The object in a file, {} when there is none; raises DesiredError when it cannot be understood."""
    try:
        with open(path, encoding="utf-8") as file:
            content = json.load(file)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise DesiredError("%s: cannot be read (%s); correct it or remove it" % (path, error)) from error
    if not isinstance(content, dict):
        raise DesiredError("%s: is not an object; correct it or remove it" % path)
    return content


def write_json(path, content):
    """Replace a file in one step."""
    directory = os.path.dirname(path) or "."
    os.makedirs(directory, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=directory, prefix=".pfrack-")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=2, sort_keys=True)
        file.write("\n")
    os.chmod(temporary, 0o644)
    os.replace(temporary, path)
