# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Events when DHCP leases of a pfSense router, or what its HAProxy thinks of the servers, change."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
import time
from pathlib import Path
from typing import Any

DOCUMENTATION = r"""
---
author:
  - pfrack.cluster contributors (@pfrack)
short_description: Leases and health of a pfSense router
description:
  - Keeps one connection to the router and waits there. Changes that come together make one event.
  - An event is C({"router", "changes", "sync"}). A change has C(kind), one of C(lease_added), C(lease_changed),
    C(lease_removed) (with C(address), C(mac_address), C(hostname), C(state)), C(server_added), C(server_changed) and
    C(server_removed) (with C(server), C(address), C(state)). Host names are what machines say of themselves.
  - C(sync) tells whether the servers may have to follow. They need not when HAProxy merely got a server, as after a
    sync, or finds one up or down.
  - The first event comes at the start, with no changes, so that a rule can bring everything up to date. So does one
    after the router was away.
  - Needs the Python library paramiko for SSH.
options:
  connection:
    description: C(pfrack.cluster.pfsense_ssh), C(pfrack.cluster.pfsense_xmlrpc) or C(pfrack.cluster.pfsense_rest).
    type: str
    default: pfrack.cluster.pfsense_ssh
  host:
    description: Address or name of the router; over SSH also its name in C(~/.ssh/config).
    type: str
    required: true
  port:
    description: Port of its SSH server or web GUI.
    type: int
  remote_user:
    description: User to log in as, C(admin) or C(root).
    type: str
    default: admin
  password:
    description: Password of the user. Over SSH keys are tried first.
    type: str
  private_key_file:
    description: SSH. Private key to log in with.
    type: str
  private_key_passphrase:
    description: SSH. Passphrase of the private key.
    type: str
  host_key_checking:
    description: SSH. C(true), C(accept-new) or C(false).
    type: str
  known_hosts_files:
    description: SSH. Files with known host keys.
    type: list
    elements: str
  ssh_config_files:
    description: SSH. Files in the format of ssh_config.
    type: list
    elements: str
    default: [~/.ssh/config, /etc/ssh/ssh_config]
  proxy_jump:
    description: SSH. Jump hosts.
    type: str
  use_ssl:
    description: HTTPS. Whether the web GUI uses it.
    type: bool
    default: true
  validate_certs:
    description: HTTPS. Whether the router's certificate is checked.
    type: bool
    default: true
  ca_path:
    description: HTTPS. File with the certificates of authorities to trust.
    type: str
  certificate_fingerprint:
    description: HTTPS. SHA-256 fingerprint of the only certificate to accept.
    type: str
  use_proxy:
    description: HTTPS. Whether a proxy of the environment is used.
    type: bool
    default: true
  proxy:
    description: HTTPS. Address of the proxy to use.
    type: str
  api_key:
    description: REST API. Its key.
    type: str
  api_auth:
    description: REST API. How to log in, C(key), C(basic) or C(jwt).
    type: str
  connect_timeout:
    description: Seconds to wait for the connection.
    type: int
    default: 10
  resync:
    description:
      - Seconds after which an event without changes comes although nothing happened, C(0) for never. A machine that
        answers some time after it got its lease serves then.
    type: float
    default: 30
  debounce:
    description: Seconds of calm that end an event.
    type: float
    default: 0.3
  longest:
    description: Seconds after which an event is sent although there is no calm.
    type: float
    default: 3
  mac_addresses:
    description: Only leases of machines like these; C(*) and C(?) stand for anything.
    type: list
    elements: str
  hostnames:
    description: Only leases of machines that call themselves like these.
    type: list
    elements: str
  networks:
    description: Only leases in these networks.
    type: list
    elements: str
"""

EXAMPLES = r"""
- pfrack.cluster.pfsense_leases:
    host: 10.10.0.1
    private_key_file: ~/.ssh/id_ed25519
    networks: [10.10.0.0/24]

- pfrack.cluster.pfsense_leases:
    connection: pfrack.cluster.pfsense_xmlrpc
    host: 10.10.0.1
    password: "{{ router_password }}"
    certificate_fingerprint: "{{ router_fingerprint }}"
"""

COLLECTION = Path(os.path.abspath(__file__)).parents[4]
if COLLECTION.parts[-3:] != ("ansible_collections", "pfrack", "cluster"):
    raise ImportError(f"{COLLECTION} has to be installed as ansible_collections/pfrack/cluster")
