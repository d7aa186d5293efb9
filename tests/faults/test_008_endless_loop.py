"""Fault 8: a machine that loops for ever.

Expected: it ends at 25,000 events, in words, and others go on meanwhile.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.engine_bench import Bench


def test_a_loop_ends_and_does_not_starve_others(tmp_path: Path) -> None:
    async def run() -> None:
        async with Bench(tmp_path) as bench:
            never = {"Type": "Choice", "Choices": [{"Condition": "{% false %}", "Next": "N"}], "Default": "A"}
            loop = bench.start(
                {"A": {"Type": "Pass", "Next": "B"}, "B": never, "N": {"Type": "Pass"}}, name="loop"
            )
            other = await bench.run({"P": {"Type": "Pass"}}, name="other")
            assert other.status == "SUCCEEDED"
            assert bench.call("DescribeExecution", executionArn=loop)["status"] == "RUNNING"
            done = await bench.finish(loop)
            done.check_whole()
            assert "maximum number of history events (25000)" in done.description["cause"]

    asyncio.run(run())
