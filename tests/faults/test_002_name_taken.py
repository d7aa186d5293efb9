"""Faults 2 and 3: a name that is taken, by a run with another input or by one that has ended.

Expected: ExecutionAlreadyExists naming the execution; the first run is untouched.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.engine_bench import Bench

from stepherd.engine.api.errors import ApiError


@pytest.mark.parametrize(("text", "ended"), [('{"a":2}', False), ('{"a":1}', True), ('{"a": 1}', False)])
def test_a_taken_name_is_refused(tmp_path: Path, text: str, ended: bool) -> None:
    async def run() -> None:
        async with Bench(tmp_path, automatic=False) as bench:
            arn = bench.start({"W": {"Type": "Wait", "Seconds": 9}}, '{"a":1}')
            if ended:
                await bench.clock.advance(9)
                await bench.finish(arn)
            status = bench.call("DescribeExecution", executionArn=arn)
            with pytest.raises(ApiError) as caught:
                bench.call(
                    "StartExecution", stateMachineArn=bench.engine.machine_arn("M"), name="e", input=text
                )
            assert caught.value.code == "ExecutionAlreadyExists"
            assert caught.value.message == f"Execution Already Exists: '{arn}'"
            assert bench.call("DescribeExecution", executionArn=arn) == status

    asyncio.run(run())
