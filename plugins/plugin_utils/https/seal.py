# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests that travel in a command line, readable for the run's agent only and not for who lists processes."""

from __future__ import annotations

import base64
import os
import re


class Seal:
    """A secret of our own, sealed for the agent's public key. `known`: the agent has it by now."""

    def __init__(self, text: str) -> None:
        """`text` holds a public key in PEM. Raises ValueError."""
        # ansible-core brings it; the sanity tests import us without.
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import padding
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        found = re.search(r"-----BEGIN PUBLIC KEY-----[^-]+-----END PUBLIC KEY-----", text)
        if not found:
            raise ValueError("no public key")
        secret = os.urandom(32)
        public = serialization.load_pem_public_key(found.group(0).encode() + b"\n")
        # What PHP's OAEP means.
        oaep = padding.OAEP(mgf=padding.MGF1(hashes.SHA1()), algorithm=hashes.SHA1(), label=None)  # noqa: S303
        self._wrapped = base64.b64encode(public.encrypt(secret, oaep)).decode()
        self._cipher = AESGCM(secret)
        self.known = False

    def close(self, request: bytes, data: bytes) -> str:
        """As `pfrack_unseal` takes it."""
        nonce = os.urandom(12)
        sealed = nonce + self._cipher.encrypt(nonce, len(request).to_bytes(4, "big") + request + data, None)
        return f"{'' if self.known else self._wrapped}:{base64.b64encode(sealed).decode()}"
