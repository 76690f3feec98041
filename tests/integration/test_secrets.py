# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets show up nowhere but where they belong, however loud a run is, and whether it succeeds or fails.

Each secret is a word of its own. They are looked for in what ansible-playbook prints at -vvvv, its log, its facts cache
and its temporary files, in the arguments of every process on both sides, and on the router.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import yaml
from api_line import install_rest
from light_cluster import Cluster
from playbook_run import ROOT, Site, give_up_port_80

LOGIN, PHRASE, CARP, KEY, THEIRS = ("mark3d" + word for word in ("Login", "Phrase", "Carp", "Apikey", "Theirs"))
STATS = "mark3dStats"
SECRETS = (LOGIN, PHRASE, CARP, KEY, THEIRS, STATS)
# Others' secrets stand in the sections that we read and show in diffs.
PREPARE = f"""require_once('config.inc');
$users = config_get_path('system/user');
$users[0]['bcrypt-hash'] = password_hash('{LOGIN}', PASSWORD_BCRYPT, ['cost' => 4]);
config_set_path('system/user', $users);
config_set_path('dhcpd/lan/ddnsdomainkey', '{THEIRS}');
config_set_path('unbound/sslpassphrase', '{THEIRS}');
config_set_path('virtualip/vip', [['mode' => 'carp', 'vhid' => '9', 'interface' => 'lan', 'uniqid' => '5f9',
    'subnet' => '10.10.0.9', 'subnet_bits' => '24', 'type' => 'single', 'password' => '{THEIRS}', 'advbase' => '1',
    'advskew' => '0', 'descr' => 'theirs']]);
config_set_path('installedpackages/haproxy', ['configversion' => '00.58', 'email_password' => '{THEIRS}',
    'ha_pools' => ['item' => [['name' => 'theirs', 'id' => '100', 'stats_password' => '{THEIRS}',
        'advanced_backend' => base64_encode('stats auth admin:{THEIRS}')]]]]);
write_config('prepared');"""
KEY_ONLY = """require_once('config.inc');
foreach (config_get_path('installedpackages/package') as $index => $package)
    if ($package['name'] === 'RESTAPI')
        config_set_path("installedpackages/package/{$index}/conf/auth_methods", 'KeyAuth');
write_config('the API takes keys only');"""
# Every process's arguments, again and again, with the files of ours that others could read.
WATCH = """trap 'exit 0' TERM
while :; do
    cat /proc/[0-9]*/cmdline 2> /dev/null | tr '\\0' ' '
    echo
    find /cf/conf/pfrack* /tmp/pfrack* /tftpboot/.pfrack* -type d ! -perm /077 -prune -o ! -type l -perm /077 \\
        -print 2> /dev/null | sed 's/^/OPEN /'
    sleep 0.1
done"""


class Listener:
    """Samples the processes of a machine while a run goes on."""

    def __init__(self, machine, path):
        self.file = open(path, "w")
        self.process = machine.popen(["sh", "-c", WATCH], stdout=self.file, stderr=subprocess.DEVNULL)

    def end(self):
        self.process.terminate()
        self.process.wait(10)
        self.file.close()
        with open(self.file.name, errors="replace") as seen:
            return seen.read()


@pytest.fixture
def key(rack, tmp_path):
    """The admin's key, with a passphrase."""
    key = tmp_path / "key"
    shutil.copy(rack.key, key)
    subprocess.run(["ssh-keygen", "-q", "-p", "-P", "", "-N", PHRASE, "-f", str(key)], check=True, capture_output=True)
    return key


@pytest.fixture
def site(rack, router, key, tmp_path):
    give_up_port_80(router)
    router.run("for name in haproxy tftpd; do /usr/local/sbin/pfSense-upgrade -y -i pfSense-pkg-$name; done")
    router.php(PREPARE)
    site = Site(rack, tmp_path / "inventory")
    site.router_vars = {
        "ansible_password": LOGIN,
        "ansible_private_key_file": str(key),
        "ansible_private_key_passphrase": PHRASE,
        "ansible_pfsense_api_key": KEY,
    }
    carp = {"address": "10.10.0.11", "mode": "carp", "vhid": 11, "password": CARP}
    site.settings["cluster_virtual_ips"] = [{"address": "10.10.0.10"}, carp]
    return site


