"""Proves every state of Stepherd's machines in an AWS account, without deploying anything.

    python examples/prove_states.py --region eu-west-1

Each state goes through Step Functions' own TestState, with a mock for what its task would answer: nothing is
started, nothing costs anything, and no role is needed, only the right states:TestState. One line for each
case. The exit code is 1 when Step Functions goes another way than the definition says. See also
docs/how-to-prove-the-states.md.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Case", "cases", "main", "prove"]

MACHINES = Path(__file__).resolve().parents[1] / "statemachines"
PLACE = "us-east-1:123456789012"
ARNS = {
    "ClusterArn": f"arn:aws:ecs:{PLACE}:cluster/c",
    "GitTaskDefinitionArn": f"arn:aws:ecs:{PLACE}:task-definition/git:1",
    "AgentTaskDefinitionArn": f"arn:aws:ecs:{PLACE}:task-definition/agent:1",
    "LoginStateMachineArn": f"arn:aws:states:{PLACE}:stateMachine:login",
    "LoginTopicArn": f"arn:aws:sns:{PLACE}:login",
    "SubnetIds": "subnet-1,subnet-2",
    "SecurityGroupIds": "sg-1",
    "AssignPublicIp": "ENABLED",
}
RUN = {
    "run_id": "run_1", "request_digest": "d" * 64,
    "instructions_digest": "e" * 64, "folder": "s3://bucket/runs/run_1", "agent": "q", "push": "branch",
    "git_credentials": "",
    "login": {"needed": True, "kind": "q", "database": "s3://bucket/logins/q/data.sqlite3"},
    "agent_credentials": "", "timeout_seconds": 60, "agent_task_seconds": 960,
}  # fmt: skip
FAILURE = {"state": "RunAgent", "error": "States.TaskFailed", "cause": "{}", "redrives": 0}
LOGIN = {"status": "valid", "account": "ada", "expires_at": "2027-01-01T00:00:00Z", "holder": "run_0"}
LOGIN |= {"text": "Used by run_0.", "remedy": "Wait."}
LEFT = {"tasks": 0, "redriven": False, "redrives": 0, "run": RUN, "push": True, "persist": True}
VARIABLES: Mapping[str, Any] = {
    "run": RUN, "left": LEFT, "failure": FAILURE, "authenticated": 0, "login": LOGIN, "checks": 1, "pause": 2,
    "network": {"AwsvpcConfiguration": {"Subnets": ["subnet-1"], "SecurityGroups": ["sg-1"]}},
    "wanted": {"run_id": "run_1", "agent": "q"}, "waits_for": "nobody",
    "asked": {"subject": "s", "text": "t", "attempt": "a", "code": 1},
}  # fmt: skip
TASK = {"Containers": [{"Name": "git", "ExitCode": 0}], "LastStatus": "STOPPED"}
ANSWERS = {
    "ecs:runTask.sync": TASK,
    "states:startExecution.sync:2": {
        "ExecutionArn": "arn",
        "Status": "SUCCEEDED",
        "Output": {"status": "valid"},
    },
    "sns:publish.waitForTaskToken": LOGIN,
}
PAYLOADS: Mapping[str, Any] = {"PrepareRun": RUN, "CheckLogin": LOGIN, "StartLogin": VARIABLES["asked"]}
PAYLOADS = {**PAYLOADS, "AwaitTasks": LEFT, "AmendRun": {"run": RUN}, "ReportFailure": {"run": RUN}}
INTERRUPTED = json.dumps({"StopCode": "SpotInterruption", "StoppedReason": "Spot"}, separators=(",", ":"))
ENDED = {"run_id": "run_1", "execution": "arn", "status": "ABORTED", "cause": "enough", "started": "s"}
"""The input of the keep machine."""
NO_PUSH, NO_LOGIN = {"push": "none"}, {"login": {"needed": False}}
CHOICES: Mapping[str, list[tuple[Mapping[str, Any], Mapping[str, Any], str]]] = {
    "LoginAgain": [
        ({}, {}, "AuthenticateAndClone"),
        ({"run": {**RUN, "login": {"needed": False}}}, {}, "RunAgent"),
    ],
    "LoginNeeded": [
        ({}, {}, "Authenticate"),
        ({"run": {**RUN, "login": {"needed": False}}}, {}, "LoginNotNeeded"),
    ],
    "TasksHaveEnded": [
        ({}, {"looks": 1}, "KeepWork"),
        ({"left": {**LEFT, "tasks": 1}}, {"looks": 1}, "PauseForTasks"),
        ({"left": {**LEFT, "redriven": True}}, {"looks": 1}, "RunGoesOn"),
    ],
    "WorkToPush": [({}, {}, "PushWork"), ({"left": {**LEFT, "push": False}}, {}, "NoWorkToPush")],
    "LoginToPersist": [
        ({}, {}, "PersistLogin"),
        ({"left": {**LEFT, "persist": False}}, {}, "NoLoginToPersist"),
    ],
    "LoginState": [
        ({}, {}, "LoginReady"),
        ({"login": {**LOGIN, "status": "held"}}, {}, "WaitForHolder"),
        ({"login": {**LOGIN, "status": "needed"}}, {}, "StartLogin"),
        ({"login": {**LOGIN, "status": "held"}, "checks": 1300}, {}, "HolderDoesNotEnd"),
    ],
    **{
        name: [({}, {}, wanted), ({"run": {**RUN, **without}}, {}, other)]
        for name, wanted, without, other in (
            ("PushWanted", "CommitAndPush", NO_PUSH, "NoPushWanted"),
            ("PartialPushWanted", "PushPartialWork", NO_PUSH, "NoPartialPushWanted"),
            ("DatabaseToPersist", "PersistDatabase", NO_LOGIN, "NoDatabaseToPersist"),
            (
                "DatabaseToPersistAfterFailure",
                "PersistDatabaseAfterFailure",
                NO_LOGIN,
                "NoDatabaseToPersistAfterFailure",
            ),
        )
    },
}
"""For a Choice: variables and input of a case, and where it leads. Others go by their default."""


@dataclass(frozen=True)
class Case:
    """One call of TestState, and what it must say."""

    name: str
    scope: Mapping[str, Any]
    """The machine or branch: a definition of its own."""
    state: str
    status: str
    next: str | None
    input: Mapping[str, Any] = field(default_factory=lambda: {"ready": True})
    variables: Mapping[str, Any] = field(default_factory=lambda: VARIABLES)
    mock: Mapping[str, Any] | None = None

    def request(self) -> dict[str, Any]:
        """The parameters of TestState."""
        given: dict[str, Any] = {
            "definition": json.dumps(self.scope), "stateName": self.state, "input": json.dumps(self.input),
            "variables": json.dumps(self.variables), "context": json.dumps(_context(self.state)),
            "inspectionLevel": "INFO",
        }  # fmt: skip
        if self.mock:
            given["mock"] = {**self.mock, "fieldValidationMode": "NONE"}
        return given


def _context(state: str) -> dict[str, Any]:
    execution = f"arn:aws:states:{PLACE}:execution:pipeline:run_1"
    return {
        "Execution": {
            "Id": execution, "Name": "run_1", "RedriveCount": 0,
            "Input": {"instructions": "s3://b/k", **ENDED},
            "RoleArn": "arn:aws:iam::123456789012:role/r", "StartTime": "2026-11-21T10:00:00Z",
        },
        "State": {"Name": state, "EnteredTime": "2026-11-21T10:00:00Z", "RetryCount": 0},
        "StateMachine": {"Id": f"arn:aws:states:{PLACE}:stateMachine:pipeline", "Name": "pipeline"},
        "Task": {"Token": "token"},
    }  # fmt: skip


def cases(path: Path) -> Iterator[Case]:
    """Every state of a machine: well, each way out when it fails, and one fault that is tried again."""
    text = path.read_text(encoding="utf-8")
    named = re.sub(r"\$\{(\w+)\}", lambda found: _arn_of(found[1]), text)
    for scope in _scopes(json.loads(named)):
        for name, state in scope["States"].items():
            yield from _cases_of(f"{path.name.partition('.')[0]}/{name}", scope, name, state)


def _arn_of(name: str) -> str:
    return ARNS.get(name) or f"arn:aws:lambda:{PLACE}:function:{name}"


def _scopes(scope: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield scope
    for state in scope["States"].values():
        for branch in state.get("Branches", []):
            yield from _scopes({"QueryLanguage": "JSONata", **branch})


def _cases_of(title: str, scope: Mapping[str, Any], name: str, state: Mapping[str, Any]) -> Iterator[Case]:
    after = state.get("Next")
    match state["Type"]:
        case "Task" | "Parallel":
            result = [{}, {}] if state["Type"] == "Parallel" else _answer(name, state)
            mock = {"result": json.dumps(result)}
            yield Case(title, scope, name, "SUCCEEDED", after, mock=mock)
            yield from _failing(title, scope, name, state)
        case "Choice":
            for variables, given, target in CHOICES.get(name, [({}, {}, state["Default"])]):
                ended = {"stops": 1, "Error": "States.TaskFailed", "Cause": "{}", **given}
                whole = {**VARIABLES, **variables}
                yield Case(f"{title} to {target}", scope, name, "SUCCEEDED", target, ended, whole)
            if name.endswith("Stopped"):
                ended = {"stops": 1, "Error": "States.TaskFailed", "Cause": INTERRUPTED}
                target = state["Choices"][0]["Next"]
                yield Case(f"{title} to {target}", scope, name, "SUCCEEDED", target, ended)
        case "Fail":
            failed = {"Error": "States.TaskFailed", "Cause": "why"}
            yield Case(title, scope, name, "FAILED", None, failed)
        case _:
            yield Case(title, scope, name, "SUCCEEDED", after)


def _answer(name: str, state: Mapping[str, Any]) -> Any:
    integration = state["Resource"].removeprefix("arn:aws:states:::")
    if integration == "lambda:invoke":
        return {"StatusCode": 200, "Payload": PAYLOADS.get(name, {"status": "ok"})}
    return ANSWERS[integration]


def _failing(title: str, scope: Mapping[str, Any], name: str, state: Mapping[str, Any]) -> Iterator[Case]:
    caught = [error for catcher in state.get("Catch", []) for error in catcher["ErrorEquals"]]
    # States.TaskFailed stands for every error but a timeout.
    rest = "States.Timeout" if "States.TaskFailed" in caught else "Permanent.Fault"
    for catcher in state.get("Catch", []):
        # A missed heartbeat is matched by a name that no task gives itself.
        error = next((each for each in catcher["ErrorEquals"] if each != "States.HeartbeatTimeout"), "")
        error = rest if error == "States.ALL" else error
        if error == "States.QueryEvaluationError":
            continue  # The state's own expressions raise it, not its task.
        mock = {"errorOutput": {"error": error, "cause": "{}"}}
        yield Case(f"{title} {error}", scope, name, "CAUGHT_ERROR", catcher["Next"], mock=mock)
    for retrier in state.get("Retry", []):
        error = retrier["ErrorEquals"][0]
        mock = {"errorOutput": {"error": error, "cause": "busy"}}
        yield Case(f"{title} {error}", scope, name, "RETRIABLE", None, mock=mock)


def prove(client: Any, case: Case) -> str:
    """Describe the fault of a case; empty when Step Functions goes the way that the definition says."""
    said = client.test_state(**case.request())
    if (said["status"], said.get("nextState")) == (case.status, case.next):
        return ""
    why = f"{said.get('error', '')} {said.get('cause', '')}".strip()
    return f"{said['status']} to {said.get('nextState')}, not {case.status} to {case.next}. {why}".strip()


def main(argv: list[str] | None = None) -> int:
    """Prove all; the exit code."""
    import boto3

    parser = argparse.ArgumentParser(description="Prove every state of the machines by TestState.")
    parser.add_argument("--region", help="default: the AWS settings'")
    client = boto3.client("stepfunctions", region_name=parser.parse_args(argv).region)
    wrong = 0
    for path in sorted(MACHINES.glob("*.asl.json")):
        for case in cases(path):
            fault = prove(client, case)
            wrong += bool(fault)
            print(f"{'NO  ' if fault else 'ok  '}{case.name}{f': {fault}' if fault else ''}")
    print(f"{wrong} went another way." if wrong else "Every state goes the way that its definition says.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