# ansible-rulebook has no loader of collections; without Ansible's own, they are plain namespace packages.
if str(COLLECTION.parents[2]) not in sys.path:
    sys.path.append(str(COLLECTION.parents[2]))

from ansible_collections.pfrack.cluster.plugins.module_utils.leases.changes import line
from ansible_collections.pfrack.cluster.plugins.module_utils.leases.lease import Lease, Match
from ansible_collections.pfrack.cluster.plugins.module_utils.leases.watch import Watch
from ansible_collections.pfrack.cluster.plugins.module_utils.router import Router, RouterError
from ansible_collections.pfrack.cluster.plugins.plugin_utils.direct import open_line

LOG = logging.getLogger(__name__)
# Short, so that the end of the rulebook is noticed soon.
LONGEST_WAIT = 5
NO_SYNC = ("server_added", "server_changed")
ALL_KINDS = ("active", "static", "reserved", "expired")


class Source:
    """The watching side, in a thread of its own; `send` takes (changes, sync) there, see DOCUMENTATION."""

    def __init__(self, args: dict[str, Any], send) -> None:
        self._match = Match(*(args.get(name) or () for name in ("mac_addresses", "hostnames", "networks")), ALL_KINDS)
        self._line = open_line({name: value for name, value in args.items() if value != ""}, LOG.debug)
        self._watch = Watch(Router(self._line.call), LOG.warning)
        self._send = send
        self._resync = float(args.get("resync", 30)) or float("inf")
        self.ended = False

    def run(self) -> None:
        fresh, sent = True, 0.0
        try:
            while not self.ended:
                step = self._watch.step(min(LONGEST_WAIT, max(0.0, sent + self._resync - time.monotonic())))
                found = [change for change in step.changes if self._wanted(change)]
                for change in found:
                    LOG.info(line(change))
                if step.away:
                    # After an outage nobody knows what was missed.
                    fresh = True
                    continue
                sync = fresh or time.monotonic() >= sent + self._resync
                sync = sync or any(change["kind"] not in NO_SYNC for change in found)
                if sync or found:
                    self._send((found, sync))
                if sync:
                    fresh, sent = False, time.monotonic()
        finally:
            self._line.close()

    def _wanted(self, change: dict[str, Any]) -> bool:
        if not change["kind"].startswith("lease_"):
            return True
        lease = Lease(change["address"], change["mac_address"], change["hostname"], change["state"])
        return self._match.accepts(lease)


async def debounced(changes: asyncio.Queue, calm: float, longest: float) -> tuple[list[dict[str, Any]], bool]:
    """The next event: everything until `calm` seconds passed without a change, or `longest` in all."""
    loop = asyncio.get_running_loop()
    found, sync = await changes.get()
    end = loop.time() + longest
    while (left := min(calm, end - loop.time())) > 0:
        try:
            more, too = await asyncio.wait_for(changes.get(), left)
        except TimeoutError:
            break
        found, sync = found + more, sync or too
    return found, sync


async def main(queue: asyncio.Queue, args: dict[str, Any]) -> None:
    """Puts events into the queue until it is cancelled, or the router says something that waiting does not help."""
    loop = asyncio.get_running_loop()
    changes: asyncio.Queue = asyncio.Queue()
    try:
        source = Source(args, lambda found: loop.call_soon_threadsafe(changes.put_nowait, found))
        watching = asyncio.ensure_future(asyncio.to_thread(source.run))
        telling = asyncio.ensure_future(_tell(queue, changes, args))
        try:
            done, _rest = await asyncio.wait({watching, telling}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            source.ended = True
            telling.cancel()
    except RouterError as error:
        raise RuntimeError(f"{args.get('host')}: {error.kind}: {error.message}") from error


async def _tell(queue: asyncio.Queue, changes: asyncio.Queue, args: dict[str, Any]) -> None:
    while True:
        found, sync = await debounced(changes, float(args.get("debounce", 0.3)), float(args.get("longest", 3)))
        await queue.put({"router": args["host"], "changes": found, "sync": sync})


if __name__ == "__main__":

    class Printer:
        """Shows events instead of queueing them: python pfsense_leases.py '{"host": "10.10.0.1"}'."""

        async def put(self, event: dict[str, Any]) -> None:
            print(json.dumps(event), flush=True)

    asyncio.run(main(Printer(), json.loads(sys.argv[1])))
