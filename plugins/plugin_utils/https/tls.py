# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Trust in the router's certificate: by authority or by fingerprint, and words for when there is none."""

from __future__ import annotations

import contextlib
import hashlib
import socket
import ssl
from typing import Any

from .errors import HttpsError
from .settings import Settings

# OpenSSL's numbers of why a certificate is not accepted.
EXPIRED, NOT_YET, SELF_SIGNED, SELF_SIGNED_CHAIN, NO_ISSUER, WRONG_NAME, WRONG_ADDRESS = 10, 9, 18, 19, 20, 62, 64


def make_context(settings: Settings) -> ssl.SSLContext:
    """Raises HttpsError when the CA file cannot be used."""
    context = ssl.create_default_context()
    if settings.fingerprint or not settings.validate_certs:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif settings.ca_path:
        try:
            context.load_verify_locations(settings.ca_path)
        except (OSError, ssl.SSLError) as exc:
            raise HttpsError("certificate", f"the CA file {settings.ca_path} cannot be used: {exc}") from exc
    return context


def fingerprint(sock: Any) -> str:
    """The SHA-256 of the certificate that the other side shows, lower-case hex."""
    return hashlib.sha256(sock.getpeercert(binary_form=True) or b"").hexdigest()


def shown(digest: str) -> str:
    """As openssl and browsers print it."""
    return ":".join(digest[at : at + 2] for at in range(0, len(digest), 2)).upper()


def check_pin(settings: Settings, sock: Any) -> None:
    """Before a byte of ours is sent."""
    if not settings.fingerprint:
        return
    seen = fingerprint(sock)
    if seen != settings.fingerprint:
        raise HttpsError(
            "certificate",
            f"{settings.target} shows another certificate than the pinned one: SHA-256 {shown(seen)}, pinned is "
            f"{shown(settings.fingerprint)}. Somebody may be in between, or the router got a new certificate. If you "
            "are sure, set ansible_pfsense_certificate_fingerprint to the new one. Nothing was sent",
        )


def refused(settings: Settings, error: ssl.SSLError, address: tuple[str, int] | None) -> HttpsError:
    """Why TLS failed, and the way out. `address` is where to look at the certificate again, None behind a proxy."""
    if not isinstance(error, ssl.SSLCertVerificationError):
        reason = getattr(error, "reason", "") or str(error)
        if reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"):
            return HttpsError(
                "unreachable",
                f"{settings.target} does not speak TLS: is this the web GUI's port (ansible_httpapi_port), or does the "
                "GUI use plain HTTP (ansible_httpapi_use_ssl: false)?",
            )
        return HttpsError("unreachable", f"no TLS with {settings.target}: {reason}")
    digest = _look(settings, address) if address else ""
    code = error.verify_code
    if code in (EXPIRED, NOT_YET):
        what = "has expired" if code == EXPIRED else "is not valid yet (is the clock right?)"
        way = "Renew it in the GUI (System, Certificates)"
    elif code in (WRONG_NAME, WRONG_ADDRESS):
        what = f"is for another name than {settings.host}"
        way = "Use the name in the certificate as ansible_host"
    elif code in (SELF_SIGNED, SELF_SIGNED_CHAIN, NO_ISSUER):
        what = "is not signed by an authority that we know"
        way = "Name the authority's file with ansible_httpapi_ca_path"
    else:
        what = f"was not accepted ({error.verify_message})"
        way = "Name the authority's file with ansible_httpapi_ca_path"
    pin = ""
    if digest:
        pin = (
            f". Its SHA-256 fingerprint is {shown(digest)}: compare it with the router's, and pin it with "
            "ansible_pfsense_certificate_fingerprint"
        )
    return HttpsError("certificate", f"the certificate of {settings.target} {what}. {way}{pin}. Nothing was sent")


def _look(settings: Settings, address: tuple[str, int]) -> str:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with contextlib.suppress(OSError):
        with socket.create_connection(address, timeout=settings.connect_timeout) as plain:
            with context.wrap_socket(plain, server_hostname=settings.host) as sock:
                return fingerprint(sock)
    return ""
