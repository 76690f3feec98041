"""A line to the lab's router: the connection's own code, running where the rack's network is."""

from __future__ import annotations

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DRIVER = """
import json, sys
sys.path.insert(0, sys.argv[1])
from agent_bundle import agent_source
from ssh.errors import SshError
from ssh.link import Link
from ssh.settings import build_settings
options = json.loads(sys.argv[2])
source = agent_source().replace(*options.pop("patch", ("", "")))
link = Link(build_settings(options), source)
for line in sys.stdin:
    method, arguments = json.loads(line)
    print(json.dumps(getattr(link, method)(*arguments)), flush=True)
link.close()
"""


class RouterLine:
    """`call` and `upload` as the connection offers them; `drop` forgets the line, `end` closes it politely."""

    def __init__(self, rack, user="root", **options):
        settings = {
            "host": "10.10.0.1",
            "remote_user": user,
            "private_key_file": str(rack.key),
            "known_hosts_files": [str(rack.known_hosts)],
            "use_agent": False,
            "connect_timeout": 5,
            **options,
        }
        code = str(ROOT / "plugins" / "plugin_utils")
        self._process = rack.controller.popen(
            [sys.executable, "-c", DRIVER, code, json.dumps(settings)], stdin=-1, stdout=-1, text=True
        )

    def start(self, method, *arguments):
        """Send without waiting."""
        self._process.stdin.write(json.dumps([method, arguments]) + "\n")
        self._process.stdin.flush()

    def answer(self):
        line = self._process.stdout.readline()
        assert line, "the driver ended"
        return json.loads(line)

    def call(self, op, params=None):
        self.start("call", op, params or {})
        return self.answer()

    def good(self, op, params=None):
        """The result of a request that has to succeed."""
        answer = self.call(op, params)
        assert answer["ok"], answer["error"]
        return answer["result"]

    def bad(self, op, params=None):
        """The error of a request that has to fail."""
        answer = self.call(op, params)
        assert not answer["ok"], answer["result"]
        return answer["error"]

    def upload(self, *arguments):
        self.start("upload", *arguments)
        return self.answer()

    def commit(self, operations, services, good=True, revision=None):
        revision = revision or self.good("read", {"paths": []})["revision"]
        params = {"revision": revision, "operations": operations, "services": services, "description": "a test"}
        return (self.good if good else self.bad)("commit", params)

    def section(self, path):
        return self.good("read", {"paths": [path]})["sections"][path]

    def revision(self):
        return self.good("read", {"paths": []})["revision"]

    def kill(self):
        """The controller dies."""
        self._process.kill()
        self._process.wait()

    def end(self):
        if self._process.poll() is None:
            self._process.stdin.close()
            self._process.wait(10)
