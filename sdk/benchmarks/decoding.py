"""Decoding speed, beside botocore's EventStreamBuffer in the same run."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial

from botocore.eventstream import EventStreamBuffer
from report import Result

from amazon_q_streaming_client import EventStreamDecoder, encode_message

__all__ = ["decoding_speed", "events", "small_events"]

MEGABYTE = 1_000_000
ROUNDS = 7
AIM = 3.0


def events(count: int) -> list[bytes]:
    """Events as a chat sends them: a few characters of text each."""
    headers = {
        ":event-type": "assistantResponseEvent",
        ":content-type": "application/json",
        ":message-type": "event",
    }
    return [
        encode_message(headers, json.dumps({"content": f"token {number} "}).encode())
        for number in range(count)
    ]


def small_events(size: int) -> bytes:
    """At least ``size`` bytes of such events."""
    block = b"".join(events(1000))
    return block * (size // len(block) + 1)


def _ours(chunks: Sequence[bytes]) -> int:
    decoder = EventStreamDecoder()
    count = sum(1 for chunk in chunks for _ in decoder.feed(chunk))
    decoder.finish()
    return count


def _botocore(chunks: Sequence[bytes]) -> int:
    buffer = EventStreamBuffer()
    count = 0
    for chunk in chunks:
        buffer.add_data(chunk)
        count += sum(1 for _ in buffer)
    return count


def _seconds(decode: Callable[[], int]) -> tuple[float, int]:
    start = time.process_time()
    count = decode()
    return time.process_time() - start, count


def decoding_speed(chunk_size: int | None) -> Result:
    """Decode 10 MB in turns; the ratio is the median of the ratios of the turns, as machines are noisy.

    Without a size each chunk is one event, as a quiet network delivers them.
    """
    if chunk_size is None:
        one = events(1000)
        chunks = one * (10 * MEGABYTE // sum(map(len, one)) + 1)
        of_what = "one event"
    else:
        data = small_events(10 * MEGABYTE)
        chunks = [data[at : at + chunk_size] for at in range(0, len(data), chunk_size)]
        of_what = f"{chunk_size} bytes"
    ours, theirs = [], []
    for _ in range(ROUNDS):
        our_seconds, our_count = _seconds(partial(_ours, chunks))
        their_seconds, their_count = _seconds(partial(_botocore, chunks))
        assert our_count == their_count, "both decode the same messages"
        ours.append(our_seconds)
        theirs.append(their_seconds)
    ratio = statistics.median(b / a for a, b in zip(ours, theirs, strict=True))
    rate = sum(map(len, chunks)) / MEGABYTE
    return Result(
        what=f"decoding 10 MB of small events in chunks of {of_what}",
        value=round(rate / statistics.median(ours), 1),
        unit="MB/s",
        baseline=round(rate / statistics.median(theirs), 1),
        ratio=round(ratio, 2),
        aim=f"at least {AIM:g} times botocore's EventStreamBuffer",
        met=ratio >= AIM,
    )
