# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people may see of a section: no secrets, and text instead of base64."""

from __future__ import annotations

import base64
import binascii
import re

MASK = "(secret)"
# pfSense keeps texts of several lines in base64.
BASE64 = ("custom_options", "advanced", "advanced_backend")
# Words of HAProxy's and the DNS services' own languages behind which a secret stands.
_SECRET_WORD = re.compile(
    r"(?im)(\bstats\s+auth\s+[^\s:]*:|\b(?:insecure-)?password\s+|\bauthorization:?\s+\w+\s+|\b(?:key|secret|passw\w*)[:=]\s*)"
    r"(\S+)"
)
_SECRET = re.compile(r".*(password|passwd|passphrase|secret|-hash|community|key)|pass|prv|tls")


def is_secret(name):
    """Whether an element of this name holds a secret."""
    return _SECRET.fullmatch(str(name).lower()) is not None


def redact(value, name=""):
    """A copy of a section for people: secret elements are masked, texts in base64 are decoded."""
    if isinstance(value, dict):
        return {key: redact(element, key) for key, element in value.items()}
    if isinstance(value, (list, tuple)):
        return [redact(item, name) for item in value]
    if is_secret(name) and value not in (None, ""):
        return MASK
    if name in BASE64:
        return without_secret_words(_decoded(value))
    return value


def without_secret_words(text):
    """A text in a daemon's own language with the secrets in it masked, as far as they can be told."""
    return _SECRET_WORD.sub(r"\1" + MASK, text) if isinstance(text, str) else text


def _decoded(value):
    """The text behind base64, when it is one that a person can read."""
    try:
        text = base64.b64decode(value, validate=True).decode("utf-8")
    except (TypeError, ValueError, binascii.Error):
        return value
    return text if text.replace("\n", "").replace("\t", "").isprintable() else value
