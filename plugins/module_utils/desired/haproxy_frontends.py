# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HAProxy's frontends, which pfSense keeps as `ha_backends`; the mark stands in their description."""

from __future__ import annotations

from ..errors import DesiredError
from ..ownership import entry_changes, merge_owned, same_value
from . import container, items
from .haproxy_backends import HIGHEST_MS
from .haproxy_common import (
    check_host,
    check_line,
    check_lines,
    check_name,
    check_number,
    natural,
    set_lines,
    set_text,
    set_yes,
    twice,
)
from .haproxy_listen import listeners, overlaps, same_listeners


def merge(frontends, pools, wanted, mark, purge, problems, warnings):
    """(frontends, their changes); `wanted` None leaves all of them alone."""
    if wanted is None:
        return frontends, entry_changes(frontends, frontends, _name, mark)
    wanted = sorted(wanted, key=lambda frontend: natural(frontend["name"]))
    present = {_name(entry): entry for entry in frontends}
    entries = []
    for frontend in wanted:
        _check(frontend, problems)
        entries.append(_entry(frontend, present.get(frontend["name"], {}), mark))
    try:
        merged = merge_owned(
            frontends,
            entries,
            _name,
            mark,
            purge=purge,
            satisfied=_satisfied,
            describe=lambda entry: "frontends: %s" % _name(entry),
        )
    except DesiredError as error:
        problems.extend(error.problems)
        return frontends, entry_changes(frontends, frontends, _name, mark)
    merged = _keep_used(frontends, merged, pools, warnings)
    return merged, entry_changes(frontends, merged, _name, mark)


def check(frontends, pools, wanted, section, info, problems):
    """What only shows when everything stands side by side: references and addresses."""
    names = {frontend["name"] for frontend in wanted or []}
    pool_names = {pool.get("name") for pool in pools}
    ours = [entry for entry in frontends if _name(entry) in names]
    for entry in ours:
        backend = entry.get("backend_serverpool")
        if backend and backend not in pool_names:
            problems.append(
                "frontends: %s/backend: %s: there is no such backend; list it under backends" % (_name(entry), backend)
            )
        elif backend and _active(entry):
            _check_mode(entry, frontends, problems)
    _check_listeners(frontends, names, section, info, problems)


def _name(entry):
    return entry.get("name") or ""


def _active(entry):
    return entry.get("status") == "active"


def _entry(frontend, present, mark):
    """The wanted elements of a frontend; options that are not given stay as `present` has them."""
    entry = {"name": frontend["name"], "descr": _descr(frontend, present, mark)}
    after = dict(present)
    set_text(after, "status", frontend.get("status") or "active")
    set_text(after, "type", frontend.get("mode") or present.get("type") or "http")
    for option, name in (
        ("backend", "backend_serverpool"),
        ("client_timeout", "client_timeout"),
        ("max_connections", "max_connections"),
        ("http_close", "httpclose"),
        ("certificate", "ssloffloadcert"),
    ):
        set_text(after, name, frontend.get(option))
    set_yes(after, "forwardfor", frontend.get("forward_for"))
    set_lines(after, "advanced", frontend.get("advanced_lines"))
    if frontend.get("listen") is not None:
        known = items(container(present.get("a_extaddr")).get("item"))
        listen = [_listen(address, known) for address in sorted(frontend["listen"], key=_listen_order)]
        if listen != known:
            after["a_extaddr"] = dict(container(present.get("a_extaddr")), item=listen)
    # In this order, so that the same settings make the same file.
    for name in [*after, *(name for name in present if name not in after)]:
        if name != "descr" and after.get(name) != present.get(name):
            entry[name] = after.get(name)
    return entry


def _descr(frontend, present, mark):
    if frontend.get("descr") is None and mark.owns(present.get("descr")):
        return mark.strip(present.get("descr"))
    return frontend.get("descr") or ""


def _listen_order(listen):
    return (listen["address"], listen["port"])


def _listen(listen, known):
    """One listen address; a literal one does not depend on the kind of the virtual IP behind it."""
    for entry in known:
        same = entry.get("extaddr") == "custom" and entry.get("extaddr_custom") == listen["address"]
        if same and entry.get("extaddr_port") == str(listen["port"]):
            result = dict(entry)
            break
    else:
        result = {"extaddr": "custom", "extaddr_custom": listen["address"], "extaddr_port": str(listen["port"])}
    set_yes(result, "extaddr_ssl", listen.get("ssl"))
    set_text(result, "extaddr_advanced", listen.get("advanced"))
    return result


def _satisfied(entry, want):
    """An unmarked frontend will do when all elements agree; another notation of the same addresses is no difference."""
    for name, value in want.items():
        if name == "a_extaddr":
            if not same_listeners(entry.get(name), value):
                return False
        elif name != "descr" and not same_value(entry.get(name), value):
            return False
    return True


