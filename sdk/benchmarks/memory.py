"""Memory while a long stream is decoded."""

from __future__ import annotations

import resource
import sys

from decoding import MEGABYTE, small_events
from report import Result

from amazon_q_streaming_client import EventStreamDecoder

__all__ = ["flat_memory"]

WARM_UP = 10 * MEGABYTE
TOTAL = 1000 * MEGABYTE
CHUNK = 64 * 1024
AIM = 1024.0


def flat_memory() -> Result:
    """Decode 1 GB; how much the peak of the process grows after the first 10 MB.

    It must run before anything that takes more memory, or that would hide the growth.
    """
    data = small_events(MEGABYTE)
    chunks = [data[at : at + CHUNK] for at in range(0, len(data), CHUNK)]
    decoder = EventStreamDecoder()
    _feed(decoder, chunks, WARM_UP)
    before = _peak()
    _feed(decoder, chunks, TOTAL - WARM_UP)
    decoder.finish()
    growth = _peak() - before
    return Result(
        what="growth of memory over 1 GB of small events",
        value=round(growth, 1),
        unit="KiB",
        baseline=round(before, 1),
        ratio=round((before + growth) / before, 4),
        aim=f"at most {AIM:g} KiB beyond the peak after the first 10 MB",
        met=growth <= AIM,
    )


def _feed(decoder: EventStreamDecoder, chunks: list[bytes], size: int) -> None:
    fed = 0
    while fed < size:
        for chunk in chunks:
            for _ in decoder.feed(chunk):
                pass
            fed += len(chunk)


def _peak() -> float:
    """The peak of the process so far, in KiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1024 if sys.platform == "darwin" else float(peak)