@pytest.fixture
def place():
    """Where runs leave everything: a short path, because Ansible has sockets below it."""
    with tempfile.TemporaryDirectory(prefix="run-") as directory:
        yield Path(directory)


def key_of_the_api(site):
    """Makes the key that the site logs in with over the REST API, where no other login is taken."""
    router, certificate = site.rack.router, site.rack.directory / "webgui.crt"
    install_rest(router)
    headers = ["-H", "Content-Type: application/json", "-u", f"admin:{LOGIN}", "--cacert", str(certificate)]
    url = "https://10.10.0.1/api/v2/auth/key"
    answer = site.rack.controller.run(["curl", "-s", "-d", '{"descr": "pfrack"}', *headers, url]).stdout
    key = json.loads(answer)["data"]["key"]
    router.php(KEY_ONLY)
    site.router_vars["ansible_pfsense_api_key"] = key
    return key


def run(site, place, carrier, playbook="site.yml", *arguments, node=None):
    """Everything that a run said and left, by where it stands, and whether it succeeded."""
    arguments = ["-vvvv", "--diff", "-e", f"lab_carrier={carrier}", *arguments]
    return observed(
        site.rack,
        place,
        lambda environment: site.start(*arguments, playbook=playbook, environment=environment),
        node,
    )


def observed(rack, place, start, node=None):
    """run() of what start(environment) starts."""
    place.mkdir()
    environment = {
        "ANSIBLE_LOG_PATH": str(place / "log"),
        "ANSIBLE_CACHE_PLUGIN": "ansible.builtin.jsonfile",
        "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(place / "facts"),
        "ANSIBLE_LOCAL_TEMP": str(place / "temp"),
        "TMPDIR": str(place),
        "ANSIBLE_DEBUG": "0",
    }
    machines = {"router": rack.router, "controller": rack.controller, **({"node": node} if node else {})}
    listeners = {name: Listener(machine, place / name) for name, machine in machines.items()}
    process = start(environment)
    output, _rest = process.communicate(timeout=300)
    texts = {f"processes of the {name}": listener.end() for name, listener in listeners.items()}
    texts["output"] = output
    for directory, _names, files in os.walk(place):
        for name in files:
            with open(os.path.join(directory, name), errors="replace") as file:
                texts[name] = file.read()
    return texts, process.returncode


def assert_silent(texts, secrets=SECRETS):
    for place, text in texts.items():
        assert len(text) == 0 or not [word for word in secrets if word in text], (
            f"{place} tells a secret:\n"
            + "\n".join(line[:500] for line in text.splitlines() if any(word in line for word in secrets))
        )
    opened = {line for line in texts["processes of the router"].splitlines() if line.startswith("OPEN ")}
    assert not opened, f"others can read on the router: {opened}"


def on_the_router(router, secrets=SECRETS):
    """Files that hold one of our run's secrets, as they are or packed."""
    packed = [base64.b64encode(word.encode()).decode().rstrip("=") for word in secrets]
    words = " ".join(f"-e {word}" for word in (*secrets, *packed))
    found = router.run(
        f"grep -rlaF {words} /tmp /var /cf /root /home /usr/local/etc /tftpboot 2> /dev/null; true"
    ).stdout
    return found.split()


# What follows site.yml, spread over the carriers, because it takes its time.
LATER = {
    "ssh": [
        ("playbooks/sync.yml",),
        ("playbooks/drain.yml", "-l", "node3"),
        ("playbooks/undrain.yml", "-l", "node3"),
    ],
    "xmlrpc": [("playbooks/rollback.yml",)],
    "rest": [("playbooks/rollback.yml", "-e", "rollback_to=%s")],
}


@pytest.mark.parametrize("carrier", LATER)
def test_a_run_keeps_its_secrets(site, rack, place, carrier):
    router = rack.router
    secrets = (*SECRETS, key_of_the_api(site)) if carrier == "rest" else SECRETS
    before = router.php("require_once('config.inc'); echo config_get_path('revision/time');").stdout.strip()
    texts, code = run(site, place / "good", carrier)
    assert code == 0, texts["output"]
    assert_silent(texts, secrets)
    assert "(secret)" in texts["output"] and texts["log"] and any("10.10.0.1" in text for text in texts.values())
    # The configuration and its history hold them, which only root can read; HAProxy's file is made by pfSense.
    places = [path for path in on_the_router(router, secrets) if not path.startswith("/cf/conf/")]
    assert [path for path in places if not path.startswith(("/var/etc/haproxy", "/tmp/config.cache"))] == []
    history = router.run("grep -ho '<description>.*</description>' /cf/conf/backup/*.xml /cf/conf/config.xml").stdout
    assert "pfrack: " in history and not [word for word in secrets if word in history]
    for number, (playbook, *arguments) in enumerate(LATER[carrier]):
        arguments = [argument.replace("%s", before) for argument in arguments]
        texts, code = run(site, place / str(number), carrier, playbook, *arguments)
        assert code == 0, texts["output"]
        assert_silent(texts, secrets)


