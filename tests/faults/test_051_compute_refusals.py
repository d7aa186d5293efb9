"""Faults 51 to 56: ECS answers with failures, has no capacity, throttles, refuses, or loses its answer.

The state under test is the pipeline's own RunAgent, with its own Retry and Catch, on services by script.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from tests.engine_bench import Bench, Finished, Scripted, fails, play

from stepherd.engine.integrations.contract import TaskCall

PIPELINE = json.loads((Path(__file__).parents[2] / "statemachines/pipeline.asl.json").read_text())
RESOURCE = {"reason": "RESOURCE:MEMORY", "arn": "arn:aws:ecs:r:0:container-instance/c"}


def _run_agent() -> dict[str, Any]:
    state = {
        **PIPELINE["States"]["RunAgent"],
        "TimeoutSeconds": 86_400,
        "Arguments": {"TaskDefinition": "agent"},
    }
    return {
        "RunAgent": {**state, "Next": "Done"},
        "RunAgentStopped": PIPELINE["States"]["RunAgentStopped"],
        "Done": {"Type": "Pass"},
        "TurnIsOver": {"Type": "Pass", "Next": "KeepPartialWork"},
        "KeepPartialWork": {"Type": "Fail", "Error": "{% $failure.error %}", "Cause": "{% $failure.cause %}"},
    }


def _ran(home: Path, *answers: Any, waits: list[Any] | None = None) -> tuple[Finished, Scripted]:
    fake = Scripted(*answers, waits=waits or [{"Containers": []}])
    return play(home, _run_agent(), integrations={"ecs": fake}), fake


@pytest.mark.parametrize("reason", ["RESOURCE:MEMORY", "AGENT", "MISSING"])
def test_51_failures_without_tasks_are_retried_then_told(tmp_path: Path, reason: str) -> None:
    cause = json.dumps({"Failures": [{"Reason": reason}], "Tasks": []})

    done, fake = _ran(tmp_path, fails("AmazonECS.Unknown", cause))

    assert len(fake.calls) == 7, "one attempt and six retries"
    assert done.description["error"] == "AmazonECS.Unknown"
    assert reason in done.description["cause"]


@pytest.mark.parametrize(
    "error",
    ["ECS.AmazonECSException", "ECS.ThrottlingException", "ECS.ServerException", "ECS.SdkClientException"],
)
@pytest.mark.parametrize("times", [1, 5])
def test_52_and_53_what_passes_is_retried_with_growing_jittered_pauses(
    tmp_path: Path, error: str, times: int
) -> None:
    done, fake = _ran(
        tmp_path, *[fails(error, "Capacity is unavailable at this time.")] * times, {"Tasks": []}
    )

    assert done.status == "SUCCEEDED"
    assert len(fake.calls) == times + 1
    stamps = [e["timestamp"] for e in done.events if e["type"] == "TaskScheduled"]
    for number, (earlier, later) in enumerate(itertools.pairwise(stamps)):
        assert 0 <= later - earlier <= min(5 * 2**number, 120) + 0.001


def test_53_a_throttled_question_for_the_subnets_is_retried_and_a_wrong_parameter_soon_told(
    tmp_path: Path,
) -> None:
    # RunTask gives what EC2 throttles a name of its own, which wrong parameters have, too.
    throttled = "Error retrieving subnet information for [subnet-1]: Rate exceeded (ErrorCode: Throttling)"
    error = "ECS.InvalidParameterException"
    done, fake = _ran(tmp_path / "passes", *[fails(error, throttled)] * 3, {"Tasks": []})
    assert (done.status, len(fake.calls)) == ("SUCCEEDED", 4)

    done, fake = _ran(tmp_path / "stays", fails(error, "No such subnet"))
    assert len(fake.calls) == 4, "one attempt and three retries"
    assert (done.description["error"], done.description["cause"]) == (error, "No such subnet")


@pytest.mark.parametrize("error", ["ECS.AccessDeniedException", "ECS.ClientException"])
def test_53_what_never_passes_is_not_retried(tmp_path: Path, error: str) -> None:
    done, fake = _ran(tmp_path, fails(error, "why"))

    assert len(fake.calls) == 1
    assert (done.description["error"], done.description["cause"]) == (error, "why")


@pytest.mark.parametrize("code", [1, 2, 126, 127, 137, 139, 143])
def test_57_and_58_an_exit_code_is_told_exactly_and_never_retried_blindly(tmp_path: Path, code: int) -> None:
    task = json.dumps(
        {"Containers": [{"Name": "agent", "ExitCode": code}], "StopCode": "EssentialContainerExited"}
    )

    done, fake = _ran(tmp_path, {"Tasks": []}, waits=[fails("States.TaskFailed", task)])

    assert len(fake.calls) == 1
    assert json.loads(done.description["cause"])["Containers"][0]["ExitCode"] == code


@pytest.mark.parametrize(
    "reason", ["CannotPullContainerError: not found", "ResourceInitializationError: secret"]
)
def test_56_a_task_that_failed_to_start_shows_its_reason(tmp_path: Path, reason: str) -> None:
    task = json.dumps({"StopCode": "TaskFailedToStart", "StoppedReason": reason})

    done, _ = _ran(tmp_path, {"Tasks": []}, waits=[fails("States.TaskFailed", task)])

    assert json.loads(done.description["cause"])["StoppedReason"] == reason


class Losing(Scripted):
    """Starts the job, then its answer is lost with the engine; the handle finds it again."""

    def __init__(self) -> None:
        super().__init__()
        self.started: list[str] = []
        self.lose = True

    async def submit(self, call: TaskCall) -> Any:
        if "job" not in call.attempt.handle:
            call.attempt.handle.update({"service": "ecs", "job": f"job-{call.attempt.event_id}"})
            call.save()
        if call.attempt.handle["job"] not in self.started:
            self.started.append(call.attempt.handle["job"])
        if self.lose:
            await asyncio.get_running_loop().create_future()
        return {"Tasks": [{"TaskArn": call.attempt.handle["job"]}]}


def test_54_and_55_a_lost_answer_finds_the_one_container(tmp_path: Path) -> None:
    fake = Losing()

    async def first() -> str:
        async with Bench(tmp_path, {"ecs": fake}) as bench:
            arn = bench.start(_run_agent())
            await bench.until(lambda: fake.started)
            await bench.engine.close(leave_tasks=True)
            return arn

    async def second(arn: str) -> Finished:
        fake.lose = False
        async with Bench(tmp_path, {"ecs": fake}) as bench:
            return await bench.finish(arn)

    done = asyncio.run(second(asyncio.run(first())))
    done.check_whole()
    assert done.status == "SUCCEEDED"
    assert fake.started == ["job-3"]
    assert done.types.count("TaskScheduled") == 1
