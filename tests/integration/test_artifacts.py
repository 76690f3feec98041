# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role boot_artifacts: from a vendor's server in the rack's internet over the controller to the nodes."""

from __future__ import annotations

import json
import re

import pytest
import small_vendor
import yaml
from clients import dhcp_lease, wait_for
from playbook_run import Site
from rack_vendor import VENDOR, Vendor

WEB = "http://10.10.0.1:8080"
STREAM = "os/flatcar/stable/amd64-usr"
IMAGE = "flatcar_production_image.bin.bz2"
# More than a piece of an upload.
BIG = 40 << 20
EVERY = [("2.8", "isc"), ("2.7", "kea")]


class Artifacts(Site):
    """Runs of the role, with a cache of their own."""

    def __init__(self, rack, directory, vendor):
        super().__init__(rack, directory / "inventory")
        self.cache = directory / "cache"
        self.loaders = directory / "loaders"
        self.settings |= vendor.settings(directory)

    def run(self, *arguments, tasks_from="", roles=("boot_artifacts",), **variables):
        tasks = [{"import_role": {"name": f"pfrack.cluster.{role}"}} for role in roles]
        if tasks_from:
            tasks.append({"import_role": {"name": "pfrack.cluster.boot_artifacts", "tasks_from": tasks_from}})
        play = {"hosts": "routers", "gather_facts": False, "vars": variables, "tasks": tasks}
        playbook = self.directory.parent / "artifacts.yml"
        playbook.write_text(yaml.safe_dump([play]))
        return self.play(*arguments, playbook=str(playbook))


@pytest.fixture(params=EVERY[:1], ids="-".join)
def rack_(request, racks):
    rack = racks(*request.param)
    rack.reset()
    return rack


@pytest.fixture(scope="module")
def signer(tmp_path_factory):
    return small_vendor.Signer(tmp_path_factory.mktemp("vendor"))


@pytest.fixture
def vendor(rack_, tmp_path, signer):
    vendor = Vendor(rack_, tmp_path, signer)
    yield vendor
    vendor.stop()


@pytest.fixture
def site(rack_, vendor, tmp_path):
    return Artifacts(rack_, tmp_path, vendor)


@pytest.fixture
def node(rack_):
    node = rack_.add_node("blank", "52:54:00:00:77:02")
    dhcp_lease(node)
    yield node
    rack_.remove_node("blank")


def fetch(node, url, *options):
    return node.run(["curl", "-s", "-f", "-m", "30", *options, url], check=False)


@pytest.mark.parametrize("rack_", EVERY, ids="-".join, indirect=True)
def test_nodes_get_what_the_vendor_signed_and_the_second_run_does_nothing(site, vendor, node):
    directory = vendor.release("1.2.3", BIG)
    planned = site.run("--check", "--diff").ok()
    assert planned.changed > 0
    assert not any(line.startswith("GET") and "image" in line for line in vendor.asked())
    assert site.rack.router.run("find /tftpboot -type f").stdout == ""
    outcome = site.run("--diff").ok()
    assert re.search(r"os_artifact: flatcar_production_image\.bin\.bz2: .*100 %", outcome.output)
    assert re.search(r"pfsense_boot_artifacts: .*image\.bin\.bz2: 33\.6 MB of 41\.9 MB \(79 %\)", outcome.output)

    # What coreos-install -V current of 2015 asks for, and what flatcar-install does.
    for place in ("current", "1.2.3"):
        for name in (IMAGE, IMAGE + ".sig", "version.txt"):
            head = fetch(node, f"{WEB}/{STREAM}/{place}/{name}", "-I").stdout
            assert f"Content-Length: {(directory / name).stat().st_size}" in head
    assert "FLATCAR_VERSION=1.2.3" in fetch(node, f"{WEB}/{STREAM}/current/version.txt").stdout
    expected = small_vendor.hashlib.sha256((directory / IMAGE).read_bytes()).hexdigest()
    got = node.run(f"curl -s {WEB}/{STREAM}/1.2.3/{IMAGE} | sha256sum").stdout.split()[0]
    assert got == expected
    assert site.rack.router.run("cat /tftpboot/pxelinux.0").stdout == "pxelinux.0 of one version\n"

    vendor.asked()
    state = (
        "find /tftpboot -newer /cf/conf/config.xml; sha256sum /cf/conf/config.xml; cat /var/run/pfrack_static_web.pid"
    )
    before = site.rack.router.run(state).stdout
    again = site.run("--diff").ok()
    assert (again.changed, again.diffs) == (0, [])
    assert vendor.asked() == []
    assert site.rack.router.run(state).stdout == before