def test_a_run_that_fails_keeps_its_secrets(site, rack, tmp_path, place):
    """An address in the way is shown, its password is not; a daemon's words about a secret line are not."""
    site.settings["cluster_virtual_ips"][1].update(address="10.10.0.9", vhid=12)
    texts, code = run(site, place / "foreign", "ssh")
    assert code != 0 and "10.10.0.9" in texts["output"]
    assert_silent(texts)

    playbook = tmp_path / "stats.yml"
    backend = {"name": "ours", "advanced_lines": [f"stats auth admin:{STATS}", "no-such-directive"]}
    frontend = {"name": "ours", "listen": [{"address": "10.10.0.1", "port": 8088}], "backend": "ours"}
    settings = {"enable": True}
    task = {"pfrack.cluster.pfsense_haproxy": {"settings": settings, "backends": [backend], "frontends": [frontend]}}
    playbook.write_text(yaml.safe_dump([{"hosts": "routers", "gather_facts": False, "tasks": [task]}]))
    texts, code = run(site, place / "refused", "ssh", playbook=str(playbook))
    assert code != 0 and "no-such-directive" in texts["output"]
    # What the user wrote into the playbook itself Ansible shows at -vvvv.
    assert_silent({name: text for name, text in texts.items() if name not in ("output", "log")})


@pytest.mark.parametrize(
    ("playbook", "limit"),
    [("site.yml", "all"), ("playbooks/reprovision.yml", "node1"), ("playbooks/rolling_reboot.yml", "node1")],
)
def test_mistakes_in_the_inventory_are_named_without_secrets(rack, router, tmp_path, place, playbook, limit):
    site = Site(rack, tmp_path / "inventory")
    carp = {"address": "10.10.0.11", "mode": "carp", "vhid": 11, "passwd": CARP}
    site.settings["cluster_virtual_ips"] = [{"address": "10.10.0.10"}, carp]
    site.settings["cluster_virtual_ip"] = [carp]
    texts, code = run(site, place / "run", "ssh", playbook, "-l", limit)
    # The task itself has to say it: what Ansible prints beside one with no_log is up to Ansible.
    told = texts["output"].partition("FAILED! =>")[2]
    assert code != 0 and "The inventory has problems; " in told, texts["output"]
    assert "cluster_virtual_ips[2].passwd: (hidden): there is no such field" in told
    assert "cluster_virtual_ip: (hidden): there is no such setting" in told
    assert_silent(texts)


SNIPPETS = ALL, OWN, OF_THE_PLATFORM, FILE, UNIT = [f"mark3dSnippet{number}" for number in range(5)]
RELEASE = {"version": "1.0.0", **dict.fromkeys(("base", "kernel", "initrd"), "http://10.10.0.1:8080/os")}


def snippet(path, secret):
    return {"storage": {"files": [{"path": path, "contents": {"source": f"data:,{secret}"}}]}}


