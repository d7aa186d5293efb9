"""What a cancelled call costs: a new HTTP client in place of one that it may have left in a bad state."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import httpx
from report import Result

from amazon_q_streaming_client import QStreamingClient

__all__ = ["construction_after_cancel"]

ROUNDS = 30
AIM = 2.0


def _milliseconds(make: Callable[[], Any]) -> float:
    def once() -> float:
        start = time.process_time()
        make()
        return (time.process_time() - start) * 1000

    return statistics.median(once() for _ in range(ROUNDS))


def construction_after_cancel() -> Result:
    """The median of many; none of them opens a connection, so none needs closing."""
    client = QStreamingClient(access_token="bench")
    ours, plain = _milliseconds(client._transport._http.client), _milliseconds(httpx.AsyncClient)
    return Result(
        what="a new HTTP client after a cancelled call",
        value=round(ours, 2),
        unit="ms",
        baseline=round(plain, 2),
        ratio=round(ours / plain, 3),
        aim=f"at most {AIM:g} ms (baseline: httpx.AsyncClient())",
        met=ours <= AIM,
    )
