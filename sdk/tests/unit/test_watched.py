"""What the library does not see of a connection of HTTP/2: that it will end after this answer."""

from __future__ import annotations

import struct

from hypothesis import given
from hypothesis import strategies as st

from amazon_q_streaming_client._watched import Sieve
from http2_chaos import frame

GO_AWAY = 7
STREAM = 5


def go_away(last: int, reason: int = 0, more: bytes = b"") -> bytes:
    return frame(GO_AWAY, 0, 0, struct.pack(">II", last, reason) + more)


ORDERLY = st.builds(go_away, st.integers(STREAM, 2**32 - 1).filter(lambda n: n % 2**31 >= STREAM))
ORDERLY |= st.builds(go_away, st.just(STREAM), st.just(0), st.binary(max_size=20))
OTHERS = (
    st.builds(frame, st.sampled_from([0, 1, 4, 6, 8, 0x77]), st.just(0), st.just(1), st.binary(max_size=40))
    | st.builds(go_away, st.integers(0, STREAM - 1))
    | st.builds(go_away, st.just(STREAM), st.integers(1, 2**32 - 1))
    | st.builds(frame, st.just(GO_AWAY), st.just(0), st.just(0), st.binary(max_size=7))
)
FRAMES = st.lists(st.tuples(st.booleans(), ORDERLY, OTHERS), max_size=8)


@given(FRAMES, st.integers(1, 30), st.binary(max_size=8))
def test_nothing_but_an_orderly_end_is_taken_out_however_the_frames_are_cut(
    frames: list[tuple[bool, bytes, bytes]], size: int, rest: bytes
) -> None:
    wire = b"".join(end if is_end else other for is_end, end, other in frames) + rest
    sieve = Sieve()
    seen = b"".join(sieve.feed(wire[at : at + size], STREAM) for at in range(0, len(wire), size))
    whole = b"".join(other for is_end, _, other in frames if not is_end)
    assert seen == whole, "what is left at the end is the start of a frame"
    assert sieve.found == sum(is_end for is_end, _, _ in frames)


def test_a_server_that_ends_for_ever_is_not_helped() -> None:
    assert Sieve().feed(go_away(STREAM) * 20, STREAM) == go_away(STREAM) * 12
