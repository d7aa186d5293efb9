"""Framing: what is encoded comes back under every chunking, and nothing else passes."""

from __future__ import annotations

import random
import struct
import time
import tracemalloc
from collections.abc import Callable
from uuid import UUID
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amazon_q_streaming_client import (
    EventStreamDecoder,
    EventStreamError,
    Int8,
    Int16,
    Int32,
    Message,
    Timestamp,
    encode_message,
)
from amazon_q_streaming_client._headers import HeaderValue

FUZZ_SECONDS = 5.0

names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20).filter(lambda n: len(n.encode()) < 256)
values: st.SearchStrategy[HeaderValue] = st.one_of(
    st.booleans(),
    st.integers(-(2**7), 2**7 - 1).map(Int8),
    st.integers(-(2**15), 2**15 - 1).map(Int16),
    st.integers(-(2**31), 2**31 - 1).map(Int32),
    st.integers(-(2**63), 2**63 - 1),
    st.binary(max_size=50),
    st.text(st.characters(codec="utf-8"), max_size=50),
    st.integers(-(2**63), 2**63 - 1).map(Timestamp),
    st.uuids(),
)
messages = st.builds(Message, st.dictionaries(names, values, max_size=6), st.binary(max_size=300))

ALL_TYPES: dict[str, HeaderValue] = {
    "true": True,
    "false": False,
    "byte": Int8(-1),
    "short": Int16(-2),
    "integer": Int32(-3),
    "long": -4,
    "bytes": b"\x00\xff",
    "string": "Grüße",
    "timestamp": Timestamp(1_700_000_000_123),
    "uuid": UUID(int=7),
}


def decode(*chunks: bytes) -> list[Message]:
    decoder = EventStreamDecoder()
    found = [message for chunk in chunks for message in decoder.feed(chunk)]
    decoder.finish()
    return found


def frame(headers: bytes, payload: bytes = b"") -> bytes:
    """A message with right checksums around a header block that may be wrong."""
    start = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    body = start + struct.pack(">I", crc32(start)) + headers + payload
    return body + struct.pack(">I", crc32(body))


@given(st.lists(messages, max_size=5), st.data())
def test_messages_come_back_under_every_chunking(sent: list[Message], data: st.DataObject) -> None:
    stream = b"".join(encode_message(*message) for message in sent)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    chunks = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    found = decode(*chunks)
    assert found == sent
    for got, wanted in zip(found, sent, strict=True):
        assert list(got.headers) == list(wanted.headers)
        assert [type(value) for value in got.headers.values()] == [type(v) for v in wanted.headers.values()]
        assert encode_message(*got) == encode_message(*wanted)


def test_every_split_in_two_and_single_bytes_give_the_same() -> None:
    stream = encode_message(ALL_TYPES, b"payload") * 2
    wanted = decode(stream)
    assert wanted == [Message(ALL_TYPES, b"payload")] * 2
    for cut in range(len(stream)):
        assert decode(stream[:cut], stream[cut:]) == wanted
    assert decode(*(bytes((byte,)) for byte in stream)) == wanted


def test_a_message_is_delivered_with_its_last_byte() -> None:
    stream = encode_message(ALL_TYPES, b"payload")
    decoder = EventStreamDecoder()
    for byte in stream[:-1]:
        assert list(decoder.feed(bytes((byte,)))) == []
    assert decoder.pending == len(stream) - 1
    assert len(list(decoder.feed(stream[-1:]))) == 1
    assert decoder.pending == 0