# Kernel arguments of the live system; the address of its configuration stands for {live}.
FAMILIES = {
    "flatcar": ("1.2.3", "flatcar.first_boot=1 ignition.config.url={live}"),
    "fedora-coreos": (
        "44.20260802.3.1",
        "coreos.live.rootfs_url={rootfs} ignition.firstboot ignition.platform.id=metal ignition.config.url={live}",
    ),
    "coreos": ("1.2.3", "cloud-config-url={live}"),
}
ARCHITECTURES = {"node2": "x86-64", "node3": "arm64"}


@pytest.mark.parametrize("family", FAMILIES)
def test_each_family_from_the_vendor_to_what_a_machine_boots(site, vendor, node, family):
    version, arguments = FAMILIES[family]
    directories = {
        name: small_vendor.publish(vendor.directory / family, vendor.signer, version, family, arch=arch)
        for name, arch in ARCHITECTURES.items()
    }
    for name, arch in ARCHITECTURES.items():
        site.nodes()[name]["architecture"] = arch
    # Nothing but what the families themselves need.
    site.settings = {name: value for name, value in site.settings.items() if not name.startswith("boot_menu_")}
    site.settings |= {
        "cluster_platform": "none",
        "boot_artifacts_family": family,
        "boot_artifacts_base_url": f"{VENDOR}/{family}",
        "boot_artifacts_architectures": list(ARCHITECTURES.values()),
        "node_config_ssh_authorized_keys": ["ssh-ed25519 AAAA me"],
    }
    site.run(roles=("cluster", "node_config", "boot_artifacts", "boot_menu")).ok()
    for name, directory in directories.items():
        mac = site.nodes()[name]["mac_address"].replace(":", "-")
        script = site.rack.router.run(f"cat /tftpboot/pfrack/boot/{mac}.ipxe").stdout
        kernel, line = re.search(r"^kernel (\S+) initrd=initrd.img (.*) \|\| goto retry$", script, re.M).groups()
        initrd = re.search(r"^initrd --name initrd.img (\S+) ", script, re.M).group(1)
        found = re.fullmatch(re.escape(arguments).replace(r"\{live\}", r"(?P<live>\S+)").replace(
            r"\{rootfs\}", r"(?P<rootfs>\S+)"), line)  # fmt: skip
        assert found, line
        urls = {"kernel": kernel, "initrd": initrd, **found.groupdict()}
        live = fetch(node, urls.pop("live")).stdout
        for url in urls.values():
            theirs = small_vendor.hashlib.sha256((directory / url.rsplit("/", 1)[1]).read_bytes()).hexdigest()
            assert node.run(f"curl -s {url} | sha256sum").stdout.split()[0] == theirs
        config = fetch(node, re.sub("/live$", "/config", found["live"])).stdout
        for text in (live, config):
            if family == "coreos":
                assert text.startswith("#cloud-config\n") and "ssh-ed25519 AAAA me" in text
            else:
                assert json.loads(text)["ignition"]["version"] == "3.3.0"
        if family == "fedora-coreos":
            # Its live system is what it installs.
            assert "metal" not in site.rack.router.run("find /tftpboot").stdout
        else:
            # What the installer of the live system will ask for.
            base = f"{WEB}/os/{family}/stable/{directory.parent.name}"
            for path in (f"{version}/{family}_production_image.bin.bz2", "current/version.txt"):
                assert fetch(node, f"{base}/{path}", "-I").returncode == 0
    assert site.run(roles=("cluster", "node_config", "boot_artifacts", "boot_menu")).ok().changed == 0


def test_current_stays_what_it_was_until_it_is_asked_for_again(site, vendor, node):
    vendor.release("1.2.3")
    site.run().ok()
    assert json.loads((site.directory / ".pfrack/artifacts.json").read_text()) == {"flatcar/stable/amd64-usr": "1.2.3"}
    vendor.release("1.2.4")
    assert site.run().ok().changed == 0
    site.run("-e", "boot_artifacts_update=true").ok()
    assert "=1.2.4" in fetch(node, f"{WEB}/{STREAM}/current/version.txt").stdout
    assert "=1.2.3" in fetch(node, f"{WEB}/{STREAM}/1.2.3/version.txt").stdout