def test_configurations_of_nodes_are_not_shown(site, tmp_path, place):
    tasks = [
        {"ansible.builtin.import_role": {"name": f"pfrack.cluster.{role}"}}
        for role in ("cluster", "tftp_server", "node_config", "boot_menu")
    ]
    playbook = tmp_path / "nodes.yml"
    playbook.write_text(yaml.safe_dump([{"hosts": "routers", "gather_facts": False, "tasks": tasks}]))
    site.nodes("controllers")["node1"]["node_snippets"] = [snippet("/etc/own", OWN)]
    site.settings.update(
        cluster_platform="own",
        cluster_platforms={"own": {"node_snippets": {"controllers": [snippet("/etc/platform", OF_THE_PLATFORM)]}}},
        boot_menu_releases={"x86-64": RELEASE},
        boot_menu_url="http://10.10.0.1:8080",
        node_config_ssh_authorized_keys=["ssh-ed25519 AAAA me"],
        node_config_snippets=[snippet("/etc/all", ALL)],
        node_config_files=[{"path": "/etc/file", "content": FILE}],
        node_config_units=[{"name": "x.service", "contents": f"[Service]\nEnvironment=TOKEN={UNIT}\n"}],
        tftp_server_files="",
    )
    secrets = (*SECRETS, *SNIPPETS, *(base64.b64encode(word.encode()).decode().rstrip("=") for word in SNIPPETS))
    texts, code = run(site, place / "new", "ssh", str(playbook))
    assert code == 0 and "pfrack/install/" in texts["output"], texts["output"]
    assert_silent(texts, secrets)
    made = (site.directory / ".pfrack/router1/node_config/node1.ign").read_text()
    assert not [word for word in (ALL, OWN, OF_THE_PLATFORM, UNIT) if word not in made]

    site.settings["node_config_snippets"].append(snippet("not absolute", ALL))
    texts, code = run(site, place / "refused", "ssh", str(playbook))
    assert code != 0 and "refused by" in texts["output"], texts["output"]
    assert_silent(texts, secrets)


@pytest.fixture
def cluster(rack, router, tmp_path):
    """One light node, which is to run etcd and flanneld."""
    cluster = Cluster(rack, tmp_path / "inventory", overlay=True)
    try:
        cluster.plug_in("node1")
        yield cluster
    finally:
        cluster.end()


def assert_not_left(node, secrets):
    words = " ".join(f"-e '{word}'" for word in secrets)
    left = node.run(f"grep -rlaF {words} /tmp /var/tmp /root /run; true").stdout
    assert not left, f"the node was left with secrets in {left}"


def test_keys_of_etcd_and_flannel_are_not_shown(cluster, place):
    node = cluster.nodes["node1"].machine
    texts, code = run(cluster.site, place / "run", "ssh", "playbooks/cluster.yml", node=node)
    assert code == 0, texts["output"]
    keys = list((cluster.site.directory / ".pfrack").rglob("*.key"))
    # All of them begin alike.
    secrets = [path.read_text().splitlines()[2] for path in keys]
    assert len(secrets) >= 4 and "flannel-complete" in texts["output"]
    assert_silent(texts, secrets)
    assert_not_left(node, secrets)


def test_the_token_of_k3s_is_not_shown(cluster, place):
    node, endpoint = cluster.nodes["node1"].machine, "mark3dEndpoint"
    cluster.site.settings.update(
        cluster_etcd=False,
        cluster_overlay="none",
        cluster_platform="own",
        cluster_platforms={"own": {"kubernetes": True}},
        # There is none on the node: this is about what it is given.
        k3s_runs="true",
        k3s_server_config={"datastore-endpoint": f"postgres://k3s:{endpoint}@192.0.2.9/"},
    )
    texts, code = run(cluster.site, place / "run", "ssh", "playbooks/kubernetes.yml", node=node)
    assert code == 0 and "/etc/rancher/k3s/token" in texts["output"], texts["output"]
    secrets = [endpoint, (cluster.site.directory / ".pfrack/k3s/token").read_text().strip()]
    assert secrets[1] in node.run("cat /etc/rancher/k3s/token").stdout
    assert_silent(texts, secrets)
    assert_not_left(node, secrets)


def test_the_inventory_of_leases_does_not_show_how_it_logs_in(rack, router, key, tmp_path, place):
    path = tmp_path / "pfsense_leases.yml"
    login = {"password": LOGIN, "private_key_file": str(key), "private_key_passphrase": PHRASE, "api_key": KEY}
    command = [str(Path(sys.executable).with_name("ansible-inventory")), "-vvvv", "--list", "-i", str(path)]

    def start(environment):
        strict = {"ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "true", "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}
        variables = {**os.environ, **environment, **strict}
        return rack.controller.popen(command, cwd=str(ROOT), env=variables, text=True, stdout=-1, stderr=-2)

    for known in (True, False):
        hosts = {"known_hosts_files": [str(rack.known_hosts)] if known else [], "ssh_config_files": []}
        options = {"plugin": "pfrack.cluster.pfsense_leases", "host": "10.10.0.1", **hosts, **login}
        path.write_text(yaml.safe_dump(options))
        texts, code = observed(rack, place / f"known {known}", start)
        assert (code == 0, "host_key" in texts["output"]) == (known, not known), texts["output"]
        assert_silent(texts)
