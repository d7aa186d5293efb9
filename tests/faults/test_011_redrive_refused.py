"""Fault 11: a redrive while it runs, after success, or after 14 days.

Expected: a clear refusal, nothing changed.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.engine_bench import Bench

from stepherd.engine.api.errors import ApiError

FAIL = {"F": {"Type": "Fail"}}
DAYS_14 = 14 * 86_400


@pytest.mark.parametrize(
    ("states", "later", "reason"),
    [
        ({"W": {"Type": "Wait", "Seconds": 9}}, 0, "Execution is RUNNING and cannot be redriven"),
        ({"P": {"Type": "Pass"}}, 1, "Execution is SUCCEEDED and cannot be redriven"),
        (FAIL, DAYS_14 + 1, "Execution redrivable period exceeded."),
    ],
)
def test_a_redrive_is_refused_with_its_reason(tmp_path: Path, states: Any, later: float, reason: str) -> None:
    async def run() -> None:
        async with Bench(tmp_path, automatic=False) as bench:
            arn = bench.start(states)
            await bench.clock.advance(later)
            before = bench.finished(arn)
            with pytest.raises(ApiError) as caught:
                bench.call("RedriveExecution", executionArn=arn)
            assert (caught.value.code, caught.value.message) == ("ExecutionNotRedrivable", reason)
            assert before.description["redriveStatusReason"] == reason
            assert bench.finished(arn).events == before.events

    asyncio.run(run())


def test_a_redrive_within_14_days_is_taken(tmp_path: Path) -> None:
    async def run() -> None:
        async with Bench(tmp_path, automatic=False) as bench:
            arn = (await bench.run(FAIL)).description["executionArn"]
            await bench.clock.advance(DAYS_14 - 1)
            assert "redriveDate" in bench.call("RedriveExecution", executionArn=arn)
            await bench.finish(arn)

    asyncio.run(run())
