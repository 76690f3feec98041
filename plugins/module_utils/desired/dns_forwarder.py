# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DNS forwarder (dnsmasq): switch, host records, wildcards."""

from __future__ import annotations

import re

from ..errors import DesiredError
from ..ownership import DEFAULT_OWNER, Mark
from . import Desired, container, dns_common

PATHS = ("dnsmasq", "unbound")


def desire(current, wanted, info):
    """The sections of both DNS services; raises DesiredError with every problem."""
    problems = []
    before, other_before = container(current.get("dnsmasq")), container(current.get("unbound"))
    section, other = dns_common.switch(
        before, other_before, dns_common.FORWARDER, dns_common.RESOLVER, wanted, problems
    )
    records, changes = dns_common.hosts(before, wanted, problems)
    if records:
        section["hosts"] = records
    else:
        section.pop("hosts", None)
    if wanted.get("wildcards") is not None:
        entries = dns_common.wildcards(wanted, problems)
        block = option_block(wanted.get("owner") or DEFAULT_OWNER)
        rest = block.replace(dns_common.decode_options(section, dns_common.FORWARDER.title, []), [])
        entries = dns_common.not_by_hand(entries, _wildcards(rest), dns_common.FORWARDER.title, problems)
        lines = ["address=/%s/%s" % entry for entry in entries]
        dns_common.replace_block(section, block, lines, dns_common.FORWARDER.title, problems)
    if problems:
        raise DesiredError(problems)
    return Desired(
        sections=dns_common.changed_sections(current, {"dnsmasq": section, "unbound": other}),
        services=dns_common.switch_services(
            dns_common.FORWARDER, dns_common.RESOLVER, before, section, other_before, other
        ),
        warnings=dns_common.lease_warnings(before, section, dns_common.FORWARDER, info),
        entries=changes,
    )


def _wildcards(text):
    """[(domain, address)] of the options that answer for whole domains."""
    result = []
    for token in text.split():
        parts = token.split("/")
        if parts[0] == "address=" and len(parts) > 2:
            result += [(re.sub(r"^\*?\.", "", domain).lower(), parts[-1].lower()) for domain in parts[1:-1]]
    return [(domain, address) for domain, address in result if domain and address]


def option_block(owner):
    """dnsmasq's options know no comments, so answers for names that cannot exist mark our part."""
    name = "pfrack.invalid" if Mark(owner).owner == DEFAULT_OWNER else "%s.pfrack.invalid" % owner.lower()
    return dns_common.Block("address=/begin.%s/" % name, "address=/end.%s/" % name)
