# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Releases below a directory of the router: FAMILY/CHANNEL/BOARD/VERSION/FILE, and `current` beside the versions."""

from __future__ import annotations

from .families import FAMILIES

_DEPTH = 4


def releases_in(paths):
    """{path of a release: [its files]} of relative paths of files; what is laid out otherwise is not ours."""
    found = {}
    for path in paths:
        parts = path.split("/")
        if len(parts) == _DEPTH + 1 and parts[0] in FAMILIES and not parts[-1].startswith("."):
            found.setdefault("/".join(parts[:_DEPTH]), []).append(path)
    return found


def unused(paths, kept, mentions):
    """(paths of files to remove, {release that stays: why}).

    kept: releases that are wanted; mentions(versions) -> {version: [file that names it]}.
    """
    present = releases_in(paths)
    doubtful = sorted(release for release in present if release not in kept)
    if not doubtful:
        return [], {}
    named = mentions(sorted({_version(release) for release in doubtful}))
    stay = {release: named[_version(release)] for release in doubtful if named.get(_version(release))}
    return sorted(path for release in doubtful if release not in stay for path in present[release]), stay


def links(releases):
    """{stream/current: version} for (stream path, version) pairs; the last one of a stream counts."""
    return {"%s/current" % stream: version for stream, version in releases}


def leftover_links(paths, releases):
    """{stream/current: ""} of streams that are on the router but not wanted."""
    streams = {release.rsplit("/", 1)[0] for release in releases_in(paths)} - {stream for stream, _v in releases}
    return {"%s/current" % stream: "" for stream in sorted(streams)}


def urls(base, release):
    """Where nodes find the files of a release: {kernel, initrd, ..., base, version}.

    base: the URL of the directory that holds all releases; release: {stream_path, version, files: {kind: name}};
    `base` in the result is what installers take as their base URL.
    """
    stream = "%s/%s" % (base, release["stream_path"])
    result = {kind: "%s/%s/%s" % (stream, release["version"], name) for kind, name in release["files"].items()}
    result.update(base=stream, version=release["version"])
    return result


def _version(release):
    return release.rsplit("/", 1)[-1]
