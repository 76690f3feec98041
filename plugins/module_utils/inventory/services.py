# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From services to HAProxy's backends and frontends, in the option format of pfsense_haproxy."""

from __future__ import annotations

import re

from .presets import LONGEST_TIMEOUT
from .validate import list_of_fields, one_of, read_fields, suggestion, text, whole_number, yes_or_no

_NAME = re.compile(r"[A-Za-z0-9._-]{1,80}")
_CHECK_TYPES = ("none", "Basic", "HTTP", "LDAP", "MySQL", "PostgreSQL", "Redis", "SMTP", "ESMTP", "SSL")
_METHODS = ("OPTIONS", "HEAD", "GET", "POST", "PUT", "DELETE", "TRACE")

_port = whole_number(1, 65535)
_milliseconds = whole_number(1, LONGEST_TIMEOUT)


def _haproxy_name(value):
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise ValueError("HAProxy takes no such name; use up to 80 letters, digits, dots, hyphens and underscores")
    return value


def _path(value):
    if not isinstance(value, str) or not value.startswith("/") or not value.isprintable() or " " in value:
        raise ValueError("is not a path; start it with a slash and use no blanks")
    return value


def _names(value):
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise ValueError("is not a list of group names; write one such as [workers]")
    return names


def _places(value):
    places = [value] if isinstance(value, str) else value
    if not isinstance(places, list) or not all(isinstance(place, str) for place in places):
        raise ValueError("is not a list of interfaces or virtual IPs; write one such as [wan]")
    return places


def _patterns(value):
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not all(isinstance(name, str) and "*" in name for name in names):
        raise ValueError('is not a list of patterns; write one such as ["node*"], in quotes')
    return names


def _fields(value):
    if not isinstance(value, dict):
        raise ValueError("is not a set of fields; write `type: HTTP` and so on below it")
    return value


_CHECK = {
    "type": one_of(*_CHECK_TYPES),
    "method": one_of(*_METHODS),
    "path": _path,
    "http_version": text,
    "interval": _milliseconds,
}
_SERVICE = {
    "name": _haproxy_name,
    "descr": text,
    "port": _port,
    "backend_port": _port,
    "mode": one_of("http", "tcp"),
    "balance": one_of("", "roundrobin", "static-rr", "leastconn", "source", "uri"),
    "check": _fields,
    "client_timeout": _milliseconds,
    "server_timeout": _milliseconds,
    "connect_timeout": _milliseconds,
    "forward_for": yes_or_no,
    "groups": _names,
    "allow_empty": yes_or_no,
    "virtual_ip": text,
    "expose": _places,
    "owned_names": _patterns,
    "backend": _haproxy_name,
    "frontend": _haproxy_name,
}
_BACKEND_FIELDS = ("balance", "check", "connect_timeout", "server_timeout", "owned_names")
_FRONTEND_FIELDS = ("descr", "mode", "forward_for", "client_timeout")


def read_services(problems, preset, given):
    """The services of a preset with the user's on top, as [(place, fields)]; same name, same service."""
    services = {service["name"]: dict(service) for service in preset}
    seen = set()
    for number, service in enumerate(list_of_fields(problems, "cluster_services", given), start=1):
        name = service.get("name")
        if not isinstance(name, str) or not name:
            problems.add("cluster_services[%d].name" % number, name, "a service needs a name; add `name: web`")
        elif name in seen:
            problems.add("cluster_services[%d].name" % number, name, "is the name of two services; rename one")
        else:
            seen.add(name)
            services[name] = {**services.get(name, {}), **service}
    return [
        (place, _read_service(problems, place, service))
        for place, service in (("cluster_services[%s]" % name, fields) for name, fields in services.items())
    ]


def _read_service(problems, place, service):
    fields = {"mode": "tcp", "groups": ["cluster"], **read_fields(problems, place, service, _SERVICE)}
    if "check" in fields:
        if fields["check"].get("type") is None:
            problems.add(place + ".check.type", None, "a check needs a type; add one such as `type: HTTP`")
        fields["check"] = read_fields(problems, place + ".check", fields["check"], _CHECK)
    if service.get("port") is None:
        problems.add(place + ".port", None, "a service needs a port; add one such as `port: 80`")
    if fields["mode"] == "tcp" and fields.get("forward_for"):
        problems.add(place + ".forward_for", True, "only HTTP has such a header; set `mode: http` or leave it out")
    return fields


def balance(problems, services, nodes, known_groups, virtual_ips, may_be_empty, exposed=None):
    """(backends, frontends) for the services of read_services().

    nodes: [{name, address, groups}]. virtual_ips: [{name, address}], the first is the default.
    may_be_empty: whether a service without nodes is all right.
    exposed: {name of a service: further addresses to listen on}.
    """
    backends, frontends, taken = [], [], {}
    for place, service in services:
        if "name" not in service:
            continue
        backend = service.get("backend", service["name"])
        frontend = service.get("frontend", service["name"])
        address = _listen_address(problems, place, service, virtual_ips)
        port = service.get("port")
        servers = _servers(problems, place, service, nodes, known_groups, may_be_empty)
        _claim(problems, taken, ("backend", backend), place, "backend", backend)
        _claim(problems, taken, ("frontend", frontend), place, "frontend", frontend)
        addresses = [address, *(other for other in (exposed or {}).get(service["name"], ()) if other != address)]
        for other in addresses if port else ():
            if other:
                _claim(problems, taken, (other, port), place, "port", "%s:%d" % (other, port))
        backends.append(
            {
                "name": backend,
                **{field: service[field] for field in _BACKEND_FIELDS if field in service},
                "servers": servers,
            }
        )
        frontends.append(
            {
                "name": frontend,
                **{field: service[field] for field in _FRONTEND_FIELDS if field in service},
                "listen": [{"address": other, "port": port} for other in addresses],
                "backend": backend,
            }
        )
    return backends, frontends


def _claim(problems, taken, key, place, field, value):
    if key in taken:
        problems.add("%s.%s" % (place, field), value, "%s has it already; choose another" % taken[key])
    taken.setdefault(key, place)


def _listen_address(problems, place, service, virtual_ips):
    wanted = service.get("virtual_ip")
    if not virtual_ips:
        return None
    if wanted is None:
        return virtual_ips[0]["address"]
    for virtual_ip in virtual_ips:
        if wanted in (virtual_ip["name"], virtual_ip["address"]):
            return virtual_ip["address"]
    names = [virtual_ip["name"] for virtual_ip in virtual_ips]
    problems.add(place + ".virtual_ip", wanted, "is not one of cluster_virtual_ips; " + suggestion(wanted, names))
    return None


def _servers(problems, place, service, nodes, known_groups, may_be_empty):
    for group in service["groups"]:
        if group not in known_groups:
            problems.add(place + ".groups", group, "there is no such group; " + suggestion(group, known_groups))
            return []
    chosen = [node for node in nodes if set(service["groups"]) & set(node["groups"])]
    if nodes and not chosen and not may_be_empty and not service.get("allow_empty"):
        problems.add(
            place + ".groups",
            ", ".join(service["groups"]),
            "no node is in there; add one, name another group, or set `allow_empty: true` to have it without servers",
        )
    port = service.get("backend_port", service.get("port"))
    return [{"name": node["name"], "address": node["address"], "port": port} for node in chosen]