@pytest.mark.parametrize("payload", [b"", b'{"content":"x"}', bytes(range(256)) * 70])
def test_every_single_flipped_bit_is_rejected(payload: bytes) -> None:
    stream = encode_message(ALL_TYPES, payload)
    following = encode_message({}, b"")
    for bit in range(min(len(stream), 700) * 8):
        broken = bytearray(stream)
        broken[bit // 8] ^= 1 << bit % 8
        with pytest.raises(EventStreamError):
            decode(bytes(broken) + following)


@given(messages, st.data())
def test_any_flipped_bit_of_any_message_is_rejected(message: Message, data: st.DataObject) -> None:
    stream = bytearray(encode_message(*message))
    bit = data.draw(st.integers(0, len(stream) * 8 - 1))
    stream[bit // 8] ^= 1 << bit % 8
    with pytest.raises(EventStreamError):
        decode(bytes(stream))


@pytest.mark.parametrize(
    ("block", "reason"),
    [
        (b"\x00\x00", "empty name"),
        (b"\x05ab", "name runs past"),
        (b"\x01a", "name runs past"),
        (b"\x01\xff\x00", "name is not UTF-8"),
        (b"\x01a\x0a", "unknown value type 10"),
        (b"\x01a\xff", "unknown value type 255"),
        (b"\x01a\x00\x01a\x01", "repeated"),
        (b"\x01a\x02", "value runs past"),
        (b"\x01a\x03\x00", "value runs past"),
        (b"\x01a\x04\x00\x00\x00", "value runs past"),
        (b"\x01a\x05" + b"\x00" * 7, "value runs past"),
        (b"\x01a\x06\x00", "no length"),
        (b"\x01a\x06\x00\x05abc", "value runs past"),
        (b"\x01a\x07\x00\x02\xc3\x28", "value is not UTF-8"),
        (b"\x01a\x08" + b"\x00" * 7, "value runs past"),
        (b"\x01a\x09" + b"\x00" * 15, "value runs past"),
    ],
)
def test_a_malformed_header_block_with_right_checksums_is_one_typed_error(block: bytes, reason: str) -> None:
    with pytest.raises(EventStreamError, match=reason):
        decode(frame(block))


def test_lengths_are_judged_before_waiting_for_the_rest() -> None:
    for total, headers in ((15, 0), (16, 1), (0, 0), (2**32 - 1, 0), (30_000_000, 0), (200_000, 150_000)):
        start = struct.pack(">II", total, headers)
        with pytest.raises(EventStreamError):
            list(EventStreamDecoder().feed(start + struct.pack(">I", crc32(start))))


def test_a_wrong_bit_in_the_lengths_is_found_with_the_prelude_and_stalls_nothing() -> None:
    prelude = encode_message(ALL_TYPES, b"payload")[:12]
    for bit in range(12 * 8):
        broken = bytearray(prelude)
        broken[bit // 8] ^= 1 << bit % 8
        with pytest.raises(EventStreamError):
            list(EventStreamDecoder().feed(bytes(broken)))


def test_limits_can_be_lowered() -> None:
    with pytest.raises(EventStreamError, match="11 bytes of payload, over 10"):
        list(EventStreamDecoder(max_payload=10).feed(frame(b"", b"x" * 11)))
    with pytest.raises(EventStreamError, match="6 bytes of headers, over 5"):
        list(EventStreamDecoder(max_headers=5).feed(encode_message({"abcd": True})))


def test_big_messages_pass_and_their_checksum_counts() -> None:
    big = encode_message(ALL_TYPES, b"x" * 1_000_000)
    assert (
        decode(*(big[at : at + 65_536] for at in range(0, len(big), 65_536)))[0].payload == b"x" * 1_000_000
    )
    with pytest.raises(EventStreamError, match="checksum of a message"):
        decode(big[:-1] + bytes((big[-1] ^ 1,)))


def test_messages_before_a_broken_one_are_delivered_and_the_decoder_stays_broken() -> None:
    good = encode_message({}, b"1")
    decoder = EventStreamDecoder()
    found = []
    with pytest.raises(EventStreamError):
        for message in decoder.feed(good + good + b"\x00" * 20):
            found.append(message)  # noqa: PERF402  what came before the error counts
    assert len(found) == 2
    for again in (lambda: list(decoder.feed(good)), decoder.finish):
        with pytest.raises(EventStreamError):
            again()


def test_an_end_inside_of_a_message_is_told() -> None:
    with pytest.raises(EventStreamError, match="10 bytes into a message"):
        decode(encode_message({}, b"x")[:10])


def test_headers_of_a_message_cannot_be_changed() -> None:
    (message,) = decode(encode_message({"a": "b"}))
    with pytest.raises(TypeError):
        message.headers["a"] = "c"  # type: ignore[index]


@pytest.mark.parametrize(
    "headers",
    [
        {"": True},
        {"x" * 256: True},
        {"a": Int8(128)},
        {"a": Int16(2**15)},
        {"a": Int32(2**31)},
        {"a": 2**63},
        {"a": Timestamp(2**63)},
        {"a": b"x" * 65_536},
        {"a": "\ud800"},
        {f"h{n}": b"x" * 32_767 for n in range(5)},
    ],
)
def test_what_the_format_cannot_hold_is_not_encoded(headers: dict[str, HeaderValue]) -> None:
    with pytest.raises(EventStreamError):
        encode_message(headers)


def test_timestamps_become_moments_where_the_calendar_reaches() -> None:
    assert Timestamp(1500).to_datetime().isoformat() == "1970-01-01T00:00:01.500000+00:00"
    with pytest.raises(EventStreamError):
        Timestamp(2**62).to_datetime()


def test_a_big_message_in_small_chunks_takes_linear_time() -> None:
    """Joining the buffer at each chunk would copy 600 GB here."""
    big = encode_message({}, bytes(24_000_000))
    start = time.perf_counter()
    assert len(decode(*(big[at : at + 500] for at in range(0, len(big), 500)))) == 1
    assert time.perf_counter() - start < 10


def test_memory_stays_flat_over_a_long_stream() -> None:
    chunk = encode_message(ALL_TYPES, b"x" * 100) * 20 + encode_message({"other": "block"}, b"y")
    decoder = EventStreamDecoder()
    tracemalloc.start()
    try:
        for _ in range(300):
            for half in (chunk[:-7], chunk[-7:]):
                for _message in decoder.feed(half):
                    pass
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 20 * len(chunk)


def test_header_blocks_that_never_repeat_do_not_pile_up() -> None:
    decoder = EventStreamDecoder()
    for number in range(500):
        (message,) = decoder.feed(encode_message({"n": number}))
        assert message.headers == {"n": number}
    assert len(decoder._blocks) == 64


@pytest.mark.slow
def test_no_input_raises_anything_but_the_typed_error() -> None:
    """A fuzz run of bounded time: mutated messages, half of them with repaired checksums."""
    chance = random.Random(20261121)
    seeds = [encode_message(ALL_TYPES, b'{"content":"x"}'), encode_message({"a": "b"}), encode_message({})]
    rejected = runs = 0
    until = time.monotonic() + FUZZ_SECONDS
    while time.monotonic() < until:
        runs += 1
        stream = mutated(chance, b"".join(chance.choices(seeds, k=3)))
        decoder = EventStreamDecoder()
        try:
            for at in range(0, len(stream), 37):
                list(decoder.feed(stream[at : at + 37]))
            decoder.finish()
        except EventStreamError:
            rejected += 1
    assert runs > 1000
    assert rejected > runs // 2


def mutated(chance: random.Random, stream: bytes) -> bytes:
    if chance.random() < 0.5:
        block = bytearray(stream[12 : 12 + int.from_bytes(stream[4:8], "big")] or b"\x01a\x00")
        for _ in range(chance.randint(1, 4)):
            block[chance.randrange(len(block))] = chance.randrange(256)
        return frame(bytes(block)[: chance.randint(0, len(block))], b"x")
    broken = bytearray(stream)
    for _ in range(chance.randint(1, 8)):
        broken[chance.randrange(len(broken))] = chance.randrange(256)
    start = chance.randrange(len(broken))
    del broken[start : start + chance.randrange(40)]
    return bytes(broken)


@settings(max_examples=200)
@given(st.binary(max_size=400))
def test_arbitrary_bytes_raise_only_the_typed_error(stream: bytes) -> None:
    try:
        decode(stream)
    except EventStreamError:
        return
    assert stream == b""


@pytest.mark.parametrize("value", ["x" * 32_767, b"x" * 32_767])
def test_a_header_value_may_be_as_long_as_the_specification_says(value: str | bytes) -> None:
    (message,) = EventStreamDecoder().feed(encode_message({"h": value}))
    assert message.headers["h"] == value
    with pytest.raises(EventStreamError, match="longer than 32767"):
        encode_message({"h": value + value[:1]})  # type: ignore[operator]


def test_a_longer_value_from_elsewhere_is_read_all_the_same() -> None:
    """The length has 16 bits, and other encoders use all of them."""
    block = b"\x01h\x06" + (65_535).to_bytes(2, "big") + b"x" * 65_535
    frame = struct.pack(">II", 16 + len(block), len(block))
    body = frame + struct.pack(">I", crc32(frame)) + block
    (message,) = EventStreamDecoder().feed(body + struct.pack(">I", crc32(body)))
    assert message.headers["h"] == b"x" * 65_535


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_a_chunk_may_be_any_kind_of_bytes(kind: Callable[[bytes], bytes]) -> None:
    data = encode_message({"a": 1}, b"x" * 3000)
    decoder = EventStreamDecoder()
    assert list(decoder.feed(kind(data[:20]))) == []
    (message,) = decoder.feed(kind(data[20:]))
    assert message.payload == b"x" * 3000
