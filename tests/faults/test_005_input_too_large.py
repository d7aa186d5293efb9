"""Fault 5: an input of 262,145 bytes of UTF-8, with characters of several bytes.

Expected: refused; 262,144 pass.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.engine_bench import Bench

from stepherd.engine.api.errors import ApiError


@pytest.mark.parametrize(
    ("filler", "extra", "passes"), [("ü", "", True), ("ü", "x", False), ("😀", "xx", True)]
)
def test_the_limit_is_in_bytes(tmp_path: Path, filler: str, extra: str, passes: bool) -> None:
    width = len(filler.encode())
    text = '"' + filler * ((262_142 - (len(extra) if passes else 0)) // width) + extra + '"'
    assert len(text.encode()) == (262_144 if passes else 262_145)

    async def run() -> None:
        async with Bench(tmp_path) as bench:
            machine = bench.machine({"A": {"Type": "Pass"}})
            if passes:
                arn = bench.call("StartExecution", stateMachineArn=machine, input=text)["executionArn"]
                assert (await bench.finish(arn)).description["output"] == text
                return
            with pytest.raises(ApiError) as caught:
                bench.call("StartExecution", stateMachineArn=machine, input=text)
            assert "less than or equal to 262144" in caught.value.message
            assert len(caught.value.message) < 300, "the message does not repeat the input"

    asyncio.run(run())
