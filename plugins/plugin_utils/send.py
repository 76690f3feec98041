# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings local files to the router: small ones at once, big ones in pieces that a later run goes on from."""

from __future__ import annotations

import tempfile

from ansible_collections.pfrack.cluster.plugins.module_utils.router import RouterError
from ansible_collections.pfrack.cluster.plugins.plugin_utils.fetch.web import share

BIG = 16 << 20
PIECE = 32 << 20


def send(router, root, files, remove, mode, directory_mode, say=lambda text: None):
    """Publish {relative path: LocalFile} below a directory of the router and remove others, in one step.

    say(text) is told how big files get on. Raises RouterError; what has arrived of big files is kept then.
    """
    if not files:
        router.publish(root, None, [], remove, directory_mode)
        return
    big = {path: file for path, file in files.items() if file.size >= BIG}
    if big:
        _bring(router, root, big, sum(file.size for path, file in files.items() if path not in big), say)
    # Big files have their room already.
    staged = router.stage(root, [0 if path in big else file.size for path, file in files.items()])
    try:
        entries, adopted = [], {}
        for name, (path, file) in zip(staged["names"], files.items(), strict=True):
            if path in big:
                adopted[name] = file.sha256
            else:
                router.upload(file.full_path, staged["directory"], name)
            entries.append({"name": name, "path": path, "sha256": file.sha256, "mode": mode})
        if adopted:
            router.adopt(root, staged["directory"], adopted)
        router.publish(root, staged["directory"], entries, remove, directory_mode)
    except RouterError:
        _drop(router, staged["directory"])
        raise


def _bring(router, root, files, others, say):
    """Let the missing pieces of big files arrive. others: bytes of the files that follow."""
    arrived = router.incoming(root, {file.sha256: file.size for file in files.values()}, PIECE + others)
    staged = router.stage(root, [PIECE])
    try:
        for path, file in files.items():
            have = arrived.get(file.sha256, 0)
            if have:
                say("%s: going on at %s" % (path, share(have, file.size)))
            with open(file.full_path, "rb") as source:
                source.seek(have)
                while have < file.size:
                    have = _append(router, root, staged, file, have, source.read(PIECE))
                    say("%s: %s" % (path, share(have, file.size)))
            arrived[file.sha256] = have
    finally:
        _drop(router, staged["directory"])


def _append(router, root, staged, file, offset, piece):
    if not piece:
        raise RouterError("missing", "%s became shorter while it was read" % file.full_path)
    with tempfile.NamedTemporaryFile(prefix="pfrack-piece-") as carrier:
        carrier.write(piece)
        carrier.flush()
        router.upload(carrier.name, staged["directory"], staged["names"][0])
    return router.append(root, file.sha256, offset, staged["directory"], staged["names"][0])["size"]


def _drop(router, directory):
    try:
        router.unstage(directory)
    except RouterError:
        # The first error is the one to tell; the agent sweeps leftovers by itself.
        return
