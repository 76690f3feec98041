# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""config.xml after our commits, byte for byte: what others wrote is there as it was, in its order.

The configurations are a full one in the style of an office's router and the factory's, with strange things strewn over
them at random. One agent does all commits, so that many cases take little time.
"""

from __future__ import annotations

import base64
import random
import re
import sys

import pytest
from playbook_run import ROOT
from router_line import RouterLine

sys.path.insert(0, str(ROOT / "plugins"))
from module_utils.desired import dhcp_server, dns_forwarder, dns_resolver, haproxy, static_web, tftp_server, virtual_ip
from module_utils.reconcile import reconcile

CASES = 8
CONFIG = "/cf/conf/config.xml"
OFFICE = (ROOT / "tests" / "integration" / "configs" / "office.xml").read_text()
HOST = {"host": "node1", "domain": "lab.example", "address": "10.10.0.31"}
SERVER = {"name": "node1", "address": "10.10.0.31", "port": 80}
DNS = {"hosts": [HOST], "wildcards": [{"domain": "apps.example", "address": "10.10.0.5"}], "purge": True}
WEB = {"interface": "lan", "address": None, "port": 8081, "directory": "/tftpboot/web"}
AREAS = [
    (virtual_ip, {"virtual_ips": [{"address": "10.10.0.5"}], "purge": True}, {"virtual_ips": [], "purge": True}),
    (
        dhcp_server,
        {"static_mappings": [{"mac_address": "52:54:00:10:00:01", "address": "10.10.0.31", "hostname": "node1"}]},
        {"static_mappings": [], "purge": True},
    ),
    (dns_resolver, DNS, {"hosts": [], "wildcards": [], "purge": True}),
    (dns_forwarder, DNS, {"hosts": [], "wildcards": [], "purge": True}),
    (
        haproxy,
        {
            "backends": [{"name": "ours", "check": {"type": "Basic"}, "servers": [SERVER]}],
            "frontends": [{"name": "ours", "listen": [{"address": "10.10.0.5", "port": 81}], "backend": "ours"}],
        },
        {"backends": [], "frontends": [], "purge": True},
    ),
    (tftp_server, {"logging": True}, {"logging": False}),
    (static_web, dict(WEB, state="present"), dict(WEB, state="absent")),
]
OPEN = re.compile(r"\t+<([a-z0-9_.-]+)>\n")
TEXTS = (
    "<x_a></x_a>",
    "<x_b>0</x_b>",
    "<x_c>&lt;?php echo 1; ?&gt; &amp;amp; $HOME `id` &quot;&#039;</x_c>",
    "<x_d>\u4e2d\u6587 \U0001f600</x_d>",
    "<descr_x><![CDATA[&eacute; ]] &gt; [pfrack &lt;b&gt;]]></descr_x>",
    "<x_e>two\nlines</x_e>",
    "<x_f>  leading and trailing  </x_f>",
)


def strewn(text, chance):
    """The configuration with strange elements, sections and packages at random places."""
    lines = text.split("\n")
    for number in range(chance.randint(5, 25)):
        places = [index for index, line in enumerate(lines) if OPEN.fullmatch(line + "\n")]
        place = chance.choice(places)
        # Into a list of entries an element would be an entry, and a text would not be one for pfSense's own code.
        depth = len(lines[place]) - len(lines[place].lstrip("\t")) + 1
        lines[place + 1 : place + 1] = element(chance, depth, f"x_{number}")
    return "\n".join(lines)


def element(chance, depth, name, levels=2):
    indent = "\t" * depth
    if not levels or chance.random() < 0.5:
        text = chance.choice(TEXTS)
        return [indent + re.sub(r"x_[a-f]|descr_x", lambda found: found.group() + name, text)]
    if chance.random() < 0.3:
        return [f"{indent}<item>{chance.choice('ab')}</item>" for _ in range(2)] if name == "" else [
            f"{indent}<{name}>", f"{indent}\t<item>b</item>", f"{indent}\t<item>a</item>", f"{indent}</{name}>"
        ]  # fmt: skip
    inner = [line for count in range(2) for line in element(chance, depth + 1, f"{name}_{count}", levels - 1)]
    return [f"{indent}<{name}>", *inner, f"{indent}</{name}>"]


def missing(before, after):
    """The first line of `before` that `after` has not in this order, apart from pfSense's own revision."""
    rest = iter(body(after))
    for line in body(before):
        if not line or (re.fullmatch(r"\t+<(\w+)></\1>", line) and line not in after):
            continue  # an empty place that we filled
        if line not in rest:
            return line
    return ""


def body(text):
    """The lines, with those of free options one by one, because our block stands among the admin's."""
    text = re.sub(r"(?<=<custom_options>)[A-Za-z0-9+/=]{20,}", lambda b64: base64.b64decode(b64.group()).decode(), text)
    text = text.replace("\r", "").replace("<custom_options>", "<custom_options>\n")
    text = text.replace("</custom_options>", "\n</custom_options>")
    return re.sub(r"\t<revision>.*?\t</revision>\n", "", text, flags=re.S).split("\n")


def converge(line, wanted_of):
    for area, *wanted in AREAS:
        current = line.good("read", {"paths": area.PATHS})
        desired = area.desire(current["sections"], wanted[wanted_of], current["info"])
        change = reconcile(current["sections"], desired.sections)
        if change:
            line.commit(change.operations, [], revision=current["revision"])
        yield area


@pytest.mark.parametrize("rack", [("2.8", "isc"), ("2.7", "isc")], indirect=True)
def test_every_byte_of_others_survives(rack, router):
    factory = router.run(["cat", CONFIG]).stdout
    version = re.search("<version>.*</version>", factory).group()
    office = re.sub("<version>.*</version>", version, OFFICE, count=1)
    line = RouterLine(rack)
    for seed in range(CASES):
        chance = random.Random(seed)
        text = strewn(chance.choice([factory, office, office]), chance)
        router.run(["tee", CONFIG], input=text)
        # What pfSense itself makes of it when it saves is where we start from.
        line.commit([{"op": "set", "path": ["x_start"], "value": "1"}], [])
        before = router.run(["cat", CONFIG]).stdout
        for area in converge(line, 0):
            after = router.run(["cat", CONFIG]).stdout
            assert not missing(before, after), f"seed {seed}: {area.__name__} lost {missing(before, after)!r}"
        assert "[pfrack]" in after
        for area in converge(line, 1):
            after = router.run(["cat", CONFIG]).stdout
            assert not missing(before, after), f"seed {seed}: {area.__name__} lost {missing(before, after)!r}"
        assert "pfrack]" not in after and "52:54:00:10:00:01" not in after
    line.end()


def test_a_text_that_pfsense_could_not_read_again_is_found_before_it_is_written(rack, router):
    text = router.run(["cat", CONFIG]).stdout.replace("<timezone>", "<x_note>caf\u00e9</x_note>\n\t\t<timezone>")
    router.run(["tee", CONFIG], input=text)
    line = RouterLine(rack)
    error = line.commit([{"op": "set", "path": ["x_start"], "value": "1"}], [], good=False)
    assert error["kind"] == "refused" and "system/x_note" in error["message"]
    assert router.run(["cat", CONFIG]).stdout == text
    line.end()
