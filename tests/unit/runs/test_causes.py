"""The meaning of the machine's errors and causes, in words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stepherd.runs.causes import failure_of


def task(**fields: Any) -> str:
    return json.dumps(
        {"Containers": [{"Name": "git", "LastStatus": "STOPPED"}], "LastStatus": "STOPPED", **fields}
    )


def exited(code: int) -> str:
    return task(
        Containers=[{"Name": "side"}, {"Name": "git", "ExitCode": code}], StopCode="EssentialContainerExited"
    )


@pytest.mark.parametrize(
    ("error", "cause", "category", "words"),
    [
        (
            "States.TaskFailed",
            exited(137),
            "task",
            "exit code 137: it was killed, or ran out of memory",
        ),
        ("States.TaskFailed", exited(139), "task", "it crashed"),
        ("States.TaskFailed", exited(1), "task", "exit code 1: it left no result"),
        (
            "States.TaskFailed",
            task(StopCode="TaskFailedToStart", StoppedReason="CannotPullContainerError: no such image"),
            "task",
            "did not run to its end: CannotPullContainerError: no such image",
        ),
        ("CloneRepositoryFailed", f"States.TaskFailed: {exited(137)}", "task", "exit code 137"),
        ("CommitAndPushFailed", "States.Timeout: ", "timeout", "took longer than allowed"),
        ("States.Timeout", "", "timeout", "took longer than allowed"),
        (
            "AmazonECS.Unknown",
            "RESOURCE:MEMORY",
            "capacity",
            "No container could be started: RESOURCE:MEMORY",
        ),
        (
            "AmazonECS.Unknown",
            json.dumps({"Failures": [{"Reason": "RESOURCE:MEMORY", "Arn": "a"}], "Tasks": []}),
            "capacity",
            "RESOURCE:MEMORY, which is not available now",
        ),
        (
            "CloneRepositoryFailed",
            f"AmazonECS.Unknown: {json.dumps({'Failures': [{'Reason': 'AGENT'}]})}",
            "capacity",
            "AGENT: ECS cannot reach the cluster",
        ),
        (
            "AmazonECS.Unknown",
            json.dumps({"Failures": [{"Reason": "MISSING"}]}),
            "capacity",
            "no longer exists",
        ),
        (
            "AmazonECS.Unknown",
            json.dumps({"Failures": [], "Tasks": []}),
            "capacity",
            "No container could be started",
        ),
        ("AmazonECS.Unknown", json.dumps({"Failures": [{}, 1], "Tasks": 2}), "capacity", "No container"),
        (
            "CloneRepositoryFailed",
            "ECS.AmazonECSException: Capacity is unavailable",
            "capacity",
            "Capacity is unavailable",
        ),
        (
            "InvalidRequest",
            json.dumps({"errorMessage": "No repository is named.", "errorType": "InvalidRequest"}),
            "function",
            "No repository is named.",
        ),
        (
            "AuthenticateFailed",
            'States.TaskFailed: {"Status": "FAILED", "Error": "Declined", "Cause": "you declined"}',
            "machine",
            "you declined",
        ),
        ("Whatever", "", "machine", "Whatever"),
        ("Whatever", "\x1b[31mred\x07", "machine", "Whatever: red"),
        ("Whatever", "[" * 100_000, "machine", "Whatever: [["),
    ],
)
def test_a_cause_is_said_in_words(error: str, cause: str, category: str, words: str) -> None:
    failure = failure_of(error, cause)
    assert failure.category == category
    assert words in failure.message
    assert len(failure.message) < 1100


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        # A person who ended a process of this machine by its id has no task to give memory to.
        (exited(137), ("Redrive", "this machine", "stack", "AgentMemory")),
        (task(StoppedReason="CannotPullContainerError: x: no."), ("build.sh", "--image")),
    ],
)  # fmt: skip
def test_a_remedy_fits_a_laptop_and_a_stack(cause: str, words: tuple[str, ...]) -> None:
    failure = failure_of("States.TaskFailed", cause)
    assert all(word in failure.remedy for word in words)
    assert ".." not in failure.message
