"""Fault 1: the same name and input twice while it runs. Expected: the same ARN, one run."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.engine_bench import Bench, Scripted, hangs, task


def test_the_second_start_finds_the_first(tmp_path: Path) -> None:
    async def run() -> None:
        fake = Scripted(hangs)
        async with Bench(tmp_path, {"lambda": fake}) as bench:
            machine = bench.machine({"T": task()})
            request = {"stateMachineArn": machine, "name": "n", "input": '{"a":1}'}
            first = bench.call("StartExecution", **request)
            await bench.until(lambda: fake.calls)
            assert bench.call("StartExecution", **request) == first
            await bench.until(lambda: True)
            assert len(bench.call("ListExecutions", stateMachineArn=machine)["executions"]) == 1
            assert len(fake.calls) == 1

    asyncio.run(run())
