# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Downloads over HTTP: probing, resuming, progress."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import time
import urllib.error
from dataclasses import dataclass

from ansible.module_utils.urls import ConnectionError as UrlConnectionError
from ansible.module_utils.urls import SSLValidationError, open_url
from ansible_collections.pfrack.cluster.plugins.module_utils.errors import DesiredError

CHUNK = 1 << 18
TEXT_LIMIT = 4 << 20
ABSENT = (403, 404, 410)
TRIES = 3
# Seconds before a download goes on; longer each time.
PAUSE = 1.0
PROGRESS_SECONDS = 5.0


@dataclass(frozen=True)
class Probe:
    """What a server says about a file: its size in bytes (None when it does not say) and its identity, or ""."""

    size: int | None
    identity: str


class Unreachable(DesiredError):
    """A server does not answer at all."""


class Web:
    """Requests with the proxy of the environment. progress(text) is told how a download goes."""

    def __init__(self, progress=lambda text: None, validate_certs=True, timeout=30, clock=time.monotonic):
        self._progress = progress
        self._validate = validate_certs
        self._timeout = timeout
        self._clock = clock

    def probe(self, url):
        """A Probe, or None when the server does not have the file; raises DesiredError when it cannot be asked."""
        try:
            with self._open(url, method="HEAD") as answer:
                return Probe(_length(answer), _identity(answer))
        except urllib.error.HTTPError as error:
            if error.code in ABSENT:
                return None
            raise DesiredError("%s: the server answers %d %s" % (url, error.code, error.reason)) from error

    def data(self, url):
        """The content of a small file as bytes."""
        try:
            with self._open(url) as answer:
                content = answer.read(TEXT_LIMIT + 1)
        except urllib.error.HTTPError as error:
            raise DesiredError("%s: the server answers %d %s" % (url, error.code, error.reason)) from error
        except (OSError, http.client.HTTPException) as error:
            raise DesiredError("%s: the connection broke: %s" % (url, error)) from error
        if len(content) > TEXT_LIMIT:
            raise DesiredError("%s: is larger than %d bytes" % (url, TEXT_LIMIT))
        return content

    def text(self, url):
        """The content of a small file as text."""
        return self.data(url).decode("utf-8", "replace")

    def download(self, url, path, probe=None):
        """Bring a file to `path`, going on where an earlier try of the same file ended; returns the bytes received.

        probe: what the server said about it just now, to see that it is complete already.
        """
        received = 0
        if probe and probe.identity and (_size(path), _remembered(path)) == (probe.size, probe.identity):
            return received
        for attempt in range(1, TRIES + 1):
            before = _size(path)
            try:
                return received + self._attempt(url, path)
            except urllib.error.HTTPError as error:
                if attempt == TRIES or (error.code != 416 and error.code < 500):
                    raise DesiredError("%s: the server answers %d %s" % (url, error.code, error.reason)) from error
                if error.code == 416:
                    drop(path)
            except Unreachable:
                if attempt == TRIES:
                    raise
            except (OSError, http.client.HTTPException) as error:
                if attempt == TRIES:
                    raise DesiredError(
                        "%s: the connection broke after %d bytes: %s; run it again to go on from there"
                        % (url, _size(path), error)
                    ) from error
                received += max(_size(path) - before, 0)
                self._progress("%s: the connection broke, going on at %s" % (_name(url), megabytes(_size(path))))
            time.sleep(PAUSE * attempt)  # a server that is away can only be asked again
        return received

    def _attempt(self, url, path):
        have, identity = _size(path), _remembered(path)
        headers = {}
        if have and identity:
            # Only the rest of the very same file is of use.
            headers = {"Range": "bytes=%d-" % have, "If-Range": identity}
        else:
            have = 0
        with self._open(url, headers=headers) as answer:
            # open_url does not tell 200 from 206 otherwise.
            resumed = bool(have) and answer.getcode() == 206
            if resumed and not (answer.headers.get("Content-Range") or "").startswith("bytes %d-" % have):
                raise http.client.HTTPException("the server sent another part of the file than it was asked for")
            length = _length(answer)
            have = have if resumed else 0
            total = None if length is None else have + length
            if not resumed:
                _remember(path, _identity(answer))
            received = self._copy(answer, path, have, total, _name(url))
        if total is not None and have + received != total:
            raise http.client.IncompleteRead(b"", total - have - received)
        return received

    def _copy(self, answer, path, have, total, name):
        received, told, next_at = 0, 0, self._clock() + PROGRESS_SECONDS
        with open(path, "r+b" if have else "wb") as file:
            file.seek(have)
            file.truncate()
            while chunk := answer.read(CHUNK):
                file.write(chunk)
                received += len(chunk)
                tenth = (have + received) * 10 // total if total else 0
                if self._clock() >= next_at and (tenth > told or not total):
                    told, next_at = tenth, self._clock() + PROGRESS_SECONDS
                    self._progress("%s: %s" % (name, share(have + received, total)))
        self._progress("%s: %s" % (name, share(have + received, total)))
        return received

    def _open(self, url, method="GET", headers=None):
        try:
            return open_url(
                url,
                method=method,
                # A proxy or server that compresses would break both ranges and signatures.
                headers={"Accept-Encoding": "identity", **(headers or {})},
                timeout=self._timeout,
                validate_certs=self._validate,
                http_agent="pfrack.cluster",
                follow_redirects="all",
                decompress=False,
            )
        except (SSLValidationError, UrlConnectionError) as error:
            raise DesiredError("%s: %s" % (url, error)) from error
        except urllib.error.HTTPError:
            raise
        except (http.client.HTTPException, OSError) as error:
            raise Unreachable(
                "%s: the server cannot be reached: %s" % (url, getattr(error, "reason", error))
            ) from error


def drop(path):
    """Remove a file that was being downloaded, and what is known about it."""
    for name in (path, _note(path)):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)


def finish(path, target):
    """Put a complete download into its place."""
    os.replace(path, target)
    drop(path)


def share(done, total):
    """How far something is, for people."""
    if not total:
        return megabytes(done)
    return "%s of %s (%d %%)" % (megabytes(done), megabytes(total), done * 100 // total)


def megabytes(size):
    """A size for people."""
    return "%d bytes" % size if size < 100000 else "%.1f MB" % (size / 1e6)


def _note(path):
    return path + ".from"


def _remember(path, identity):
    with open(_note(path), "w", encoding="utf-8") as file:
        json.dump({"identity": identity}, file)


def _remembered(path):
    try:
        with open(_note(path), encoding="utf-8") as file:
            return json.load(file).get("identity") or ""
    except (OSError, ValueError, AttributeError):
        return ""


def _size(path):
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return 0


def _length(answer):
    text = answer.headers.get("Content-Length") or ""
    return int(text) if text.isdigit() else None


def _identity(answer):
    etag = answer.headers.get("ETag") or ""
    # A weak tag does not promise equal bytes.
    return etag if etag and not etag.startswith("W/") else answer.headers.get("Last-Modified") or ""


def _name(url):
    return url.rsplit("/", 1)[-1]
