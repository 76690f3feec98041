# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A tree of files on the controller."""

from __future__ import annotations

import contextlib
import fnmatch
import hashlib
import os
import stat
import threading

from ansible_collections.pfrack.cluster.plugins.module_utils.errors import DesiredError

STAGE_PREFIX = ".pfrack-stage-"
CHUNK = 1 << 20


class LocalFile:
    """Where a file is and its size in bytes; its SHA-256 in hex is found out when somebody asks for it."""

    def __init__(self, full_path):
        status = os.stat(full_path)
        self.full_path = full_path
        self.size = status.st_size
        self._changed = status.st_mtime_ns
        self._sha256 = None
        self._thread = None

    @property
    def sha256(self):
        if self._thread:
            self._thread.join()
        if self._sha256 is None:
            self._find_hash()
        return self._sha256

    def hash_meanwhile(self):
        """Begin with the hash, while something else is waited for."""
        if self._sha256 is None:
            self._thread = threading.Thread(target=self._try_hash, daemon=True)
            self._thread.start()

    def _try_hash(self):
        # Who asks for it is told what is wrong.
        with contextlib.suppress(OSError):
            self._find_hash()

    def _find_hash(self):
        digest = hashlib.sha256()
        with open(self.full_path, "rb") as source:
            while chunk := source.read(CHUNK):
                digest.update(chunk)
        self._sha256 = digest.hexdigest()

    def key(self):
        """What tells this file from what it was before and most others, in 64 hex digits, without reading it all."""
        digest = hashlib.sha256(b"%d %d " % (self.size, self._changed))
        with open(self.full_path, "rb") as source:
            digest.update(source.read(CHUNK))
            source.seek(max(self.size - CHUNK, 0))
            digest.update(source.read())
        return digest.hexdigest()


def excluded(path, patterns):
    """Whether a pattern matches a relative path, its name, or a directory above it."""
    parts = path.split("/")
    above = ["/".join(parts[: count + 1]) for count in range(len(parts))]
    return any(
        fnmatch.fnmatchcase(candidate, pattern.rstrip("/")) or fnmatch.fnmatchcase(name, pattern.rstrip("/"))
        for pattern in patterns
        for candidate, name in zip(above, parts)
    )


def scan(root, patterns=()):
    """{relative path: LocalFile} of all files below a directory, sorted; symbolic links to files inside are followed.

    Raises DesiredError that names everything that cannot be copied faithfully.
    """
    if not os.path.isdir(root):
        raise DesiredError("src: %s: is not a directory on the controller" % root)
    files, problems = {}, []
    real_root = os.path.realpath(root)
    for directory, names, leaves in os.walk(root, onerror=_fail):
        below = os.path.relpath(directory, root).replace(os.sep, "/")
        relative = {name: name if below == "." else "%s/%s" % (below, name) for name in names + leaves}
        names[:] = sorted(name for name in names if not excluded(relative[name], patterns))
        links = [name for name in names if os.path.islink(os.path.join(directory, name))]
        problems += [
            "src: %s: is a symbolic link to a directory; copy it or exclude it" % relative[name] for name in links
        ]
        for name in sorted(leaves):
            path = relative[name]
            if excluded(path, patterns):
                continue
            problem = _problem(os.path.join(directory, name), path, real_root)
            if problem:
                problems.append("src: %r: %s" % (path, problem))
            else:
                files[path] = local_file(os.path.join(directory, name))
    if problems:
        raise DesiredError(problems)
    return dict(sorted(files.items()))


def _problem(full_path, path, real_root):
    if any(ord(letter) < 32 or 0xD800 <= ord(letter) < 0xE000 for letter in path):
        return "the name has control characters or is not UTF-8; rename it or exclude it"
    if path.startswith(STAGE_PREFIX):
        return "this name is reserved; rename it or exclude it"
    real = os.path.realpath(full_path)
    if os.path.commonpath([real, real_root]) != real_root:
        return "is a symbolic link that leaves the directory; copy the file or exclude it"
    if not os.path.exists(real):
        return "is a symbolic link to nothing; remove it or exclude it"
    if not stat.S_ISREG(os.stat(real).st_mode):
        return "is neither a file nor a directory; remove it or exclude it"
    return None


def local_file(full_path):
    """The LocalFile at a path; links are followed."""
    return LocalFile(os.path.realpath(full_path))


def _fail(error):
    raise DesiredError("src: %s" % error)
