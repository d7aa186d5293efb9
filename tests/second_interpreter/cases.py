"""Runs of all machines with scripted tasks: what each state is answered, and how the run must end."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["CASES", "MACHINES", "RunCase"]

Answer = Mapping[str, Any]
"""``{"Return": value}`` or ``{"Throw": {"Error": …, "Cause": …}}``, as LocalStack's mocks have it."""

MACHINES = {"keep": "KeepStateMachine", "login": "LoginStateMachine", "pipeline": "PipelineStateMachine"}
TASK = {"Return": {"Containers": [{"Name": "git", "ExitCode": 0}], "LastStatus": "STOPPED"}}
FACTS = {
    "run_id": "run_1", "folder": "s3://bucket/runs/run_1", "agent": "q", "push": "branch",
    "git_credentials": "",
    "login": {"needed": False, "kind": "", "database": ""}, "agent_credentials": "", "timeout_seconds": 60,
    "agent_task_seconds": 960, "request_digest": "d" * 64, "instructions_digest": "e" * 64,
}  # fmt: skip
NEEDED = {**FACTS, "login": {"needed": True, "kind": "q", "database": "s3://bucket/logins/q/data.sqlite3"}}
VALID = {"status": "valid", "account": "ada", "expires_at": "2027-01-01T00:00:00Z", "holder": ""}
HELD = {"status": "held", "holder": "run_0", "text": "In use by run_0.", "remedy": "Wait."}
ASKED = {"subject": "s", "text": "t", "attempt": "a", "code": 1}
# Mocks cannot throw a name of States; States.TaskFailed, which is caught, stands for this one, too.
FAILED = {"Throw": {"Error": "Task.Ended", "Cause": "it ended with 7"}}
REPORTED = {"Throw": {"Error": "RunFailed", "Cause": "reported"}}


def payload(value: Any) -> Answer:
    """The answer of a function that returns ``value``."""
    return {"Return": {"StatusCode": 200, "Payload": value}}


@dataclass(frozen=True)
class RunCase:
    """One execution. ``answers``: state → what each of its tries is answered; the last one repeats."""

    name: str
    machine: str
    status: str
    answers: Mapping[str, tuple[Answer, ...]]
    input: Mapping[str, Any] = field(default_factory=lambda: {"instructions": "s3://bucket/key"})

    def mocks(self) -> dict[str, str]:
        """State → name of its answers, for LocalStack's file of mocks."""
        return {state: f"{self.name}-{state}" for state in self.answers}

    def responses(self) -> dict[str, Any]:
        """The answers under these names, by the number of the try."""
        found = {}
        for state, answers in self.answers.items():
            numbered = {str(number): dict(answer) for number, answer in enumerate(answers[:-1])}
            numbered[f"{len(answers) - 1}-{len(answers) + 8}"] = dict(answers[-1])
            found[f"{self.name}-{state}"] = numbered
        return found


_RUN: Mapping[str, tuple[Answer, ...]] = {
    "PrepareRun": (payload(FACTS),), "CloneRepository": (TASK,), "RunAgent": (TASK,),
    "CommitAndPush": (TASK,),
    "PersistDatabase": (TASK,), "PushPartialWork": (TASK,),
    "PersistDatabaseAfterFailure": (TASK,),
    "ReportRun": (payload({"status": "succeeded"}),), "ReportFailure": (REPORTED,),
    "Authenticate": ({"Return": {"Status": "SUCCEEDED", "Output": {"status": "valid"}}},),
}  # fmt: skip
_LOGIN: Mapping[str, tuple[Answer, ...]] = {
    "CheckLogin": (payload(VALID),), "StartLogin": (payload(ASKED),),
    "AwaitLoginApproval": ({"Return": VALID},),
}  # fmt: skip
_ONLY_BUNDLE = payload({**FACTS, "push": "none"})
_NOBODY = payload({"status": "needed"})
_IN_TURNS = {**_LOGIN, "CheckLogin": (payload(HELD), payload(VALID))}
_WANTED = {"agent": "q", "folder": "f", "reference": "r", "run_id": "run_1"}
_STOPPED = {"Throw": {"Error": "Task.Ended", "Cause": json.dumps({"StopCode": "SpotInterruption"})}}

_LEFT = {"tasks": 0, "redriven": False, "redrives": 0, "run": FACTS, "push": True,
         "persist": True}  # fmt: skip
_KEEP: Mapping[str, tuple[Answer, ...]] = {
    "AwaitTasks": (payload(_LEFT),), "PushWork": (TASK,), "PersistLogin": (TASK,),
    "ReportStopped": (payload({"status": "failed", "branch": "b"}),), "ReportFailure": (REPORTED,),
}  # fmt: skip
_ENDED = {"run_id": "run_1", "execution": "arn", "status": "ABORTED", "cause": "enough", "started": "s"}

CASES = (
    RunCase("good", "pipeline", "SUCCEEDED", _RUN),
    RunCase("good-with-login", "pipeline", "SUCCEEDED", {**_RUN, "PrepareRun": (payload(NEEDED),)}),
    RunCase("no-push", "pipeline", "SUCCEEDED", {**_RUN, "PrepareRun": (_ONLY_BUNDLE,)}),
    RunCase("agent-fails", "pipeline", "FAILED", {**_RUN, "RunAgent": (FAILED,)}),
    RunCase("clone-fails", "pipeline", "FAILED", {**_RUN, "CloneRepository": (FAILED,)}),
    RunCase("push-fails", "pipeline", "FAILED", {**_RUN, "CommitAndPush": (FAILED,)}),
    RunCase("agent-interrupted", "pipeline", "SUCCEEDED", {**_RUN, "RunAgent": (_STOPPED, TASK)}),
    RunCase("kept", "keep", "SUCCEEDED", _KEEP, _ENDED),
    RunCase("kept-when-its-task-has-ended", "keep", "SUCCEEDED",
            {**_KEEP, "AwaitTasks": (payload({**_LEFT, "tasks": 1}), payload(_LEFT))}, _ENDED),
    RunCase("nothing-to-keep", "keep", "SUCCEEDED",
            {**_KEEP, "AwaitTasks": (payload({**_LEFT, "run": {"request_digest": ""}, "push": False,
                                              "persist": False}),)}, _ENDED),
    RunCase("redriven-meanwhile", "keep", "SUCCEEDED",
            {**_KEEP, "AwaitTasks": (payload({**_LEFT, "redriven": True}),)}, _ENDED),
    RunCase("not-kept", "keep", "FAILED", {**_KEEP, "PushWork": (FAILED,)}, _ENDED),
    RunCase("not-looked-at", "keep", "FAILED", {**_KEEP, "AwaitTasks": (FAILED,)}, _ENDED),
    RunCase("interrupted", "keep", "SUCCEEDED", {**_KEEP, "PushWork": (_STOPPED, TASK)}, _ENDED),
    RunCase("valid", "login", "SUCCEEDED", _LOGIN, _WANTED),
    RunCase(
        "asked", "login", "SUCCEEDED", {**_LOGIN, "CheckLogin": (_NOBODY,)}, _WANTED
    ),
    RunCase("held-then-valid", "login", "SUCCEEDED", _IN_TURNS, _WANTED),
    RunCase(
        "declined", "login", "FAILED",
        {**_LOGIN, "CheckLogin": (_NOBODY,),
         "AwaitLoginApproval": ({"Throw": {"Error": "LoginDeclined", "Cause": "you declined"}},)},
        _WANTED,
    ),
)  # fmt: skip
