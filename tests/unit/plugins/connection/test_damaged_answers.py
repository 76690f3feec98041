# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bytes that come down a line in any shape: the answer that was asked for, or an error of the line; nothing else."""

from __future__ import annotations

import base64
import json
import time
import zlib

from ansible_collections.pfrack.cluster.plugins.plugin_utils.https.errors import AnswerLost
from ansible_collections.pfrack.cluster.plugins.plugin_utils.https.line import find_answer
from ansible_collections.pfrack.cluster.plugins.plugin_utils.ssh.errors import LineCut, SshError
from ansible_collections.pfrack.cluster.plugins.plugin_utils.ssh.session import AgentSession
from hypothesis import given
from hypothesis import strategies as st

MARKER = "00112233445566778899aabbccddeeff"
ANSWER = {"id": 1, "ok": True, "result": {"x": "\n" + MARKER + " 3\n{}"}}
SIZES = st.sampled_from([b"", b"-1", b"0", b"2", b"7", b"99999999999999999999", b"1e3", b"\xff", b" 5 ", b"0x10"])
FRAMES = st.builds(
    lambda size, text: b"\n" + MARKER.encode() + b" " + size + b"\n" + text, SIZES, st.binary(max_size=40)
)
JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


class Channel:
    """Gives the bytes in pieces, and then the end."""

    def __init__(self, data, step):
        self.pieces = [data[at : at + step] for at in range(0, len(data), step)]

    def settimeout(self, seconds):
        pass

    def recv(self, size):
        return self.pieces.pop(0) if self.pieces else b""


def frame(value):
    text = json.dumps(value).encode()
    return b"\n%s %d\n%s" % (MARKER.encode(), len(text), text)


def read(data, step):
    session = AgentSession.__new__(AgentSession)
    session._target, session._frame = "router", f"\n{MARKER} ".encode()
    session._buffer, session._noise = bytearray(), bytearray()
    session._channel = Channel(data, step)
    return session._answer(time.monotonic() + 10, 10)


@given(st.binary(max_size=60).filter(lambda noise: b"\n" + MARKER.encode() not in noise), st.integers(1, 70))
def test_an_answer_is_found_behind_any_noise_in_pieces_of_any_size(noise, step):
    assert read(noise + frame(ANSWER), step) == ANSWER


@given(st.lists(st.binary(max_size=30) | FRAMES | JSON.map(frame), max_size=4), st.integers(1, 50))
def test_damaged_frames_are_an_error_of_the_line(pieces, step):
    try:
        assert isinstance(read(b"".join(pieces), step), dict)
    except (LineCut, SshError) as error:
        assert str(error)


@given(st.text(max_size=60), JSON, st.integers(0, 40))
def test_damaged_answers_over_https(noise, value, cut):
    engine = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = base64.b64encode(engine.compress(json.dumps(value).encode()) + engine.flush()).decode()
    for text in (f"{noise}pfrack:a1:{packed}:{noise}", f"{noise}pfrack:a1:{packed[:cut]}:", f"pfrack:none:{noise}:"):
        try:
            answer = find_answer(text, "a1")
            assert answer is None or isinstance(answer, dict)
        except AnswerLost as error:
            assert "damaged" in str(error)
