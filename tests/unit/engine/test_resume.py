"""Taking up what an engine left: nothing done twice, nothing evaluated twice, nothing left running."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from tests.engine_bench import ECS, SQS_TOKEN, Bench, Finished, Scripted, branches, each, fails, hangs, task

from stepherd.engine.journal.database import Journal

LATER = 1_750_000_010.0


def _left(
    home: Path,
    states: dict[str, Any],
    fakes: dict[str, Any],
    reached: Callable[[Finished], object],
    **fields: Any,
) -> str:
    """Run until something is reached, then leave as if killed."""

    async def run() -> str:
        bench = Bench(home, fakes, automatic=False)
        await bench.__aenter__()
        arn = bench.start(states, **fields)
        await bench.until(lambda: reached(bench.finished(arn)))
        await bench.engine.close(leave_tasks=True)
        return arn

    return asyncio.run(run())


def _taken_up(
    home: Path,
    arn: str,
    fakes: dict[str, Any],
    work: Callable[[Bench], Awaitable[None]] | None = None,
    *,
    start: float = LATER,
) -> Finished:
    async def run() -> Finished:
        async with Bench(home, fakes, start=start, automatic=work is None) as bench:
            if work:
                await work(bench)
            return await bench.finish(arn)

    done = asyncio.run(run())
    done.check_whole()
    return done


def test_a_task_is_made_again_with_what_was_sent_and_not_with_what_it_evaluates_to_now(
    tmp_path: Path,
) -> None:
    first, second = Scripted(hangs), Scripted({"x": 1})
    state = {**task(), "Arguments": {"id": "{% $uuid() %}", "at": "{% $millis() %}"}}
    arn = _left(tmp_path, {"T": state}, {"lambda": first}, lambda _: first.calls)

    _taken_up(tmp_path, arn, {"lambda": second})

    assert second.calls == first.calls


def test_items_are_those_the_map_began_with(tmp_path: Path) -> None:
    states = {
        "M": each(
            {"T": task(ECS, Output="{% $states.input %}")}, Items="{% [1..3].($uuid()) %}", MaxConcurrency=1
        )
    }
    fake = Scripted({}, waits=[hangs])
    states["M"]["ItemProcessor"]["States"]["T"]["Arguments"] = {"item": "{% $states.input %}"}
    arn = _left(tmp_path, states, {"ecs": fake}, lambda done: "TaskSubmitted" in done.types)
    again = Scripted({}, waits=[{}])
    journal = Journal(tmp_path / "journal.sqlite3")
    (began,) = [e.facts["items"] for e in journal.events(1) if e.type == "MapStateStarted"]
    journal.close()

    done = _taken_up(tmp_path, arn, {"ecs": again})

    assert done.output == began
    assert done.details("MapStateStarted") == {"length": 3}


def test_deadlines_count_from_when_the_task_was_scheduled(tmp_path: Path) -> None:
    states = {"T": task(SQS_TOKEN, TimeoutSeconds=60)}
    arn = _left(tmp_path, states, {"sqs": Scripted({})}, lambda done: "TaskSubmitted" in done.types)

    async def work(bench: Bench) -> None:
        await bench.clock.advance(49)
        assert bench.finished(arn).status == "RUNNING"
        await bench.clock.advance(1)

    done = _taken_up(tmp_path, arn, {"sqs": Scripted({})}, work)
    assert done.types[-2:] == ["TaskTimedOut", "ExecutionFailed"]


def test_a_wait_goes_on_and_does_not_begin_again(tmp_path: Path) -> None:
    arn = _left(tmp_path, {"W": {"Type": "Wait", "Seconds": 60}}, {}, lambda done: len(done.types) == 2)

    async def work(bench: Bench) -> None:
        await bench.clock.advance(50)

    done = _taken_up(tmp_path, arn, {}, work)
    assert done.events[-1]["timestamp"] == 1_750_000_060.0
    assert done.types.count("WaitStateEntered") == 1


def test_attempts_that_were_spent_stay_spent(tmp_path: Path) -> None:
    retry = [{"ErrorEquals": ["E"], "MaxAttempts": 2, "IntervalSeconds": 100}]
    states = {"T": task(Retry=retry)}
    arn = _left(tmp_path, states, {"lambda": Scripted(fails("E"))}, lambda done: "TaskFailed" in done.types)
    fake = Scripted(fails("E"))

    done = _taken_up(tmp_path, arn, {"lambda": fake})

    assert len(fake.calls) == 2
    stamps = [e["timestamp"] for e in done.events if e["type"] == "TaskScheduled"]
    assert [round(stamp - stamps[0]) for stamp in stamps] == [0, 100, 300]


def test_a_map_over_an_object_continues_with_the_pairs_it_began_with(tmp_path: Path) -> None:
    task_ = task(ECS, Output="{% $states.input %}")
    states = {"M": each({"T": task_}, Items="{% {'a': $uuid(), 'b': $uuid()} %}", MaxConcurrency=1)}
    arn = _left(
        tmp_path, states, {"ecs": Scripted({}, waits=[hangs])}, lambda done: "TaskSubmitted" in done.types
    )
    journal = Journal(tmp_path / "journal.sqlite3")
    (began,) = [e.facts["items"] for e in journal.events(1) if e.type == "MapStateStarted"]
    journal.close()

    done = _taken_up(tmp_path, arn, {"ecs": Scripted({}, waits=[{}])})

    assert done.output == [{"Key": key, "Value": value} for key, value in began.items()]


@pytest.mark.parametrize("field", ["Output", "ItemSelector", "Items"])
def test_an_evaluation_that_failed_before_is_not_told_twice(tmp_path: Path, field: str) -> None:
    retry = [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 1, "IntervalSeconds": 100}]
    states = {"M": each({"P": {"Type": "Pass"}}, Retry=retry, **{"Items": [1], field: "{% $missing %}"})}
    arn = _left(tmp_path, states, {}, lambda done: "EvaluationFailed" in done.types)

    done = _taken_up(tmp_path, arn, {})

    assert done.types.count("EvaluationFailed") == 2
    assert done.types.count("MapStateFailed") == 1


@pytest.mark.parametrize("kind", ["task", "map", "parallel"])
def test_an_output_that_was_too_large_before_is_not_made_again_without_its_pause(
    tmp_path: Path, kind: str
) -> None:
    fields = {
        "Retry": [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 1, "IntervalSeconds": 100}],
        "Output": "{% $pad('', 300000, 'x') %}",
    }
    state = {
        "task": task(**fields),
        "map": each({"I": task()}, Items=[1], **fields),
        "parallel": branches({"B": task()}, **fields),
    }[kind]
    ended = {"task": "TaskSucceeded", "map": "MapStateSucceeded", "parallel": "ParallelStateSucceeded"}[kind]
    fake = Scripted({})
    arn = _left(tmp_path, {"S": state}, {"lambda": fake}, lambda done: ended in done.types)

    done = _taken_up(tmp_path, arn, {"lambda": fake})

    assert done.description["error"] == "States.DataLimitExceeded"
    assert done.types.count(ended) == 2
    assert len(fake.calls) == 2


def test_a_sibling_that_was_aborted_is_not_called_again_while_the_retry_pauses(tmp_path: Path) -> None:
    retry = [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 1, "IntervalSeconds": 100}]
    late = {"L": {"Type": "Wait", "Seconds": 0, "Next": "F"}, "F": {"Type": "Fail"}}
    states = {"P": branches({"T": task()}, late, Retry=retry)}
    arn = _left(tmp_path, states, {"lambda": Scripted(hangs)}, lambda done: "TaskStateAborted" in done.types)
    fake = Scripted(hangs)

    async def work(bench: Bench) -> None:
        await bench.clock.advance(80)
        assert fake.calls == []
        await bench.clock.advance(10)
        await bench.until(lambda: fake.calls)

    done = _taken_up(tmp_path, arn, {"lambda": fake}, work)
    assert done.types.count("TaskStateAborted") == 2
    assert done.types.count("ParallelStateFailed") == 1


class Unstoppable(Scripted):
    """Its engine dies before a job has stopped."""

    async def stop(self, attempt: Any) -> None:
        await super().stop(attempt)
        await asyncio.get_running_loop().create_future()


CAUGHT = [{"ErrorEquals": ["States.ALL"], "Next": "N"}]
NEXT = {"N": {"Type": "Wait", "Seconds": 500}}
FAILING = {"L": {"Type": "Wait", "Seconds": 0, "Next": "F"}, "F": {"Type": "Fail"}}
JOBS: dict[str, dict[str, Any]] = {
    "timed out": {"T": task(ECS, TimeoutSeconds=1, Catch=CAUGHT), **NEXT},
    "aborted": {"P": branches({"T": task(ECS)}, FAILING, Catch=CAUGHT), **NEXT},
}


class Job(Unstoppable):
    async def submit(self, call: Any) -> Any:
        call.attempt.handle["service"] = "ecs"
        call.save()
        return await super().submit(call)


@pytest.mark.parametrize("why", JOBS)
@pytest.mark.parametrize("noted", [True, False])
def test_a_job_whose_stop_was_cut_short_is_stopped_by_the_next_engine(
    tmp_path: Path, why: str, noted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not noted and why == "timed out":
        return  # The note is in the same commit as the time-out: there is no other case.
    first = Job({}, waits=[hangs])

    async def run() -> str:
        bench = Bench(tmp_path, {"ecs": first}, automatic=False)
        await bench.__aenter__()
        if not noted:  # Killed between the aborts and the stop.
            monkeypatch.setattr(bench.engine, "_spawn_stop", lambda *_: None)
        arn = bench.start(JOBS[why])
        await bench.until(lambda: first.calls)
        await bench.clock.advance(1)
        await bench.until(lambda: bench.finished(arn).types[-1] == "WaitStateEntered")
        for task_ in bench.engine._background:
            task_.cancel()
        await bench.engine.close(leave_tasks=True)
        return arn

    arn = asyncio.run(run())
    second = Scripted({}, waits=[hangs])
    _taken_up(tmp_path, arn, {"ecs": second})
    assert len(second.stopped) == 1
    assert second.calls == []


def test_a_nested_execution_outlives_an_engine_that_closes(tmp_path: Path) -> None:
    child = {"StateMachineArn": "arn:aws:states:us-east-1:000000000000:stateMachine:C"}
    parent = {**task("arn:aws:states:::states:startExecution.sync:2", TimeoutSeconds=900), "Arguments": child}

    async def first() -> str:
        async with Bench(tmp_path, automatic=False) as bench:
            bench.machine({"W": {"Type": "Wait", "Seconds": 60, "Output": "late"}}, name="C")
            arn = bench.start({"T": parent}, name="p")
            await bench.until(lambda: len(bench.engine.running()) == 2)
            return arn

    arn = asyncio.run(first())
    done = _taken_up(tmp_path, arn, {})
    assert done.output["Output"] == "late"
    assert done.types.count("TaskScheduled") == 1


def test_a_token_is_good_after_the_engine_was_closed_and_opened(tmp_path: Path) -> None:
    fake = Scripted({})

    async def first() -> str:
        async with Bench(tmp_path, {"sqs": fake}, automatic=False) as bench:
            arn = bench.start({"T": task(SQS_TOKEN)})
            await bench.until(lambda: "TaskSubmitted" in bench.finished(arn).types)
            return arn

    async def work(bench: Bench) -> None:
        bench.call("SendTaskSuccess", taskToken=fake.seen[0].attempt.token, output="7")

    arn = asyncio.run(first())
    assert _taken_up(tmp_path, arn, {"sqs": fake}, work).output == 7


def test_an_execution_redriven_at_once_after_a_stop_is_not_forgotten(tmp_path: Path) -> None:
    async def run() -> None:
        async with Bench(tmp_path, automatic=False) as bench:
            arn = bench.start({"W": {"Type": "Wait", "Seconds": 60}})
            await bench.clock.advance(1)
            bench.call("StopExecution", executionArn=arn)
            bench.call("RedriveExecution", executionArn=arn)
            await bench.clock.advance(1)
            assert bench.engine.running() == [arn]
            bench.call("StopExecution", executionArn=arn)
            (await bench.finish(arn)).check_whole()

    asyncio.run(run())
