"""Fault 64: a stop at each phase of a run.

Expected: ABORTED, the job gone, nothing after the end, no resurrection.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.engine_bench import ECS, SQS_TOKEN, Bench, Scripted, branches, each, fails, hangs, task

PHASES: dict[str, tuple[dict[str, Any], str]] = {
    "waiting": ({"W": {"Type": "Wait", "Seconds": 60}}, "WaitStateEntered"),
    "submitting": ({"T": task()}, "TaskStarted"),
    "working": ({"T": task(ECS)}, "TaskSubmitted"),
    "asking": ({"T": task(SQS_TOKEN, TimeoutSeconds=600)}, "TaskSubmitted"),
    "pausing": (
        {"T": task("arn:aws:states:::sns:publish", Retry=[{"ErrorEquals": ["E"], "IntervalSeconds": 60}])},
        "TaskFailed",
    ),
    "parallel": ({"P": branches({"T": task(ECS)}, {"W": {"Type": "Wait", "Seconds": 60}})}, "TaskSubmitted"),
    "map": ({"M": each({"T": task(ECS)}, Items=[1, 2])}, "TaskSubmitted"),
    "with a limit": ({"T": task(ECS, TimeoutSeconds=600, HeartbeatSeconds=60)}, "TaskSubmitted"),
}


@pytest.mark.parametrize("phase", PHASES)
def test_a_stop_leaves_nothing(tmp_path: Path, phase: str) -> None:
    states, reached = PHASES[phase]
    ecs = Scripted({"Tasks": []}, waits=[hangs])
    fakes = {"ecs": ecs, "lambda": Scripted(hangs), "sqs": Scripted({}), "sns": Scripted(fails("E"))}

    async def stop() -> str:
        async with Bench(tmp_path, fakes, automatic=False) as bench:
            arn = bench.start(states, TimeoutSeconds=6000)
            await bench.until(lambda: reached in bench.finished(arn).types)
            submitted = bench.finished(arn).types.count("TaskSubmitted")
            bench.call("StopExecution", executionArn=arn)
            done = await bench.finish(arn)
            await bench.clock.advance(10_000)
            assert bench.finished(arn).events == done.events
            done.check_whole()
            assert done.types[-1] == "ExecutionAborted"
            assert len(ecs.stopped) == (submitted if phase != "asking" else 0)
            return arn

    async def reopen(arn: str) -> None:
        async with Bench(tmp_path, fakes, automatic=False) as bench:
            assert bench.resumed == []
            assert bench.finished(arn).status == "ABORTED"

    asyncio.run(reopen(asyncio.run(stop())))
