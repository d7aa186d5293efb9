"""Fault 4: a name of 81 characters, with a space, a colon or an emoji.

Expected: refused before anything starts.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.engine_bench import Bench

from stepherd.engine.api.errors import ApiError


@pytest.mark.parametrize("name", ["a" * 81, "a b", "a:b", "run😀", "", "a\nb"])
def test_a_bad_name_starts_nothing(tmp_path: Path, name: str) -> None:
    async def run() -> None:
        async with Bench(tmp_path) as bench:
            machine = bench.machine({"A": {"Type": "Pass"}})
            with pytest.raises(ApiError) as caught:
                bench.call("StartExecution", stateMachineArn=machine, name=name)
            assert caught.value.code == "InvalidName"
            assert bench.call("ListExecutions", stateMachineArn=machine) == {"executions": []}

    asyncio.run(run())
