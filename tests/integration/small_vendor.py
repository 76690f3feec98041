# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A vendor's release host in small: made-up artifacts in the real layout, signed with a throw-away key.

Run as a script, it serves a directory over HTTP, with ranges and ETags, and logs every request to a file:
`small_vendor.py DIRECTORY ADDRESS PORT LOG`. A file NAME.cut next to NAME holds a number of bytes after which the
connection breaks, once. One NAME.away holds a number of requests for NAME that are answered with 503.
"""

from __future__ import annotations

import gzip
import hashlib
import http.server
import json
import os
import re
import subprocess
import sys
from pathlib import Path

X86_KERNEL = b"\0" * 0x202 + b"HdrS"
KERNELS = {"x86-64": X86_KERNEL, "arm64": b"\0" * 0x38 + b"ARM\x64"}
PREFIXES = {"flatcar": "flatcar_production", "coreos": "coreos_production"}
BOARDS = {"x86-64": "amd64-usr", "arm64": "arm64-usr"}
FEDORA_BOARDS = {"x86-64": "x86_64", "arm64": "aarch64"}


class Signer:
    """A throw-away vendor: a primary key that certifies, and subkeys that sign."""

    def __init__(self, home: Path, created: str = "", subkey_expires: str = "never"):
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._home = home
        self._time = ["--faked-system-time", created] if created else []
        self._gpg("--passphrase", "", "--quick-generate-key", "Rack <rack@example.org>", "ed25519", "cert", "never")
        self.fingerprint = self._fingerprints()[0]
        self.subkey = self.rotate(subkey_expires)

    def rotate(self, expires: str = "never") -> str:
        """A new signing subkey; its fingerprint."""
        known = self._fingerprints()
        self._gpg("--passphrase", "", "--quick-add-key", self.fingerprint, "ed25519", "sign", expires)
        self.subkey = next(key for key in self._fingerprints() if key not in known)
        return self.subkey

    def public_key(self) -> bytes:
        return subprocess.run(
            ["gpg", "--homedir", str(self._home), "--batch", "--armor", "--export"], capture_output=True, check=True
        ).stdout

    def sign(self, path: Path, name: str = "") -> None:
        """Make the detached signature NAME.sig of a file."""
        target = path.with_name((name or path.name) + ".sig")
        self._gpg("--local-user", self.subkey + "!", "--output", str(target), "--detach-sign", str(path))

    def clear_sign(self, path: Path) -> None:
        """Make NAME.asc with the text of a file inside."""
        self._gpg("--local-user", self.subkey + "!", "--output", str(path) + ".asc", "--clear-sign", str(path))

    def _gpg(self, *arguments: str) -> str:
        done = subprocess.run(
            [
                "gpg",
                "--homedir",
                str(self._home),
                "--batch",
                "--yes",
                "--pinentry-mode",
                "loopback",
                *self._time,
                *arguments,
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"gpg {arguments}: {done.stderr}")
        return done.stdout

    def _fingerprints(self) -> list[str]:
        listed = self._gpg("--with-colons", "--with-subkey-fingerprint", "--list-keys")
        return [line.split(":")[9] for line in listed.splitlines() if line.startswith("fpr:")]


def publish(
    base: Path,
    signer: Signer,
    version: str,
    family: str = "flatcar",
    size: int = 3000000,
    arch: str = "x86-64",
    image: bytes = b"",
) -> Path:
    """One release in the vendor's layout, which becomes the current one; returns its directory.

    base: the directory of the base URL; size: bytes of the disk image, unless `image` is given.
    """
    fedora = family == "fedora-coreos"
    if fedora:
        names, directory = _fedora(version, arch), base / "prod/streams/stable/builds" / version / FEDORA_BOARDS[arch]
    else:
        names, directory = _container_linux(PREFIXES[family]), base / BOARDS[arch] / version
    directory.mkdir(parents=True)
    noise = hashlib.sha256((version + arch).encode()).digest()
    content = {
        "kernel": KERNELS[arch] + noise * 100,
        "initrd": gzip.compress(b"070701" + noise * 500),
        "rootfs": b"070701" + noise * 700,
        "image": image or (b"\xfd7zXZ\x00" if fedora else b"BZh9") + noise * (size // 32),
    }
    for kind, name in names.items():
        (directory / name).write_bytes(content[kind])
        sign(directory / name, signer, digests=not fedora)
    if fedora:
        _stream_metadata(base / "streams/stable.json", directory, version)
        return directory
    (directory / "version.txt").write_text(f"{family.upper()}_BUILD=1\n{family.upper()}_VERSION={version}\n")
    current = directory.parent / "current"
    current.unlink(missing_ok=True)
    current.symlink_to(version)
    return directory


def _container_linux(prefix: str) -> dict[str, str]:
    return {
        "kernel": f"{prefix}_pxe.vmlinuz",
        "initrd": f"{prefix}_pxe_image.cpio.gz",
        "image": f"{prefix}_image.bin.bz2",
    }


def _fedora(version: str, arch: str) -> dict[str, str]:
    board, start = FEDORA_BOARDS[arch], f"fedora-coreos-{version}"
    return {
        "kernel": f"{start}-live-kernel.{board}",
        "initrd": f"{start}-live-initramfs.{board}.img",
        "rootfs": f"{start}-live-rootfs.{board}.img",
        "image": f"{start}-metal.{board}.raw.xz",
    }


def _stream_metadata(path: Path, directory: Path, version: str) -> None:
    """What Fedora CoreOS publishes about its newest release, as far as it is read; other architectures stay."""
    formats = {
        file.name: {
            "disk": {
                "location": f"https://vendor.invalid/{file.name}",
                "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
            }
        }
        for file in directory.iterdir()
        if file.suffix != ".sig"
    }
    stream = json.loads(path.read_text()) if path.exists() else {"architectures": {}}
    stream["architectures"][directory.name] = {"artifacts": {"metal": {"release": version, "formats": formats}}}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(stream))


def sign(path: Path, signer: Signer, digests: bool = True) -> None:
    """The signature and, unless told otherwise, the signed digests that lie beside a vendor's file."""
    signer.sign(path)
    if not digests:
        return
    data = path.read_bytes()
    listed = path.with_name(path.name + ".DIGESTS")
    listed.write_text(
        f"# SHA1 HASH\n{hashlib.sha1(data).hexdigest()}  {path.name}\n"
        f"# SHA512 HASH\n{hashlib.sha512(data).hexdigest()}  {path.name}\n"
    )
    signer.clear_sign(listed)


