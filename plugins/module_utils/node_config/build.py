# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration of one node, from the values of the inventory."""

from __future__ import annotations

from ..boot.kernel import COREOS, FEDORA, FLATCAR
from ..errors import DesiredError
from . import cloud_config, ignition
from .merge import merge
from .overlay_units import overlay_files, overlay_units

ENGINES = ("docker", "containerd", "none")
# What each image calls its container engine's unit; containerd comes with docker on Flatcar.
_ENGINE_UNITS = {
    FLATCAR: {"docker": "docker.service", "containerd": "containerd.service"},
    FEDORA: {"docker": "docker.service", "containerd": "containerd.service"},
    COREOS: {"docker": "docker.service", "containerd": None},
}
_UPDATE_UNITS = {FLATCAR: "locksmithd.service", COREOS: "locksmithd.service"}


def build(node, settings):
    """(file name ending, text) of one node's configuration.

    node: {name, domain, mac_address, address, groups, snippets}; name None for machines that nobody announced.
    settings: {family, user, ssh_keys, container_engine, insecure_registries, network, prefix, gateway, nameservers,
    automatic_reboots, etcd_group, overlay, flannel_image, units, files, group_snippets, snippets}.
    Raises DesiredError with every problem.
    """
    files, units = _files(node, settings), _units(node, settings)
    snippets = _of_groups(node, settings.get("group_snippets") or {})
    snippets += list(settings.get("snippets") or []) + list(node.get("snippets") or [])
    _check_snippets(node, snippets)
    if settings["family"] == COREOS:
        config = _cloud_config(node, settings, files, units)
    else:
        config = _ignition(settings, files, units)
    for snippet in snippets:
        config = merge(config, snippet)
    if settings["family"] == COREOS:
        return "yml", cloud_config.to_text(config)
    version = (config.get("ignition") or {}).get("version")
    if not str(version).startswith("3."):
        raise DesiredError("%s: snippets: ignition.version %s: must stay a 3.x" % (node["name"] or "default", version))
    return "ign", ignition.to_text(config)


def _of_groups(node, snippets):
    """Those of the group `cluster`, which every machine belongs to, come first."""
    groups = ["cluster"] + [group for group in snippets if group != "cluster" and group in (node.get("groups") or [])]
    return [snippet for group in groups for snippet in snippets.get(group) or []]


def _check_snippets(node, snippets):
    for snippet in snippets:
        if not isinstance(snippet, dict):
            raise DesiredError(
                "%s: snippets: (hidden): is not a set of fields; write a part of a configuration"
                % (node["name"] or "default")
            )


def _ignition(settings, files, units):
    config = ignition.empty()
    config["passwd"] = {"users": [{"name": settings["user"], "sshAuthorizedKeys": list(settings["ssh_keys"])}]}
    config["storage"] = {"files": [ignition.file_entry(*entry) for entry in files]}
    config["systemd"] = {"units": [ignition.unit_entry(unit) for unit in units]}
    return config


def _cloud_config(node, settings, files, units):
    config = {"ssh_authorized_keys": list(settings["ssh_keys"])}
    if node["name"]:
        config["hostname"] = node["name"]
    config["write_files"] = [cloud_config.file_entry(*entry) for entry in files if entry[0] != "/etc/hostname"]
    config["coreos"] = {"units": [cloud_config.unit_entry(unit) for unit in units]}
    if not settings["automatic_reboots"]:
        config["coreos"]["update"] = {"reboot-strategy": "off"}
    return config


def _files(node, settings):
    """[(path, text, mode)]"""
    files = []
    if node["name"]:
        files.append(("/etc/hostname", node["name"] + "\n", 0o644))
    files += _network(node, settings)
    if not settings["automatic_reboots"] and settings["family"] == FLATCAR:
        files.append(("/etc/flatcar/update.conf", "REBOOT_STRATEGY=off\n", 0o644))
    if not settings["automatic_reboots"] and settings["family"] == FEDORA:
        files.append(("/etc/zincati/config.d/90-pfrack.toml", "[updates]\nenabled = false\n", 0o644))
    files += overlay_files(_overlay(node, settings))
    for entry in settings.get("files") or []:
        files.append((entry["path"], entry["content"], int(str(entry.get("mode") or "0644"), 8)))
    return files


def _overlay(node, settings):
    # Nobody brings keys to a machine that is not in the inventory.
    return settings.get("overlay") or "none" if node["name"] else "none"


def _network(node, settings):
    if settings["network"] != "static" or not node.get("address"):
        return []
    values = (node["mac_address"], node["address"], settings["prefix"], settings["gateway"], settings["nameservers"])
    if settings["family"] == FEDORA:
        mac, address, prefix, gateway, servers = values
        text = (
            "[connection]\nid=pfrack\ntype=ethernet\n[ethernet]\nmac-address=%s\n[ipv4]\nmethod=manual\n" % mac.upper()
        )
        text += "address1=%s/%s,%s\ndns=%s;\n[ipv6]\nmethod=disabled\n" % (address, prefix, gateway, ";".join(servers))
        return [("/etc/NetworkManager/system-connections/pfrack.nmconnection", text, 0o600)]
    mac, address, prefix, gateway, servers = values
    text = "[Match]\nMACAddress=%s\n\n[Network]\nDHCP=no\n" % mac
    text += "Address=%s/%s\nGateway=%s\n" % (address, prefix, gateway)
    text += "".join("DNS=%s\n" % server for server in servers)
    if node.get("domain"):
        text += "Domains=%s\n" % node["domain"]
    return [("/etc/systemd/network/10-pfrack.network", text, 0o644)]


def _units(node, settings):
    family, engine = settings["family"], settings["container_engine"]
    units = []
    name = _ENGINE_UNITS[family].get(engine)
    if engine != "none" and not name:
        raise DesiredError("container_engine: %s: %s has none; use docker or none" % (engine, family))
    if name:
        units.append({"name": name, "enabled": True})
    registries = settings.get("insecure_registries") or []
    if registries and engine == "docker":
        options = " ".join("--insecure-registry=%s" % registry for registry in registries)
        text = '[Service]\nEnvironment="DOCKER_OPTS=%s"\n' % options
        units[-1]["dropins"] = [{"name": "50-insecure-registry.conf", "contents": text}]
    if not settings["automatic_reboots"] and family in _UPDATE_UNITS:
        units.append({"name": _UPDATE_UNITS[family], "mask": True})
    member = bool(settings.get("etcd_group")) and settings["etcd_group"] in (node.get("groups") or [])
    units += overlay_units(family, member, _overlay(node, settings), settings.get("flannel_image"))
    # Of a unit that is here already, the user adds to ours.
    return merge(units, list(settings.get("units") or []))
