# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A release server on this machine, with artifacts signed by a key made for the tests."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "integration"))

import small_vendor
from ansible_collections.pfrack.cluster.plugins.module_utils.artifacts.release import Stream
from ansible_collections.pfrack.cluster.plugins.plugin_utils.fetch.cache import Cache, VersionRecord
from ansible_collections.pfrack.cluster.plugins.plugin_utils.fetch.obtain import Obtainer, Wanted
from ansible_collections.pfrack.cluster.plugins.plugin_utils.fetch.web import Web


@pytest.fixture(scope="session")
def signer(tmp_path_factory):
    return small_vendor.Signer(tmp_path_factory.mktemp("vendor"))


class Vendor:
    """The server's directory, its URL, and a cache that loads from it."""

    def __init__(self, directory, signer):
        self.signer = signer
        self.root = directory / "served"
        self.stable = self.root / "stable"
        self.root.mkdir()
        self.log = directory / "log"
        self.log.touch()
        self.key = directory / "key.asc"
        self.key.write_bytes(signer.public_key())
        self.cache = Cache(str(directory / "cache"))
        self.record = directory / "record.json"
        self.server = small_vendor.serve(self.root, self.log)
        self.url = "http://127.0.0.1:%d" % self.server.server_address[1]
        self.said = []

    def release(self, version, signer=None):
        return small_vendor.publish(self.stable, signer or self.signer, version)

    def stream(self, **options):
        return Stream(**{"family": "flatcar", "base_url": self.url + "/{channel}", **options})

    def obtain(self, dry=False, **wanted):
        options = {"key": str(self.key), "fingerprints": (self.signer.fingerprint,), **wanted}
        web = Web(self.said.append, timeout=5)
        obtainer = Obtainer(self.cache, VersionRecord(str(self.record)), web, self.said.append)
        with self.cache.locked(self.said.append):
            return obtainer.run(self.stream(), Wanted(**options), dry=dry)

    def requests(self, method="GET"):
        """The requests since the last time: [(path, range)]."""
        lines = [line.split() for line in self.log.read_text().splitlines()]
        self.log.write_text("")
        return [(path, wanted) for verb, path, wanted in lines if verb == method]

    def cached(self):
        """The files in the cache, below its directory of verified files, and those that are not verified."""
        root = Path(self.cache.root)
        return (
            sorted(path.name for path in (root / "tree").rglob("*") if path.is_file()),
            sorted(path.name for path in (root / "parts").rglob("*") if path.is_file()),
        )


@pytest.fixture
def vendor(tmp_path, signer):
    vendor = Vendor(tmp_path, signer)
    thread = threading.Thread(target=vendor.server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield vendor
    vendor.server.shutdown()
    vendor.server.server_close()
    thread.join()
