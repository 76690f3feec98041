"""Racks for the integration tests. They end with the test run, even when it is killed."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lab"))

import flannel
import lab
from node_image import image as node_image

DEFAULT = ("2.8", "isc")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Show what the router logged when a test failed."""
    report = yield
    router = getattr(item, "funcargs", {}).get("router")
    if report.failed and router:
        try:
            log = router.run("tail -n 40 /var/log/system.log /tmp/PHP_errors.log 2> /dev/null", check=False).stdout
        except lab.RackError as problem:
            log = str(problem)
        report.sections.append(("the router's log", log))
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say at the end what this machine could not make."""
    if not flannel.path().is_dir() and node_image.path().is_dir():
        terminalreporter.section("the rack's nodes have no overlay network", red=True)
        terminalreporter.line(
            "flanneld cannot be built here, tests/lab/flannel.py says why; tests that need it have failed"
        )


@pytest.fixture(scope="session")
def racks() -> Iterator[Callable[[str, str], lab.Rack]]:
    """Gives the rack of a (pfSense release, DHCP backend); each is started once, on first use."""
    # Killed test runs leave their logs; one that runs beside this may just be starting its rack.
    for directory in lab.RACKS.glob("test-*"):
        alive = Path("/proc", directory.name.rpartition("-")[2]).exists()
        if not alive and not lab.Rack(directory.name).running():
            shutil.rmtree(directory, ignore_errors=True)
    running: dict[tuple[str, str], lab.Rack] = {}
    with ExitStack() as stack:

        def get(pfsense: str, dhcp: str) -> lab.Rack:
            if (pfsense, dhcp) not in running:
                rack = lab.Rack(f"test-{pfsense}-{dhcp}-{os.getpid()}", pfsense, dhcp)
                running[pfsense, dhcp] = stack.enter_context(rack)
            return running[pfsense, dhcp]

        yield get


@pytest.fixture(scope="session")
def rack(request: pytest.FixtureRequest, racks: Callable[[str, str], lab.Rack]) -> lab.Rack:
    """The default rack; another one by `@pytest.mark.parametrize("rack", [("2.7", "kea")], indirect=True)`."""
    return racks(*getattr(request, "param", DEFAULT))


@pytest.fixture
def router(rack: lab.Rack) -> lab.Router:
    """The rack's router, in its first state."""
    rack.reset()
    return rack.router


@pytest.fixture
def node(rack: lab.Rack) -> Iterator[Callable[..., lab.Machine]]:
    """Adds clients to the LAN, `node("name", "52:54:00:00:00:01")`; they are gone after the test."""
    added = []

    def add(name: str, mac: str = "") -> lab.Machine:
        machine = rack.add_node(name, mac)
        added.append(name)
        return machine

    yield add
    for name in added:
        rack.remove_node(name)


@pytest.fixture
def fleet(router: lab.Router, node: Callable[..., lab.Machine]) -> object:
    """Six nodes that serve, see fleet.py."""
    from fleet import NODES, Fleet

    fleet = Fleet(node("fleet"))
    fleet.serve(NODES)
    return fleet


@pytest.fixture
def syncing(rack: lab.Rack, fleet: object) -> Iterator[object]:
    """Runs of the backend sync against a router whose HAProxy has no servers yet."""
    from fleet import SyncRouter

    syncing = SyncRouter(rack)
    syncing.install()
    yield syncing
    syncing.before = None
    syncing.end()


@pytest.fixture(scope="session")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    """Three QEMU machines that have just installed themselves, see node_story.py."""
    from node_story import begun

    with begun(f"test-nodes-{os.getpid()}", tmp_path_factory.mktemp("story")) as story:
        yield story
