"""An engine that kills itself at a chosen commit: the subprocess of the crash tests.

Reads one order a line on standard input, runs it in a process of its own (forked, so that imports are paid
once), and answers with how that process ended. ``kill_at`` counts commits from 1; 0 kills never.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from tests.engine_bench import ECS, SQS_TOKEN, Bench, branches, each, task

from stepherd.engine.api.errors import ApiError
from stepherd.engine.integrations.contract import Integration, TaskCall
from stepherd.engine.integrations.ecs import Container, EcsIntegration, TaskDefinition
from stepherd.engine.interpreter.failures import TaskError
from stepherd.engine.journal.database import Journal
from stepherd.engine.journal.records import Attempt, Execution

ANY = [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1}]


def _task(resource: str, arguments: Any, **fields: Any) -> dict[str, Any]:
    return {**task(resource, **fields), "Arguments": arguments}


LAMBDA = "arn:aws:states:::lambda:invoke"
ALL_KINDS: dict[str, Any] = {
    "Begin": {
        "Type": "Pass",
        "Assign": {"n": "{% $states.input.n %}", "run": "{% $uuid() %}"},
        "Next": "Pause",
    },
    "Pause": {"Type": "Wait", "Seconds": 60, "Next": "Flaky"},
    "Flaky": _task(
        LAMBDA, {"do": "flaky"}, Retry=ANY, TimeoutSeconds=50, Output="{% $states.result.did %}", Next="Check"
    ),
    "Check": {
        "Type": "Choice",
        "Choices": [
            {"Condition": "{% $states.input = 'flaky' and $n = 3 %}", "Next": "Both", "Assign": {"ok": True}}
        ],
        "Default": "Wrong",
    },
    "Wrong": {"Type": "Fail", "Error": "Wrong"},
    "Both": branches(
        {
            "Left": _task(LAMBDA, {"do": "left"}, Next="LeftEnd"),
            "LeftEnd": {"Type": "Pass", "Output": "{% $n + 1 %}"},
        },
        {"Right": {"Type": "Wait", "Seconds": 5, "Output": "right"}},
        Next="Job",
    ),
    "Job": _task(ECS, {"TaskDefinition": "job"}, Retry=ANY, Output="{% $states.result.Done %}", Next="Items"),
    "Items": each(
        {"Item": _task(LAMBDA, {"do": "{% 'item' & $states.input %}"}, Output="{% $states.result.did %}")},
        Items="{% [1..$n] %}",
        MaxConcurrency=2,
        Next="Stumble",
    ),
    "Stumble": branches(
        {"Trip": _task(LAMBDA, {"do": "trip"})},
        {"Beside": {"Type": "Wait", "Seconds": 500}},
        Retry=[{"ErrorEquals": ["Tripped"], "MaxAttempts": 1}],
        Catch=[{"ErrorEquals": ["Tripped"], "Next": "Ask", "Output": "{% $states.errorOutput.Error %}"}],
    ),
    "Ask": _task(SQS_TOKEN, {"t": "{% $states.context.Task.Token %}"}, HeartbeatSeconds=90_000, Next="Child"),
    "Child": _task(
        "arn:aws:states:::states:startExecution.sync:2",
        {
            "StateMachineArn": "arn:aws:states:us-east-1:000000000000:stateMachine:Child",
            "Input": {"n": "{% $n %}"},
        },
        Output="{% {'answer': $states.input, 'child': $states.result.Output, 'n': $n, 'ok': $ok} %}",
        Next="End",
    ),
    "End": {"Type": "Succeed"},
}
OUTPUT = {"answer": "yes", "child": {"n": 3}, "n": 3, "ok": True}
ONE_JOB: dict[str, Any] = {
    "Before": {"Type": "Pass", "Next": "Job"},
    "Job": _task(
        ECS,
        {"TaskDefinition": "job"},
        TimeoutSeconds=60,
        Output="{% $states.result.Containers[0].ExitCode %}",
    ),
}


class KillingJournal(Journal):
    """Kills its process at the nth commit, before it or after it."""

    def __init__(self, path: Path, kill_at: int, when: str) -> None:
        self.commits = 0
        self._kill_at = kill_at
        self._when = when
        super().__init__(path)

    def _around(self, when: str) -> None:
        if self.commits == self._kill_at and when == self._when:
            os.kill(os.getpid(), signal.SIGKILL)

    def _commit(self, connection: sqlite3.Connection) -> None:
        self.commits += 1
        self._around("before")
        super()._commit(connection)
        self._around("after")

    def add_execution(self, execution: Execution) -> None:
        self.flush()
        self.commits += 1
        self._around("before")
        super().add_execution(execution)
        self._around("after")


class Effects:
    """The effects of tasks, a line each, in a file that outlives every kill."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def note(self, label: str) -> int:
        """Note that something was done; how often it has been done now."""
        with self._path.open("a") as file:
            file.write(label + "\n")
        return self.counts()[label]

    def counts(self) -> Counter[str]:
        return Counter(self._path.read_text().split()) if self._path.exists() else Counter()


