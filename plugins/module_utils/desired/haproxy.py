# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HAProxy package: settings, backends and frontends.

pfSense calls the backends `ha_pools` and the frontends `ha_backends`; only these files use its names.
"""

from __future__ import annotations

import re

from ..errors import DesiredError
from ..ownership import DEFAULT_OWNER, Mark
from . import Desired, container, haproxy_backends, haproxy_frontends, items
from .haproxy_common import set_text

SECTION = "installedpackages/haproxy"
PATHS = (SECTION,)
PACKAGES = ("haproxy", "haproxy-devel")

# With another or no version the package rewrites the section when it is installed or updated.
CONFIG_VERSION = "00.58"
AS_INSTALLED = {SECTION: {"configversion": CONFIG_VERSION, "ha_backends": "", "ha_pools": ""}}
DEFAULT_CONNECTIONS = "1000"
_TIME = re.compile(r"[0-9]+(us|ms|s|m|h|d)?")
_LOG_TARGET = re.compile(r"[A-Za-z0-9.:_/\[\]-]+")


def desire(current, wanted, info):
    """The section of the package; raises DesiredError with every problem."""
    problems, warnings = [], []
    mark = Mark(wanted.get("owner") or DEFAULT_OWNER)
    purge = bool(wanted.get("purge"))
    section = container(current.get(SECTION))
    pools = items(container(section.get("ha_pools")).get("item"))
    frontends = items(container(section.get("ha_backends")).get("item"))
    if not section.get("configversion") and not pools and not frontends:
        section["configversion"] = CONFIG_VERSION
    _settings(section, wanted.get("settings") or {}, problems)

    frontends_after, frontend_changes = haproxy_frontends.merge(
        frontends, pools, wanted.get("frontends"), mark, purge, problems, warnings
    )
    pools_after, pool_changes = haproxy_backends.merge(
        pools, frontends_after, wanted.get("backends"), mark, purge, problems, warnings
    )
    haproxy_frontends.check(frontends_after, pools_after, wanted.get("frontends"), section, info, problems)
    if problems:
        raise DesiredError(problems)

    _put_list(section, "ha_backends", frontends, frontends_after)
    _put_list(section, "ha_pools", pools, pools_after)
    if wanted.get("frontends") and "enable" not in section:
        warnings.append("HAProxy is switched off, so the frontends serve nothing; set settings.enable: true")
    if "enable" in section and section.get("carpdev") == "":
        warnings.append(
            "the HAProxy settings hold an empty CARP monitor, with which pfSense never starts HAProxy; "
            "save the settings page of HAProxy once in the GUI"
        )
    entries = {name: pool_changes[name] + frontend_changes[name] for name in pool_changes}
    return Desired(sections={SECTION: section}, services=["haproxy"], warnings=warnings, entries=entries)


def _put_list(section, name, before, after):
    if after != before:
        section[name] = dict(container(section.get(name)), item=after)


def _settings(section, settings, problems):
    _enable(section, settings.get("enable"))
    for option, name, lowest, highest in (
        ("maxconn", "maxconn", 1, 100000000),
        ("nbthread", "nbthread", 1, 64),
        ("local_stats_port", "localstatsport", 1, 65535),
    ):
        value = settings.get(option)
        if value is not None and not lowest <= value <= highest:
            problems.append("settings.%s: %s: must lie between %s and %s" % (option, value, lowest, highest))
        set_text(section, name, value)
    for option, name, pattern, example in (
        ("hard_stop_after", "hard_stop_after", _TIME, "a time like 15m"),
        ("log_target", "remotesyslog", _LOG_TARGET, "a host name, an address or /var/run/log"),
    ):
        value = settings.get(option)
        if value and not pattern.fullmatch(value):
            problems.append("settings.%s: %s: must be %s" % (option, value, example))
        set_text(section, name, value)
    for option, name in (("terminate_on_reload", "terminate_on_reload"), ("synchronise", "enablesync")):
        if settings.get(option) is True:
            section.setdefault(name, "")
        elif settings.get(option) is False:
            section.pop(name, None)
    if "enable" in section and not section.get("maxconn") and settings.get("enable"):
        section["maxconn"] = DEFAULT_CONNECTIONS


def _enable(section, enable):
    """The flag, and the marker by which the GUI's list of services knows that HAProxy is off."""
    if enable is None:
        return
    config = items(section.get("config"))
    first = container(config[0]) if config else {}
    if enable:
        section.setdefault("enable", "")
        first.pop("enable", None)
    else:
        section.pop("enable", None)
        first["enable"] = "off"
    config = ([first] if first else []) + config[1:]
    if config:
        section["config"] = config
    else:
        section.pop("config", None)
