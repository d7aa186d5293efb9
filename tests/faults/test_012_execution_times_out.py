"""Fault 12: the whole execution times out.

Expected: TIMED_OUT, the container stopped, everything waiting cancelled.

The time runs on the engine's clock; that real processes are gone is proven in
tests/integration/engine/test_ecs_processes.py.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.engine_bench import ECS, SQS_TOKEN, Bench, Scripted, branches, hangs, task


def test_every_job_is_stopped_and_every_token_is_dead(tmp_path: Path) -> None:
    async def run() -> None:
        ecs, sqs = Scripted({"Tasks": []}, waits=[hangs]), Scripted({})
        states = {
            "P": branches({"A": task(ECS)}, {"B": task(ECS, TimeoutSeconds=500)}, {"C": task(SQS_TOKEN)})
        }
        async with Bench(tmp_path, {"ecs": ecs, "sqs": sqs}, automatic=False) as bench:
            arn = bench.start(states, TimeoutSeconds=60)
            await bench.until(lambda: bench.finished(arn).types.count("TaskSubmitted") == 3)
            await bench.clock.advance(60)
            done = await bench.finish(arn)
            done.check_whole()
            assert done.status == "TIMED_OUT"
            assert len(ecs.stopped) == 2
            assert bench.engine.tokens._waiting == {}
            assert bench.engine.running() == []

    asyncio.run(run())