class Doing:
    """A function that does what its ``do`` says. 'flaky' fails the first time, 'trip' always."""

    def __init__(self, effects: Effects) -> None:
        self._effects = effects

    async def submit(self, call: TaskCall) -> Any:
        what = str(call.parameters["do"])
        times = self._effects.note(what)
        await asyncio.sleep(0)
        if what == "flaky" and times == 1:
            raise TaskError("Flaky", None)
        if what == "trip":
            raise TaskError("Tripped", None)
        return {"did": what}

    async def wait(self, call: TaskCall) -> Any:
        raise AssertionError

    async def stop(self, attempt: Attempt) -> None:
        pass


class Asking(Doing):
    """A queue whose reader is ``answer_all``."""

    async def submit(self, call: TaskCall) -> Any:
        self._effects.note("ask")
        return {"MessageId": "m"}


class Job(Doing):
    """A job that is found again by its handle, and does its work once."""

    async def submit(self, call: TaskCall) -> Any:
        if "job" not in call.attempt.handle:
            call.attempt.handle.update({"service": "ecs", "job": f"job{call.attempt.event_id}"})
            call.save()
        return {"Tasks": []}

    async def wait(self, call: TaskCall) -> Any:
        label = str(call.attempt.handle["job"])
        if not self._effects.counts()[label]:
            self._effects.note(label)
        await asyncio.sleep(0)
        return {"Done": label}


async def answer_all(bench: Bench) -> None:
    """Answer every token that somebody waits for, as a person would."""
    while True:
        for token in list(bench.engine.tokens._waiting):
            try:
                attempt = bench.engine.journal.attempt(token)
                submitted = attempt and any(
                    e.type == "TaskSubmitted" and e.previous > attempt.event_id
                    for e in bench.engine.journal.events(attempt.execution)
                    if "sendMessage" in (e.details or "")
                )
                if submitted:
                    bench.call("SendTaskSuccess", taskToken=token, output='"yes"')
            except ApiError:
                pass
        await asyncio.sleep(0)


def _integrations(home: Path, real: bool) -> dict[str, Integration]:
    effects = Effects(home / "effects")
    if real:
        command = ("/bin/sh", "-c", f"echo job >> {home}/effects; exec sleep 0.2")
        definition = TaskDefinition(
            "arn:aws:ecs:r:0:task-definition/job:1", "job", (Container("c", "", command),)
        )
        return {"ecs": EcsIntegration([definition], home / "tasks", {})}
    return {"lambda": Doing(effects), "sqs": Asking(effects), "ecs": Job(effects)}


async def run(order: dict[str, Any]) -> None:
    """Open the home, start the execution or find it, and see it to its end."""
    home, real = Path(order["home"]), bool(order["real"])
    journal = KillingJournal(home / "journal.sqlite3", order["kill_at"], order["when"])
    bench = Bench(home, _integrations(home, real), journal=journal, start=order["now"])
    async with bench:
        bench.machine({"In": {"Type": "Pass"}}, name="Child")
        answering = asyncio.ensure_future(answer_all(bench))
        arn = bench.engine.execution_arn(bench.engine.machine_arn("M"), "e")
        try:
            arn = bench.start(ONE_JOB if real else ALL_KINDS, '{"n":3}')
        except ApiError as error:
            assert error.code == "ExecutionAlreadyExists"
        done = await bench.finish(arn)
        answering.cancel()
        (home / "done.json").write_text(
            json.dumps({"description": done.description, "events": done.events, "commits": journal.commits})
        )


def main() -> None:
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            code = 1
            try:
                asyncio.run(run(order))
                code = 0
            finally:
                sys.stderr.flush()
                os._exit(code)
        _, status = os.waitpid(child, 0)
        print(json.dumps({"code": os.waitstatus_to_exitcode(status)}), flush=True)


if __name__ == "__main__":
    main()
