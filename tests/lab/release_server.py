"""The machine `releases` on the WAN side: the node image under the vendors' URLs, over HTTP and HTTPS.

`BASE/amd64-usr/VERSION/FILE` and `BASE/amd64-usr/current/FILE`, with BASE `http://198.51.100.10` or
`https://198.51.100.10`, and the same below `/stable`, `/beta` and `/alpha`, which are host names at the vendors'. Below
`/coreos` the same files have the names of the historic CoreOS Container Linux.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from node_image import image as node_image

ADDRESS = "198.51.100.10"
NAME = "releases"
CHANNELS = ("stable", "beta", "alpha")
# Where the machine sees its files.
FILES, CONFIGURATION, IMAGE = "/srv", "/mnt", "/media"

NGINX = f"""\
error_log {CONFIGURATION}/error.log;
pid /run/nginx.pid;
events {{ worker_connections 256; }}
http {{
    access_log {CONFIGURATION}/access.log;
    default_type application/octet-stream;
    types {{ text/plain txt asc DIGESTS; }}
    sendfile on;
    server {{
        listen 80 default_server;
        listen 443 ssl default_server;
        ssl_certificate {CONFIGURATION}/certificate.pem;
        ssl_certificate_key {CONFIGURATION}/key.pem;
        root {FILES};
        autoindex on;
        rewrite ^/(?:{"|".join(CHANNELS)})(/.*)$ $1 last;
    }}
}}
"""


def settings(directory: Path, gateway: str) -> dict:
    """Make the server's files in `directory`; returns the machine for the supervisor's `add_guest`.

    `directory/files` is what it serves; put further versions there, or break the files (they are links to the cached
    image: replace them, do not write into them). `directory/ca.pem` is what HTTPS clients have to trust,
    `signing-key.asc` and `fingerprint` are the key's, and `loaders` are boot loaders.
    """
    image = node_image.ensure_image()
    files, configuration = directory / "files", directory / "configuration"
    configuration.mkdir(parents=True)
    (configuration / "nginx.conf").write_text(NGINX)
    _certificate(directory, configuration)
    add_version(files, node_image.VERSION)
    shutil.copy(image / "key/public.asc", directory / "signing-key.asc")
    shutil.copy(image / "key/fingerprint", directory)
    (directory / "loaders").symlink_to(image / "loaders")
    return {
        "name": NAME,
        "network": "wan",
        "binds": [
            (str(files), FILES, False),
            (str(configuration), CONFIGURATION, False),
            (str(image / "release"), IMAGE, True),
        ],
        "commands": [
            ["ip", "addr", "add", f"{ADDRESS}/24", "dev", "eth0"],
            ["ip", "route", "add", "default", "via", gateway],
            ["nginx", "-c", f"{CONFIGURATION}/nginx.conf"],
        ],
    }


def add_version(files: Path, version: str) -> Path:
    """Publish the image as this version, which becomes the current one; returns the version's directory."""
    directory = _publish(files / node_image.BOARD / version, {})
    # A checksum names its file, so those of the other names would be wrong.
    _publish(files / "coreos" / node_image.BOARD / version, {"flatcar_": "coreos_", "FLATCAR_": "COREOS_"})
    return directory


def _publish(directory: Path, renamed: dict[str, str]) -> Path:
    """Links to the image's files, with other words in their names and in version.txt; `current` leads there."""
    release, version = node_image.ensure_image() / "release", directory.name
    directory.mkdir(parents=True)
    text = (release / "version.txt").read_text().replace(node_image.VERSION, version)
    for file in release.iterdir():
        name = file.name
        for old, new in renamed.items():
            name, text = name.replace(old, new), text.replace(old, new)
        if not name.startswith("version.txt") and not (renamed and "DIGESTS" in name):
            (directory / name).symlink_to(f"{IMAGE}/{file.name}")
    (directory / "version.txt").write_text(text)
    node_image.sign(node_image.ensure_image() / "key", directory / "version.txt")
    current = directory.parent / "current"
    current.unlink(missing_ok=True)
    current.symlink_to(version)
    return directory


def _certificate(directory: Path, configuration: Path) -> None:
    """A certificate for the address, and the authority that signed it: itself."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
         "3650", "-subj", "/CN=releases of the virtual rack", "-addext", f"subjectAltName=IP:{ADDRESS}",
         "-keyout", str(configuration / "key.pem"), "-out", str(configuration / "certificate.pem")],
        check=True, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, "LC_ALL": "C"},
    )  # fmt: skip
    shutil.copy(configuration / "certificate.pem", directory / "ca.pem")
