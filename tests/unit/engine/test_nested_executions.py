"""``states:startExecution``: what it refuses, and what becomes of a child (facts/histories.md 2.2)."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.engine_bench import Bench, branches, task

PASS = {"P": {"Type": "Pass"}}
SYNC = "arn:aws:states:::states:startExecution.sync:2"
CHILD = "arn:aws:states:us-east-1:000000000000:stateMachine:child"
PARENT = "arn:aws:states:us-east-1:000000000000:execution:M:e"


def _parent(**arguments: Any) -> dict[str, Any]:
    return {"T": task(SYNC, Arguments={"StateMachineArn": CHILD, **arguments})}


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"Input": "abc"}, "InvalidExecutionInput", "Invalid State Machine Execution Input: '"),
        ({"Input": '{"a":1e400}'}, "InvalidExecutionInput", "Invalid State Machine Execution Input: '"),
        ({"Name": "bad name"}, "InvalidName", "Invalid Name: 'bad name'"),
        ({"Name": "x" * 81}, "InvalidName", "Invalid Name: 'xxx"),
        ({"StateMachineArn": 7}, "InvalidArn", "Invalid Arn: 'Invalid ARN prefix: 7'"),
        ({"StateMachineArn": CHILD + "x"}, "StateMachineDoesNotExist", "State Machine Does Not Exist: '"),
    ],
)
def test_what_cannot_be_started_fails_the_task_and_leaves_nothing(
    tmp_path: Path, arguments: dict[str, Any], error: str, words: str
) -> None:
    """An input that is not JSON was a fault of the engine, and left a row that no engine could read."""

    async def work() -> None:
        async with Bench(tmp_path) as bench:
            bench.machine(PASS, "child")
            done = await bench.run(_parent(**arguments))
            assert done.details("TaskFailed")["error"] == f"StepFunctions.{error}Exception"
            assert done.details("TaskFailed")["cause"].startswith(words)
            assert f"Error Code: {error};" in done.details("TaskFailed")["cause"]
            assert bench.call("ListExecutions", stateMachineArn=CHILD)["executions"] == []

    asyncio.run(work())


def test_a_child_whose_parent_is_stopped_says_so(tmp_path: Path) -> None:
    boom = {"W": {"Type": "Wait", "Seconds": 1, "Next": "F"}, "F": {"Type": "Fail", "Error": "Boom"}}

    async def work() -> None:
        async with Bench(tmp_path) as bench:
            bench.machine({"W": {"Type": "Wait", "Seconds": 20}}, "child")
            done = await bench.run({"P": branches(boom, _parent())})
            assert done.description["error"] == "Boom"
            [child] = bench.call("ListExecutions", stateMachineArn=CHILD)["executions"]
            described = bench.call("DescribeExecution", executionArn=child["executionArn"])
            assert described["status"] == "ABORTED"
            assert "error" not in described
            assert described["cause"] == (
                f"The Task state in AWS Step Functions execution [{PARENT}] "
                "which was managing this resource was aborted"
            )

    asyncio.run(work())
