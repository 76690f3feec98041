# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A container image for nodes that reach no registry: Debian's static busybox, as `docker save` would write it."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import tarfile
from pathlib import Path

from node_image import image as node_image

NAME = "localhost/busybox:rack"
APPLETS = "cat cut grep head nc sed seq sh sleep tail timeout tr wc".split()


def write_archive(path: Path) -> Path:
    """Write the archive there, for `verify_image_archive` with `verify_image: NAME`."""
    layer = _tar(
        [("tmp", None), ("bin", None), ("bin/busybox", _busybox()), *((f"bin/{name}", "busybox") for name in APPLETS)]
    )
    configuration = {
        "architecture": "amd64", "os": "linux", "config": {"Env": ["PATH=/bin"]},
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest()]},
    }  # fmt: skip
    manifest = [{"Config": "config.json", "RepoTags": [NAME], "Layers": ["layer.tar"]}]
    files = [("config.json", json.dumps(configuration).encode()), ("manifest.json", json.dumps(manifest).encode())]
    path.write_bytes(_tar([*files, ("layer.tar", layer)]))
    return path


def _busybox() -> bytes:
    """The one of the node OS's initial archive."""
    live = node_image.ensure_image() / "release" / node_image.LIVE
    command = f"zcat '{live}' | cpio --quiet --extract --to-stdout bin/busybox"
    return subprocess.run(["sh", "-c", command], check=True, capture_output=True).stdout


def _tar(entries: list[tuple[str, bytes | str | None]]) -> bytes:
    """entries: (name, content), text for a link, None for a directory."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in entries:
            entry = tarfile.TarInfo(name)
            entry.mode = 0o1777 if name == "tmp" else 0o755
            if content is None:
                entry.type = tarfile.DIRTYPE
                archive.addfile(entry)
            elif isinstance(content, str):
                entry.type, entry.linkname = tarfile.SYMTYPE, content
                archive.addfile(entry)
            else:
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()
