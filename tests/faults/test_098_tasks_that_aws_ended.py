"""Fault 98: a task that AWS ended is tried again with the work so far; one that ended by itself is not.

Each state of the pipeline that runs a task, with its own Catch and the Choice behind it: services by script.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.aws_grants import ROOT
from tests.engine_bench import Finished, Scripted, fails, play
from tests.unit.definition_rules import reached_states, scopes

PIPELINE = json.loads((ROOT / "statemachines" / "pipeline.asl.json").read_text())
RUN_TASK = "arn:aws:states:::ecs:runTask.sync"
OURS = ("TaskFailedToStart", "SpotInterruption", "TerminationNotice", "InfrastructureHealth")
TIMES = 3
DIGESTS = {"request_digest": "d" * 64, "instructions_digest": "e" * 64}
RUN = {
    **DIGESTS,
    "run_id": "run_1",
    "folder": "f",
    "login": {"needed": False, "database": ""},
    "agent_task_seconds": 60,
}


def _tasks() -> Iterator[tuple[str, Mapping[str, Any]]]:
    for scope in scopes(PIPELINE):
        for name, state in scope["States"].items():
            if state.get("Resource") == RUN_TASK:
                yield name, scope["States"]


TASKS = dict(_tasks())


def _machine(name: str) -> dict[str, Any]:
    """The state and what is behind it; what it names is assigned before."""
    states = TASKS[name]
    judge = states[f"{name}Stopped"]
    after = {key: states[key] for key in [f"{name}Failed"] if key in states}
    environment = states[name]["Arguments"]["Overrides"]
    state = {**states[name], "TimeoutSeconds": 600, "Arguments": {"Overrides": environment}}
    state = {key: value for key, value in state.items() if key not in {"Next", "End"}}
    states = {
        "Begin": {
            "Type": "Pass",
            "Assign": {"run": {**RUN, "git_credentials": "", "agent_credentials": ""}, "authenticated": 0},
            "Next": name,
        },
        name: {**state, "Next": "Done"},
        f"{name}Stopped": judge,
        "Done": {"Type": "Succeed"},
        "TurnIsOver": {"Type": "Fail", "Error": "TurnIsOver"},
        "KeepPartialWork": {"Type": "Fail", "Error": "{% $failure.error %}", "Cause": "{% $failure.cause %}"},
        **after,
    }
    reached = reached_states({"States": states}, ["Begin"], after_redrive=True)
    return {each: states[each] for each in states if each in reached}


def _ended(code: str, reason: str = "Your Spot Task was interrupted.", **more: Any) -> Exception:
    task = {"Containers": [{"ExitCode": 143}], "StopCode": code, "StoppedReason": reason, **more}
    return fails("States.TaskFailed", json.dumps(task, separators=(",", ":")))


def _ran(home: Path, name: str, *waits: Any) -> tuple[Finished, Scripted]:
    fake = Scripted({"Tasks": []}, waits=list(waits))
    return play(home, _machine(name), integrations={"ecs": fake}), fake


def _attempts(fake: Scripted) -> list[str]:
    overrides = [call["Overrides"]["ContainerOverrides"][0]["Environment"] for call in fake.calls]
    return [pair["Value"] for each in overrides for pair in each if pair["Name"] == "STEPHERD_ATTEMPT"]


def test_every_state_that_runs_a_task_is_here() -> None:
    assert len(TASKS) == 6


@pytest.mark.parametrize("name", TASKS)
@pytest.mark.parametrize("code", OURS)
def test_a_task_that_aws_ended_is_run_again_as_another_attempt(tmp_path: Path, name: str, code: str) -> None:
    done, fake = _ran(tmp_path, name, _ended(code), _ended(code), {"Containers": []})
    assert done.status == "SUCCEEDED"
    # A step gives a failure of the same attempt back: each must have a name of its own.
    assert _attempts(fake) == ["0.0", "0.0.1", "0.0.2"]


@pytest.mark.parametrize("name", TASKS)
def test_but_not_for_ever(tmp_path: Path, name: str) -> None:
    done, fake = _ran(tmp_path, name, _ended("SpotInterruption"))
    assert done.status == "FAILED"
    assert len(fake.calls) == 1 + TIMES
    assert "SpotInterruption" in done.description["cause"]


@pytest.mark.parametrize("name", TASKS)
@pytest.mark.parametrize(
    "ended",
    [
        _ended("EssentialContainerExited"),
        _ended("UserInitiated"),
        _ended("ServiceSchedulerInitiated"),
        _ended("TaskFailedToStart", "CannotPullContainerError: pull image manifest: not found"),
        _ended("TaskFailedToStart", "CannotStartContainerError: no such program"),
        # Parts of a request are inside of texts, whose quotes are written in another way.
        _ended("EssentialContainerExited", Overrides='{"StopCode":"SpotInterruption"}'),
        fails("States.TaskFailed", "no JSON at all"),
        fails("States.TaskFailed", ""),
    ],
    ids=[
        "by itself",
        "stopped",
        "scheduler",
        "no image",
        "no program",
        "a name that lies",
        "no JSON",
        "empty",
    ],
)
def test_what_ended_by_itself_or_never_can_start_is_not(tmp_path: Path, name: str, ended: Exception) -> None:
    done, fake = _ran(tmp_path, name, ended)
    assert done.status == "FAILED"
    assert len(fake.calls) == 1
