# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small certificate authority in a directory of the controller. The cryptography is that of the library of this name.

DIRECTORY/ca.pem and ca.key, and for each certificate NAME.pem and NAME.key; keys are readable for their owner only.
"""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import ipaddress
import os
import re

from ansible_collections.pfrack.cluster.plugins.module_utils.errors import DesiredError

try:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
except ImportError:
    x509 = None

AUTHORITY_DAYS = 3650
# A clock that is a little behind shall not find a new certificate to be of the future.
LEEWAY = datetime.timedelta(hours=1)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


def ensure(directory, authority, wanted, days, renew_before, check=False, now=None):
    """Make the authority and the certificates that are missing, other than wanted, or near their end.

    wanted: [{name, addresses, names}]. days, renew_before: of the certificates, in days.
    Returns {changed, created_authority, issued: [name], certificates: {name: {certificate, key, not_after}}, warnings}.
    """
    if x509 is None:
        raise DesiredError(
            "the Python package cryptography is missing on the controller; paramiko brings it: pip install paramiko"
        )
    problems = [problem for item in wanted for problem in _problems(item)]
    if not 0 < renew_before < days:
        problems.append("renew_before: %s: must be less than days (%s)" % (renew_before, days))
    if problems:
        raise DesiredError(problems)
    now = now or datetime.datetime.now(datetime.UTC)
    with contextlib.ExitStack() as stack:
        if not check:
            os.makedirs(directory, mode=0o700, exist_ok=True)
            # The inventory that it lies beside is likely under version control.
            with open(os.path.join(directory, ".gitignore"), "w", encoding="ascii") as ignore:
                ignore.write("*\n")
            # Two runs at once must not make two authorities.
            lock = os.open(directory, os.O_RDONLY)
            stack.callback(os.close, lock)
            fcntl.flock(lock, fcntl.LOCK_EX)
        return _ensure(directory, authority, wanted, days, renew_before, check, now)


def _problems(item):
    if not _NAME.fullmatch(item["name"]) or item["name"] == "ca":
        yield (
            "certificates: %s: is no name for a file; use letters, digits, dots and hyphens, and not ca" % item["name"]
        )
    for address in item.get("addresses") or []:
        try:
            ipaddress.ip_address(address)
        except ValueError:
            yield "certificates: %s/addresses: %s: is not an IP address" % (item["name"], address)


def _ensure(directory, authority, wanted, days, renew_before, check, now):
    path = os.path.join(directory, "ca")
    ca, ca_key = _load(path)
    created = ca is None
    if created and os.path.exists(path + ".pem"):
        raise DesiredError(
            "%s.pem: has no usable key beside it; put ca.key back, or move the directory away and give all nodes "
            "certificates of a new authority (playbooks/etcd.yml -e etcd_new_authority=true)" % path
        )
    if created:
        ca, ca_key = _make_authority(authority, now)
        if not check:
            _save(path, ca, ca_key)
    issued, result = [], {}
    for item in wanted:
        base = os.path.join(directory, item["name"])
        certificate, key = _load(base)
        if certificate is None or created or not _good(certificate, item, ca, now, renew_before):
            certificate, key = _issue(item, ca, ca_key, now, days)
            issued.append(item["name"])
            if not check:
                _save(base, certificate, key)
        result[item["name"]] = {
            "certificate": base + ".pem",
            "key": base + ".key",
            "not_after": certificate.not_valid_after_utc.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
    warnings = []
    left = (ca.not_valid_after_utc - now).days
    if left < max(2 * days, 90):
        warnings.append(
            "%s.pem: the authority ends in %d days, and so does every certificate of it; in a maintenance window, move "
            "the directory away and run playbooks/etcd.yml -e etcd_new_authority=true" % (path, left)
        )
    return {
        "changed": bool(created or issued),
        "created_authority": created,
        "issued": issued,
        "authority": path + ".pem",
        "certificates": result,
        "warnings": warnings,
    }


def _good(certificate, item, ca, now, renew_before):
    if certificate.not_valid_after_utc - now < datetime.timedelta(days=renew_before):
        return False
    try:
        certificate.verify_directly_issued_by(ca)
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except Exception:  # whatever is wrong with it, a new one is right
        return False
    return set(names) == set(_alternatives(item))


def _alternatives(item):
    names = [item["name"], *(item.get("names") or [])]
    result = [x509.DNSName(name) for name in dict.fromkeys(names)]
    addresses = [ipaddress.ip_address(address) for address in item.get("addresses") or []]
    return result + [x509.IPAddress(address) for address in dict.fromkeys(addresses)]


def _make_authority(name, now):
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = _builder(subject, subject, key, now, AUTHORITY_DAYS)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_usage(signs=True), critical=True)
    return builder.sign(key, hashes.SHA256()), key


def _issue(item, ca, ca_key, now, days):
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, item["name"])])
    builder = _builder(subject, ca.subject, key, now, days)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_usage(signs=False), critical=True)
    # Both: members of etcd are each other's clients and servers.
    both = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
    builder = builder.add_extension(both, critical=False)
    builder = builder.add_extension(x509.SubjectAlternativeName(_alternatives(item)), critical=False)
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
    return builder.add_extension(issuer, critical=False).sign(ca_key, hashes.SHA256()), key


def _builder(subject, issuer, key, now, days):
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - LEEWAY)
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(signs):
    return x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )


def _load(base):
    """(certificate, key), (None, None) when either is missing or broken."""
    try:
        with open(base + ".pem", "rb") as source:
            certificate = x509.load_pem_x509_certificate(source.read())
        with open(base + ".key", "rb") as source:
            key = serialization.load_pem_private_key(source.read(), None)
    except (OSError, ValueError):
        return None, None
    same = key.public_key() == certificate.public_key()
    return (certificate, key) if same else (None, None)


def _save(base, certificate, key):
    text = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    # The key first: a certificate without its key would look like a loss.
    _write(base + ".key", text, 0o600)
    _write(base + ".pem", certificate.public_bytes(serialization.Encoding.PEM), 0o644)


def _write(path, data, mode):
    with open(os.open(path + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as target:
        os.fchmod(target.fileno(), mode)
        target.write(data)
        target.flush()
        os.fsync(target.fileno())
    os.replace(path + ".new", path)