def _keep_used(before, after, pools, warnings):
    """Put back what a purge took although a shared frontend or a server still refers to it."""
    kept = {_name(entry) for entry in after}
    users = {}
    for entry in after:
        if entry.get("secondary") == "yes":
            users.setdefault(entry.get("primary_frontend"), []).append("frontend %s" % _name(entry))
    for pool in pools:
        for server in items(container(pool.get("ha_servers")).get("item")):
            users.setdefault(server.get("forwardto"), []).append("backend %s" % pool.get("name"))
    # Names may be missing or stand twice among those that are not ours, so only what comes back is looked up by name.
    result, place = list(after), 0
    for entry in before:
        name = _name(entry)
        if name not in kept:
            if name not in users:
                continue
            result.insert(place, entry)
            warnings.append(
                "frontend %s: stays although it is not listed any more, because the %s uses it" % (name, users[name][0])
            )
        place += 1
    return result


def _check_mode(entry, frontends, problems):
    """A backend takes the mode of the first frontend that uses it, so all its users must agree."""
    for other in frontends:
        shared = other.get("backend_serverpool") == entry["backend_serverpool"] and _active(other)
        if shared and _is_http(other) != _is_http(entry):
            problems.append(
                "frontends: %s/mode: %s: the frontend %s uses the backend %s in mode %s; give one of them another "
                "backend"
                % (_name(entry), entry.get("type"), _name(other), entry["backend_serverpool"], other.get("type"))
            )


def _is_http(entry):
    return entry.get("type") == "http"


def _check_listeners(frontends, names, section, info, problems):
    """No wanted frontend may listen where another frontend, the statistics or pfSense's own pages do."""
    taken = []
    for entry in frontends:
        if _active(entry) and entry.get("secondary") != "yes":
            taken += [("the frontend %s" % _name(entry), _name(entry), item) for item in listeners(entry, info)]
    if section.get("localstatsport"):
        statistics = ("127.0.0.1", range(int(section["localstatsport"]), int(section["localstatsport"]) + 1))
        taken.append(("the statistics of HAProxy (settings.local_stats_port)", None, statistics))
    for index, (_title, name, listener) in enumerate(taken):
        if name not in names:
            continue
        place = "frontends: %s/listen: %s:%s" % (name, listener[0], listener[1][0])
        for other_index, (other_title, other_name, other) in enumerate(taken):
            # Two wanted ones are reported once.
            if other_index != index and (other_name not in names or other_index > index) and overlaps(listener, other):
                problems.append("%s: is taken by %s; choose another address or port" % (place, other_title))
        _check_gui(place, listener, container(info.get("webgui")), problems)


def _check_gui(place, listener, gui, problems):
    ports = listener[1]
    port = gui.get("port")
    if port is not None and int(port) in ports:
        problems.append(
            "%s: pfSense's web pages listen on port %s of every address; move them to another port first "
            "(System > Advanced > Admin Access > TCP port)" % (place, port)
        )
    elif gui.get("redirect") and 80 in ports:
        problems.append(
            "%s: pfSense redirects port 80 of every address to its web pages; switch that off first "
            "(System > Advanced > Admin Access > WebGUI redirect)" % place
        )


def _check(frontend, problems):
    where = "frontends: %s" % frontend["name"]
    check_name(frontend["name"], "%s/name" % where, problems)
    check_line(frontend.get("descr"), "%s/descr" % where, problems)
    check_lines(frontend.get("advanced_lines"), "%s/advanced_lines" % where, problems)
    check_number(frontend.get("client_timeout"), 0, HIGHEST_MS, "%s/client_timeout" % where, problems)
    check_number(frontend.get("max_connections"), 0, HIGHEST_MS, "%s/max_connections" % where, problems)
    if (frontend.get("mode") or "http") != "http":
        for option in ("forward_for", "http_close"):
            if frontend.get(option):
                problems.append("%s/%s: works only with mode: http" % (where, option))
    if frontend.get("listen") is not None and not frontend["listen"]:
        problems.append("%s/listen: is empty; give at least one address and port" % where)
    for listen in frontend.get("listen") or []:
        check_host(listen["address"], "%s/listen/address" % where, problems)
        check_number(listen["port"], 1, 65535, "%s/listen/port" % where, problems)
        check_line(listen.get("advanced"), "%s/listen/advanced" % where, problems)
        if listen.get("ssl") and not frontend.get("certificate"):
            problems.append(
                "%s/certificate: is needed, because %s:%s is an ssl address"
                % (where, listen["address"], listen["port"])
            )
    for address, port in twice([_listen_order(listen) for listen in frontend.get("listen") or []]):
        problems.append("%s/listen: %s:%s: is listed twice; remove one of them" % (where, address, port))
