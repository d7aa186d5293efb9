"""Faults 36 to 41: task tokens that are never answered, answered twice, late, forged, or whose answer gets
lost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from tests.engine_bench import SQS_TOKEN, Bench, Finished, Scripted, task

from stepherd.engine.api.errors import ApiError

TIMES = {"TimeoutSeconds": 100, "HeartbeatSeconds": 40}
CATCH = [
    {"ErrorEquals": ["States.HeartbeatTimeout"], "Next": "Silent"},
    {"ErrorEquals": ["States.Timeout"], "Next": "Late"},
]
STATES = {
    "Ask": task(SQS_TOKEN, Catch=CATCH, Next="Done", **TIMES),
    "Done": {"Type": "Pass"},
    "Silent": {"Type": "Fail", "Error": "Silent"},
    "Late": {"Type": "Fail", "Error": "Late"},
}


def asked(home: Path, work: Callable[[Bench, str, str], Awaitable[None]]) -> Finished:
    async def run() -> Finished:
        fake = Scripted({"MessageId": "m"})
        async with Bench(home, {"sqs": fake}, automatic=False) as bench:
            arn = bench.start(STATES)
            await bench.until(lambda: "TaskSubmitted" in bench.finished(arn).types)
            await work(bench, arn, fake.seen[0].attempt.token)
            done = await bench.finish(arn)
            done.check_whole()
            return done

    return asyncio.run(run())


def refused(bench: Bench, operation: str = "SendTaskSuccess", **request: Any) -> str:
    with pytest.raises(ApiError) as caught:
        bench.call(operation, **request)
    return caught.value.code


def test_36_and_41_nobody_answers_and_the_heartbeat_path_is_taken(tmp_path: Path) -> None:
    async def work(bench: Bench, arn: str, token: str) -> None:
        await bench.clock.advance(40)

    done = asked(tmp_path, work)
    assert done.description["error"] == "Silent"
    assert done.details("TaskTimedOut")["error"] == "States.Timeout"


def test_36_heartbeats_do_not_extend_the_whole_time(tmp_path: Path) -> None:
    async def work(bench: Bench, arn: str, token: str) -> None:
        for _ in range(3):
            await bench.clock.advance(30)
            bench.call("SendTaskHeartbeat", taskToken=token)
        await bench.clock.advance(10)

    assert asked(tmp_path, work).description["error"] == "Late"


@pytest.mark.parametrize("second", ["SendTaskSuccess", "SendTaskFailure", "SendTaskHeartbeat"])
def test_37_a_second_answer_is_task_timed_out_and_changes_nothing(tmp_path: Path, second: str) -> None:
    async def work(bench: Bench, arn: str, token: str) -> None:
        bench.call("SendTaskSuccess", taskToken=token, output='"first"')
        more = {"output": '"second"'} if second == "SendTaskSuccess" else {}
        assert refused(bench, second, taskToken=token, **more) == "TaskTimedOut"
        await bench.until(lambda: bench.engine.running() == [])
        assert refused(bench, second, taskToken=token, **more) == "TaskTimedOut"

    assert asked(tmp_path, work).output == "first"


def test_38_an_answer_after_the_timeout_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    async def work(bench: Bench, arn: str, token: str) -> None:
        await bench.clock.advance(40)
        assert refused(bench, taskToken=token, output="1") == "TaskTimedOut"

    assert asked(tmp_path, work).status == "FAILED"


def test_38_an_answer_after_the_execution_was_stopped_is_refused(tmp_path: Path) -> None:
    async def work(bench: Bench, arn: str, token: str) -> None:
        bench.call("StopExecution", executionArn=arn)
        await bench.finish(arn)
        assert refused(bench, taskToken=token, output="1") == "TaskTimedOut"

    assert asked(tmp_path, work).status == "ABORTED"


def _flip(token: str) -> str:
    return ("A" if token[0] != "A" else "B") + token[1:]


@pytest.mark.parametrize(
    "forge",
    [
        _flip,
        lambda t: t[:-4],
        lambda t: t + "AAAA",
        lambda t: t[:60],
        lambda t: "A" * 2049,
        lambda t: "",
        lambda t: "not a token",
        lambda t: t + "\n",
        lambda t: t.lower(),
    ],
)
def test_39_a_forged_or_shortened_token_is_invalid_and_changes_nothing(
    tmp_path: Path, forge: Callable[[str], str]
) -> None:
    async def work(bench: Bench, arn: str, token: str) -> None:
        before = bench.finished(arn).events
        for operation, more in (
            ("SendTaskSuccess", {"output": "1"}),
            ("SendTaskFailure", {}),
            ("SendTaskHeartbeat", {}),
        ):
            assert refused(bench, operation, taskToken=forge(token), **more) == "InvalidToken"
        assert bench.finished(arn).events == before
        bench.call("SendTaskSuccess", taskToken=token, output='"real"')

    assert asked(tmp_path, work).output == "real"


def test_39_a_token_of_another_home_is_invalid(tmp_path: Path) -> None:
    tokens: list[str] = []

    async def take(bench: Bench, arn: str, token: str) -> None:
        tokens.append(token)
        bench.call("SendTaskSuccess", taskToken=token, output="1")

    async def give(bench: Bench, arn: str, token: str) -> None:
        assert refused(bench, taskToken=tokens[0], output="1") == "InvalidToken"
        bench.call("SendTaskSuccess", taskToken=token, output="1")

    asked(tmp_path / "a", take)
    asked(tmp_path / "b", give)


def test_40_an_answer_whose_reply_was_lost_is_kept_and_the_repeat_says_so(tmp_path: Path) -> None:
    """The engine dies right after the answer was committed, before it acted on it."""

    async def first() -> tuple[str, str]:
        fake = Scripted({"MessageId": "m"})
        async with Bench(tmp_path, {"sqs": fake}, automatic=False) as bench:
            arn = bench.start(STATES)
            await bench.until(lambda: "TaskSubmitted" in bench.finished(arn).types)
            token = fake.seen[0].attempt.token
            bench.call("SendTaskSuccess", taskToken=token, output='"kept"')
            await bench.engine.close()  # Before the waiting state could be woken.
            return arn, token

    async def second(arn: str, token: str) -> Finished:
        async with Bench(tmp_path, {"sqs": Scripted({})}, automatic=False) as bench:
            assert refused(bench, taskToken=token, output='"again"') == "TaskTimedOut"
            return await bench.finish(arn)

    arn, token = asyncio.run(first())
    done = asyncio.run(second(arn, token))
    done.check_whole()
    assert done.output == "kept"


def test_41_a_missed_heartbeat_is_told_from_a_timeout_after_a_restart_too(tmp_path: Path) -> None:
    state = task(
        SQS_TOKEN,
        HeartbeatSeconds=40,
        Retry=[{"ErrorEquals": ["States.HeartbeatTimeout"], "MaxAttempts": 1, "IntervalSeconds": 500}],
    )

    async def first() -> str:
        async with Bench(tmp_path, {"sqs": Scripted({})}, automatic=False) as bench:
            arn = bench.start({"Ask": state})
            await bench.clock.advance(41)
            assert "TaskTimedOut" in bench.finished(arn).types
            return arn

    async def second(arn: str) -> Finished:
        fake = Scripted({})
        async with Bench(tmp_path, {"sqs": fake}, automatic=False, start=1_750_000_100.0) as bench:
            await bench.clock.advance(450)
            await bench.until(lambda: fake.seen)
            bench.call("SendTaskSuccess", taskToken=fake.seen[0].attempt.token, output="1")
            return await bench.finish(arn)

    assert asyncio.run(second(asyncio.run(first()))).status == "SUCCEEDED"
