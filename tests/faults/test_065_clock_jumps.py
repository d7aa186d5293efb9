"""Fault 65: the wall clock jumps an hour forth or back.

Expected: times of states are as long as they were meant.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.engine_bench import SQS_TOKEN, Bench, Scripted, task

from stepherd.engine.journal.clock import SystemClock, TurnableClock


class JumpingClock(TurnableClock):
    """Its wall time can be set wrong; its monotonic time cannot."""

    wrong_by = 0.0

    def time(self) -> float:
        return self.now + self.wrong_by


CASES: list[tuple[str, dict[str, Any], dict[str, Any], int]] = [
    ("wait", {"W": {"Type": "Wait", "Seconds": 50}}, {}, 50),
    ("machine", {"W": {"Type": "Wait", "Seconds": 5000}}, {"TimeoutSeconds": 50}, 50),
    ("task", {"T": task(SQS_TOKEN, TimeoutSeconds=50)}, {}, 50),
    ("heartbeat", {"T": task(SQS_TOKEN, HeartbeatSeconds=50, TimeoutSeconds=900)}, {}, 60),
]


@pytest.mark.parametrize("jump", [3600.0, -3600.0, 1.0])
@pytest.mark.parametrize(("states", "fields", "length"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_a_jump_neither_shortens_nor_lengthens(
    tmp_path: Path, states: dict[str, Any], fields: dict[str, Any], length: int, jump: float
) -> None:
    async def run() -> None:
        clock = JumpingClock()
        fake = Scripted({})
        async with Bench(tmp_path, {"sqs": fake}, clock=clock) as bench:
            arn = bench.start(states, **fields)
            await clock.advance(5)
            clock.wrong_by = jump
            await clock.advance(5)
            if "HeartbeatSeconds" in states.get("T", {}):
                bench.call("SendTaskHeartbeat", taskToken=fake.seen[0].attempt.token)
            await clock.advance(length - 11)
            assert bench.call("DescribeExecution", executionArn=arn)["status"] == "RUNNING"
            await clock.advance(1.5)
            assert bench.call("DescribeExecution", executionArn=arn)["status"] != "RUNNING"

    asyncio.run(run())


def test_real_time_is_measured_by_the_monotonic_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> float:
        clock = SystemClock()
        began = clock.monotonic()
        timer = clock.timer(0.05)
        monkeypatch.setattr("time.time", lambda: 0.0)
        await timer
        return clock.monotonic() - began

    assert 0.04 <= asyncio.run(run()) < 5
