# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signatures, checked by gpg with a keyring of their own.

"Good signature" says nothing about whose, so it is the primary key's fingerprint in gpg's machine-readable status that
counts; which subkey made the signature is the vendor's business, and changes.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field

from ansible_collections.pfrack.cluster.plugins.module_utils.errors import DesiredError

_VERDICTS = ("GOODSIG", "EXPSIG", "EXPKEYSIG", "REVKEYSIG", "BADSIG", "ERRSIG")


class SignatureError(DesiredError):
    """A signature does not hold.

    stale: another copy of the vendor's key might change that; mismatch: it is a signature of other content.
    """

    def __init__(self, problem, stale=False, mismatch=False):
        super().__init__(problem)
        self.stale = stale
        self.mismatch = mismatch


def find_gpg():
    """The path of gpg; raises DesiredError when there is none."""
    path = shutil.which("gpg")
    if not path:
        raise DesiredError(
            "gpg is not installed on the controller, and nothing is used without its signature: install gnupg"
        )
    return path


@dataclass
class _Signature:
    verdict: str = ""
    primary: str = ""
    subkey: str = ""
    made: int = 0
    words: list = field(default_factory=list)


class Keyring:
    """A private keyring with the keys of these files, gone at the end of the `with`. source: how to call the files.

    pinned: fingerprints of the primary keys that may sign. allow_expired: take a signature of a key that has expired
    since, if it was made while the key was valid. Raises SignatureError when no pinned key is in the files.
    """

    def __init__(self, key_files, pinned, allow_expired=False, source=""):
        self._key_files = tuple(key_files)
        self._source = source or ", ".join(key_files)
        self._pinned = tuple(pinned)
        self._allow_expired = allow_expired

    def __enter__(self):
        self._gpg = find_gpg()
        self._home = tempfile.TemporaryDirectory(prefix="pfrack-keys-")
        try:
            imported = self._run("--import", *self._key_files)
            self._expiry = self._read_keys()
            if not set(self._pinned) & set(self._primaries):
                raise SignatureError(
                    "%s: does not hold the key %s%s"
                    % (
                        self._source,
                        " or ".join(self._pinned),
                        "" if self._primaries else "; it holds no key at all: %s" % imported.stderr.strip()[-300:],
                    ),
                    stale=True,
                )
        except BaseException:
            self._home.cleanup()
            raise
        return self

    def __exit__(self, *_details):
        self._home.cleanup()

    def verify(self, data, signature, name):
        """The fingerprint of the primary key that signed the file `data`; `name` is for messages."""
        return self._judge(self._run("--verify", signature, data), name)

    def read_signed(self, path, name):
        """The text inside a clear-signed file, verified."""
        done = self._run("--decrypt", path)
        self._judge(done, name)
        return done.stdout

    def _run(self, *arguments):
        return subprocess.run(
            [
                self._gpg,
                "--homedir",
                self._home.name,
                "--no-options",
                "--batch",
                "--no-tty",
                "--no-autostart",
                "--no-auto-key-retrieve",
                "--trust-model",
                "always",
                "--status-fd",
                "2",
                *arguments,
            ],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            env={"LC_ALL": "C", "PATH": "/usr/local/bin:/usr/bin:/bin"},
        )

    def _read_keys(self):
        listed = self._run("--with-colons", "--with-subkey-fingerprint", "--list-keys")
        self._primaries, expiry, record = [], {}, []
        for line in listed.stdout.splitlines():
            parts = line.split(":")
            if parts[0] in ("pub", "sub"):
                record = parts
            elif parts[0] == "fpr" and record:
                expiry[parts[9]] = int(record[6]) if record[6].isdigit() else 0
                if record[0] == "pub":
                    self._primaries.append(parts[9])
                record = []
        return expiry

    def _judge(self, done, name):
        signatures = _signatures(done.stderr)
        problems, stale = [], False
        for signature in signatures:
            problem, outdated = self._problem(signature)
            if not problem:
                return signature.primary
            problems.append(problem)
            stale = stale or outdated
        if not problems:
            problems = ["the signature file holds no signature"]
        mismatch = any(signature.verdict == "BADSIG" for signature in signatures)
        raise SignatureError("%s: %s" % (name, "; ".join(problems)), stale, mismatch)

    def _problem(self, signature):
        if signature.verdict == "BADSIG":
            return "the content does not match its signature", False
        if signature.verdict == "ERRSIG":
            if signature.words[5:6] == ["9"]:
                return "signed with the key %s, which is not in the vendor's key file" % signature.words[0], True
            return "the signature cannot be checked (%s)" % " ".join(signature.words), False
        if signature.verdict == "REVKEYSIG":
            return "signed with the key %s, which its owner revoked" % signature.subkey, True
        if signature.primary not in self._pinned:
            return (
                "signed by %s, not by the pinned key %s" % (signature.primary or "nobody", " or ".join(self._pinned)),
                False,
            )
        if signature.verdict == "EXPKEYSIG":
            if self._allow_expired and self._made_in_time(signature):
                return "", False
            return (
                "signed with the key %s, which has expired; if the release is that old on purpose, "
                "allow_expired_key accepts signatures from before that" % signature.subkey,
                True,
            )
        if signature.verdict == "EXPSIG":
            return "the signature itself has expired", False
        if signature.verdict != "GOODSIG":
            return "gpg gives no verdict", False
        return "", False

    def _made_in_time(self, signature):
        ends = [self._expiry.get(key, 0) for key in (signature.subkey, signature.primary)]
        return all(not end or signature.made <= end for end in ends)


def _signatures(status):
    signatures = []
    for line in status.splitlines():
        found = re.match(r"\[GNUPG:\] (\S+) ?(.*)", line)
        if not found:
            continue
        word, rest = found.group(1), found.group(2).split()
        if word == "NEWSIG":
            signatures.append(_Signature())
        elif signatures and word in _VERDICTS:
            signatures[-1].verdict, signatures[-1].words = word, rest
        elif signatures and word == "VALIDSIG":
            signature = signatures[-1]
            signature.subkey, signature.primary = rest[0], rest[-1]
            signature.made = int(rest[2]) if rest[2].isdigit() else 0
    return signatures