class Handler(http.server.BaseHTTPRequestHandler):
    """Static files with ETag, Range and If-Range."""

    protocol_version = "HTTP/1.1"
    root = Path()
    log_path = Path(os.devnull)

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        path = self.root / self.path.lstrip("/")
        with self.log_path.open("a") as log:
            log.write(f"{self.command} {self.path} {self.headers.get('Range') or '-'}\n")
        if not path.is_file():
            self.send_response(404)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        away = path.with_name(path.name + ".away")
        left = int(away.read_text()) if body and away.exists() else 0
        if left:
            away.write_text(str(left - 1))
            self.send_error(503)
            return
        data = path.read_bytes()
        tag = f'"{hashlib.sha1(data).hexdigest()}"'
        found = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "")
        start = int(found.group(1)) if found and self.headers.get("If-Range") in (None, tag) else 0
        if found and start and start >= len(data):
            self.send_response(416)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.send_header("ETag", tag)
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        if not body:
            return
        cut = path.with_name(path.name + ".cut")
        if cut.exists():
            limit = int(cut.read_text())
            cut.unlink()
            self.wfile.write(data[start : start + limit])
            self.close_connection = True
            return
        self.wfile.write(data[start:])

    def log_message(self, *_arguments: object) -> None:
        """The log file is for the tests."""


def serve(directory: Path, log: Path, address: str = "127.0.0.1", port: int = 0) -> http.server.ThreadingHTTPServer:
    """A server that is ready to serve_forever()."""
    handler = type("ReleaseHandler", (Handler,), {"root": directory, "log_path": log})
    return http.server.ThreadingHTTPServer((address, port), handler)


if __name__ == "__main__":
    serve(Path(sys.argv[1]), Path(sys.argv[4]), sys.argv[2], int(sys.argv[3])).serve_forever()