def test_an_old_version_stays_until_nothing_names_it(site, vendor):
    router = site.rack.router
    versions = f"ls /tftpboot/pfrack/{STREAM}"
    vendor.release("1.2.3")
    vendor.release("1.2.4")
    site.run(boot_artifacts_version="1.2.3").ok()
    router.run("mkdir -p /tftpboot/pxelinux.cfg && echo 'kernel os/1.2.3/x' > /tftpboot/pxelinux.cfg/01-aa")
    site.run(boot_artifacts_version="1.2.4", tasks_from="clean").ok()
    assert router.run(versions).stdout.split() == ["1.2.3", "1.2.4", "current"]
    # Another version that only looks alike.
    router.run("echo 'kernel os/11.2.3/x 1.2.30' > /tftpboot/pxelinux.cfg/01-aa")
    assert site.run("--check", boot_artifacts_version="1.2.4", tasks_from="clean").ok().changed == 1
    assert site.run(boot_artifacts_version="1.2.4", tasks_from="clean").ok().changed == 1
    assert router.run(versions).stdout.split() == ["1.2.4", "current"]
    assert site.run(boot_artifacts_version="1.2.4", tasks_from="clean").ok().changed == 0


def test_a_corrupt_image_never_reaches_the_router(site, vendor):
    directory = vendor.release("1.2.3")
    with (directory / IMAGE).open("r+b") as file:
        file.seek(5000)
        file.write(b"damage")
    outcome = site.run()
    assert outcome.returncode != 0
    assert f"{IMAGE}: the content does not match its signature (the file was deleted)" in outcome.output
    assert site.rack.router.run("find /tftpboot -name '*flatcar*'").stdout == ""
    assert not list(site.cache.rglob(IMAGE + "*"))


def test_a_download_that_was_cut_goes_on(site, vendor):
    directory = vendor.release("1.2.3")
    (directory / (IMAGE + ".cut")).write_text("1000000")
    site.run().ok()
    assert f"GET /stable/amd64-usr/1.2.3/{IMAGE} bytes=1000000-" in vendor.asked()


def test_an_upload_that_was_cut_goes_on(site, vendor):
    vendor.release("1.2.3", BIG)
    router = site.rack.router
    router.slow_cable("em1", 0.1)
    process = site_start(site)
    incoming = "stat -c %s /tftpboot/pfrack/os/.pfrack-stage-incoming/* 2> /dev/null"
    wait_for(lambda: router.run(incoming, check=False).stdout.strip() not in ("", "0"), "the first bytes", 60)
    process.kill()
    process.wait()
    router.normal_cable("em1")
    assert router.run(f"ls /tftpboot/pfrack/{STREAM} 2> /dev/null", check=False).stdout == ""
    outcome = site.run().ok()
    assert re.search(r"image\.bin\.bz2: going on at [\d.]+ MB of 41\.9 MB", outcome.output), outcome.output
    assert router.run("find /tftpboot -name '.pfrack-stage*'").stdout == ""
    assert site.run().ok().changed == 0


def site_start(site):
    """Start the role's run without waiting for its end."""
    tasks = [{"import_role": {"name": "pfrack.cluster.boot_artifacts"}}]
    playbook = site.directory.parent / "artifacts.yml"
    playbook.write_text(yaml.safe_dump([{"hosts": "routers", "gather_facts": False, "tasks": tasks}]))
    return site.start(playbook=str(playbook))


def test_a_full_router_is_told_before_anything_is_sent(site, vendor):
    vendor.release("1.2.3")
    site.rack.router.fill_disk("/tftpboot")
    outcome = site.run()
    site.rack.router.free_disk("/tftpboot")
    assert outcome.returncode != 0
    assert "no_space" in outcome.output and "are needed" in outcome.output
    site.run().ok()


def test_a_file_that_was_damaged_on_the_router_is_replaced(site, vendor, node):
    directory = vendor.release("1.2.3")
    site.run().ok()
    place = f"/tftpboot/pfrack/{STREAM}/1.2.3/{IMAGE}"
    # Twice, because hashes of big files are remembered.
    assert site.run().ok().changed == 0
    site.rack.router.run(f"printf damage | dd of={place} bs=1 seek=100000 conv=notrunc 2> /dev/null")
    assert site.run("--check").ok().changed == 1
    assert site.run().ok().changed == 1
    expected = small_vendor.hashlib.sha256((directory / IMAGE).read_bytes()).hexdigest()
    assert site.rack.router.run(["sha256sum", place]).stdout.split()[0] == expected


def test_loaders_of_one_place_only(site, vendor):
    vendor.release("1.2.3")
    (site.loaders / "libutil.c32").unlink()
    outcome = site.run()
    assert outcome.returncode != 0
    assert "bios: libutil.c32: is not below" in outcome.output
    assert site.rack.router.run("ls /tftpboot").stdout.split() == ["pfrack"]


def test_it_goes_away_on_request(site, vendor, node):
    vendor.release("1.2.3")
    site.run().ok()
    site.run(tasks_from="remove").ok()
    assert fetch(node, f"{WEB}/{STREAM}/current/version.txt").returncode == 7
    assert site.rack.router.run("find /tftpboot/pfrack -mindepth 2").stdout == ""
