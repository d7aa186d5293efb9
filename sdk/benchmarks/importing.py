"""How long the import takes, beside that of pydantic."""

from __future__ import annotations

import statistics
import subprocess
import sys

from report import Result

__all__ = ["import_time"]

ROUNDS = 9
AIM = 150.0
SCRIPT = """
import time
start = time.perf_counter()
from pydantic import AfterValidator, BaseModel, Field, JsonValue, alias_generators
middle = time.perf_counter()
from amazon_q_streaming_client import QStreamingClient
print((middle - start) * 1000, (time.perf_counter() - middle) * 1000)
"""


def import_time() -> Result:
    """The median of fresh interpreters; byte code is cached, as it is once a wheel is installed."""
    timings = [_once() for _ in range(ROUNDS)]
    pydantic = statistics.median(first for first, _ in timings)
    ours = statistics.median(second for _, second in timings)
    return Result(
        what="import without pydantic's own time",
        value=round(ours, 1),
        unit="ms",
        baseline=round(pydantic, 1),
        ratio=round(ours / pydantic, 2),
        aim=f"under {AIM:g} ms (baseline: pydantic itself)",
        met=ours < AIM,
    )


def _once() -> tuple[float, float]:
    environment = {"PYTHONPATH": ":".join(path for path in sys.path if path)}
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, check=True, text=True, env=environment
    )
    first, second = run.stdout.split()
    return float(first), float(second)
