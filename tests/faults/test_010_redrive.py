"""Fault 10: a failure in each state, then a redrive. Expected: only what had not succeeded runs again."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.engine_bench import LAMBDA, Bench, Scripted, branches, each, fails, task

from stepherd.engine.integrations.contract import TaskCall


def _do(what: str, **fields: Any) -> dict[str, Any]:
    return {**task(LAMBDA, **fields), "Arguments": {"do": what}}


STATES = {
    "One": _do("one", Next="Both"),
    "Both": branches({"Left": _do("left")}, {"Right": _do("right")}, Next="Items"),
    "Items": each(
        {"Item": _do("{% 'item' & $states.input %}")}, Items=[1, 2, 3], MaxConcurrency=1, Next="Last"
    ),
    "Last": _do("last", Output="{% $states.result.did %}"),
}
ALL = ["one", "left", "right", "item1", "item2", "item3", "last"]


class Breaking(Scripted):
    """Fails when asked to do one thing, until it is repaired."""

    def __init__(self, broken: str) -> None:
        super().__init__()
        self.broken = broken
        self.done: list[str] = []

    async def submit(self, call: TaskCall) -> Any:
        what = str(call.parameters["do"])
        if what == self.broken:
            raise fails("Broken", what)
        self.done.append(what)
        return {"did": what}


@pytest.mark.parametrize("broken", ALL)
@pytest.mark.parametrize("reopened", [False, True])
def test_a_redrive_runs_only_what_is_left(tmp_path: Path, broken: str, reopened: bool) -> None:
    fake = Breaking(broken)

    async def first() -> str:
        async with Bench(tmp_path, {"lambda": fake}) as bench:
            done = await bench.run(STATES)
            assert (done.status, done.description["cause"]) == ("FAILED", broken)
            arn = str(done.description["executionArn"])
            if not reopened:
                fake.broken = ""
                await redrive(bench, arn)
            return arn

    async def redrive(bench: Bench, arn: str) -> None:
        bench.call("RedriveExecution", executionArn=arn)
        done = await bench.finish(arn)
        done.check_whole()
        assert done.status == "SUCCEEDED"
        assert done.output == "last"

    async def second(arn: str) -> None:
        fake.broken = ""
        async with Bench(tmp_path, {"lambda": fake}) as bench:
            await redrive(bench, arn)

    arn = asyncio.run(first())
    if reopened:
        asyncio.run(second(arn))
    assert sorted(fake.done) == sorted(ALL), "each thing was done once"


def test_a_state_whose_output_failed_runs_all_its_branches_again(tmp_path: Path) -> None:
    fake = Breaking("")
    states = {
        "P": branches({"A": _do("a")}, Output="{% $states.context.Execution.RedriveCount = 0 ? $x : 1 %}")
    }

    async def run() -> None:
        async with Bench(tmp_path, {"lambda": fake}) as bench:
            done = await bench.run(states)
            assert done.types[-3:] == ["EvaluationFailed", "ParallelStateFailed", "ExecutionFailed"]
            bench.call("RedriveExecution", executionArn=done.description["executionArn"])
            again = await bench.finish(done.description["executionArn"])
            assert again.output == 1
            assert fake.done == ["a", "a"]

    asyncio.run(run())


def test_retries_start_at_zero_after_a_redrive(tmp_path: Path) -> None:
    fake = Scripted(fails("E"), fails("E"), fails("E"), {"x": 1})

    async def run() -> None:
        async with Bench(tmp_path, {"lambda": fake}) as bench:
            done = await bench.run({"T": task(Retry=[{"ErrorEquals": ["E"], "MaxAttempts": 1}])})
            assert done.status == "FAILED"
            bench.call("RedriveExecution", executionArn=done.description["executionArn"])
            again = await bench.finish(done.description["executionArn"])
            assert again.status == "SUCCEEDED"
            assert len(fake.calls) == 4

    asyncio.run(run())


@pytest.mark.parametrize("turns", range(4))
def test_a_redrive_may_follow_an_end_at_any_moment(tmp_path: Path, turns: int) -> None:
    """In the same turn as the stop, before the run's own task began or ended, or later.

    Fails when a run is forgotten only by its own task, which never began; or when that of the run before
    takes the redriven one with it.
    """

    async def scenario() -> None:
        fake = Breaking("")
        async with Bench(tmp_path, {"lambda": fake}) as bench:
            arn = bench.start(STATES)
            bench.call("StopExecution", executionArn=arn)
            for _ in range(turns):
                await asyncio.sleep(0)
            bench.call("RedriveExecution", executionArn=arn)
            assert bench.engine.running() == [arn]
            done = await bench.finish(arn)
            done.check_whole()
            assert done.status == "SUCCEEDED"
            assert bench.engine.running() == []
            # AND so is one that was stopped and left alone
            left = bench.start(STATES, name="left")
            bench.call("StopExecution", executionArn=left)
            assert (await bench.finish(left)).status == "ABORTED"

    asyncio.run(scenario())


def test_what_has_ended_does_not_run_any_more_when_that_can_be_seen(tmp_path: Path) -> None:
    """Fails when a machine with a time limit counts as running for a turn after its end: whoever leaves then
    would start an engine that has nothing to do."""

    async def scenario() -> None:
        async with Bench(tmp_path, {"lambda": Breaking("")}, automatic=False) as bench:
            arn = bench.start(STATES, TimeoutSeconds=600)

            def over() -> bool:
                return bench.call("DescribeExecution", executionArn=arn)["status"] != "RUNNING"

            await bench.until(over)
            assert bench.engine.running() == []
            assert (await bench.finish(arn)).status == "SUCCEEDED"

    asyncio.run(scenario())
