# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings local files to the router: small ones together, big ones so that a later run goes on where one was cut."""

from __future__ import annotations

import contextlib
import shutil
import tempfile

from ansible_collections.pfrack.cluster.plugins.module_utils.router import RouterError
from ansible_collections.pfrack.cluster.plugins.plugin_utils.fetch.web import share

BIG = 16 << 20
# How much is sent between two words about it.
LEG = 32 << 20
# How much small files may come to in one bundle: what every carrier takes, whatever the network is like.
BUNDLE = 4 << 20


def send(router, root, files, remove, mode, directory_mode, say=lambda text: None):
    """Publish {relative path: LocalFile} below a directory of the router and remove others, in one step.

    say(text) is told how big files get on. Raises RouterError; what has arrived of big files is kept then.
    """
    if not files:
        router.publish(root, None, [], remove, directory_mode)
        return
    big = {path: file for path, file in files.items() if file.size >= BIG}
    small = {path: file for path, file in files.items() if path not in big}
    bundles = _bundles(list(small.values()))
    room = max((sum(file.size for file in bundle) for bundle in bundles if len(bundle) > 1), default=0)
    keys = _keys(big)
    if big:
        others = sum(file.size for file in small.values()) + room
        _bring(router, big, keys, lambda sizes: router.incoming(root, sizes, others, directory_mode), say)
    # Big files have their room already.
    sizes = [file.size for file in small.values()] + [0] * len(big)
    staged = router.stage(root, [*sizes, room])
    directory, names, carrier = staged["directory"], staged["names"][:-1], staged["names"][-1]
    with _dropped_on_failure(router, directory):
        unnamed = iter(names)
        for bundle in bundles:
            _carry(router, directory, carrier, [(next(unnamed), file) for file in bundle])
        if big:
            router.adopt(root, directory, dict(zip(unnamed, keys.values(), strict=True)))
        entries = [
            {"name": name, "path": path, "sha256": file.sha256, "mode": mode, "key": keys.get(path, "")}
            for name, (path, file) in zip(names, {**small, **big}.items(), strict=True)
        ]
    _publish(router, root, directory, entries, remove, directory_mode)


def _publish(router, root, directory, entries, remove, directory_mode):
    """Publish what is staged."""
    # A router that did not answer may still be at work there; what it leaves in the end it sweeps by itself.
    with _dropped_on_failure(router, directory, but=("timeout", "unknown_outcome", "unreachable")):
        router.publish(root, directory, entries, remove, directory_mode)


@contextlib.contextmanager
def _dropped_on_failure(router, directory, but=()):
    """A staging directory goes when the block fails, there or here, but with these kinds of errors."""
    try:
        yield
    except (RouterError, OSError) as error:
        if getattr(error, "kind", "") not in but:
            # The first error is the one to tell.
            with contextlib.suppress(RouterError):
                router.unstage(directory)
        raise


def _keys(files):
    """{path: key} of big files. Those that look alike, as images of one build may, are told apart by their hash."""
    keys = {path: file.key() for path, file in files.items()}
    alike = {}
    for path, key in keys.items():
        alike.setdefault(key, set()).add(files[path].full_path)
    return {path: key if len(alike[key]) == 1 else files[path].sha256 for path, key in keys.items()}


def _bundles(files):
    """Neighbours that are small enough together."""
    bundles, size = [], 0
    for file in files:
        size += file.size
        if not bundles or size > BUNDLE:
            bundles.append([])
            size = file.size
        bundles[-1].append(file)
    return bundles


def _carry(router, directory, carrier, named):
    """Bring small files, [(staged name, file)], in one go: a long line would make each of them wait."""
    if len(named) == 1:
        router.upload(named[0][1].full_path, directory, named[0][0])
        return
    sizes = []
    try:
        with tempfile.NamedTemporaryFile(prefix="pfrack-bundle-") as bundle:
            for name, file in named:
                begin = bundle.tell()
                with open(file.full_path, "rb") as source:
                    shutil.copyfileobj(source, bundle)
                sizes.append([name, bundle.tell() - begin])
            bundle.flush()
            router.upload(bundle.name, directory, carrier)
    except OSError as error:
        # A disk that is full does not say which.
        error.filename = error.filename or tempfile.gettempdir()
        raise
    router.unpack(directory, carrier, sizes)


def _bring(router, files, keys, incoming, say):
    """Let the missing parts of big files arrive, under their keys. incoming(sizes): the router's."""
    sizes = {keys[path]: file.size for path, file in files.items()}
    arrived = incoming(sizes)
    for path, file in files.items():
        file.hash_meanwhile()
        key = keys[path]
        have = begin = arrived["sizes"].get(key, 0)
        if have:
            say("%s: going on at %s" % (path, share(have, file.size)))
        while have < file.size:
            end = min(have + LEG, file.size)
            try:
                have = router.upload(file.full_path, arrived["directory"], key, have, LEG)["size"]
            except RouterError as error:
                if error.kind not in ("unreachable", "timeout"):
                    raise
                arrived = incoming(sizes)
                have = arrived["sizes"].get(key, 0)
                # Again only for as long as it helps.
                if have <= begin:
                    raise
                begin = have
                say("%s: %s; going on at %s" % (path, error.message, share(have, file.size)))
                continue
            if have != end:
                raise RouterError("missing", "%s changed while it was read" % file.full_path)
            say("%s: %s" % (path, share(have, file.size)))
        # Another path may be a link to the same file.
        arrived["sizes"][key] = have
