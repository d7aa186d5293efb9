"""Processes, threads, files, memory and disk that run out are an outcome with words; the engine lives."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.engine_bench import ECS, LAMBDA, each, machine_of, task
from tests.users import interpreter, python_path

from stepherd.services.step_functions.calls import Refused
from stepherd.services.step_functions.endpoint import endpoint_call

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="only root can act as a user that nobody else is"
)

ROLE = "arn:aws:iam::000000000000:role/R"
SECONDS = 30
_users = itertools.count()


def _task(resource: str, **arguments: Any) -> dict[str, Any]:
    return {**task(resource), "Arguments": arguments}


STATES = {
    "warm": _task(LAMBDA, FunctionName="do", Payload=1),
    "other": _task(LAMBDA, FunctionName="other", Payload=1),
    "job": _task(ECS, TaskDefinition="job", Cluster="c", LaunchType="FARGATE"),
    "many": each({"T": _task(LAMBDA, FunctionName="other", Payload=1)}, Items=list(range(12)), Output=1),
}


class Limited:
    """An engine of a user of its own, so that no other processes count."""

    def __init__(self, folder: Path, user: int) -> None:
        os.chown(folder, user, user)
        self.errors = folder / "errors"
        with self.errors.open("wb") as errors:
            self.process = subprocess.Popen(
                [interpreter(), "-m", "tests.integration.engine.limited_engine", str(folder)],
                env={"PATH": os.environ["PATH"], "PYTHONPATH": python_path(), "HOME": str(folder)},
                cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True,
                user=user, group=user, extra_groups=[],
            )  # fmt: skip
        self._call = endpoint_call(self._line(), SECONDS)
        self._machines = {
            name: self._call(
                "CreateStateMachine",
                {"name": name, "roleArn": ROLE, "definition": json.dumps(machine_of({name: state}))},
            )["stateMachineArn"]
            for name, state in STATES.items()
        }

    def _line(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline().strip()

    def leave(self, what: str) -> None:
        """Leave so much to it."""
        assert self.process.stdin
        self.process.stdin.write(f"{what}\n")
        self.process.stdin.flush()
        assert self._line() == what

    def run(self, name: str) -> dict[str, Any]:
        """Start an execution and wait for its end."""
        arn = self._call("StartExecution", {"stateMachineArn": self._machines[name]})["executionArn"]
        deadline = time.monotonic() + SECONDS
        while True:
            described = self._call("DescribeExecution", {"executionArn": arn})
            if described["status"] != "RUNNING":
                return described
            assert time.monotonic() < deadline, f"{name} has no end"
            time.sleep(0.02)

    def end(self) -> int:
        """SIGTERM; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(SECONDS)


@pytest.fixture
def limited() -> Iterator[Limited]:
    folder = Path(tempfile.mkdtemp(prefix="stepherd-limited-"))  # Another user does not reach pytest's.
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    # Of a user of its own each: the last processes of another one, once gone, would leave more to it.
    engine = Limited(folder, 60_100 + 100 * int(worker) + next(_users))
    try:
        assert engine.run("warm")["status"] == "SUCCEEDED"
        yield engine
    finally:
        engine.process.kill()
        with engine.process:
            pass
        shutil.rmtree(folder)


def _has_words(described: dict[str, Any]) -> None:
    """Whether it succeeded with what it had, or says what it had not."""
    if described["status"] == "SUCCEEDED":
        return
    assert described["error"] in ("Lambda.ServiceException", "States.TaskFailed"), described
    cause = described["cause"]
    words = (
        "No more threads",
        "Resource temporarily unavailable",
        "Too many open files",
        "ended before it began",
    )
    ended = ("exit status", '"ExitCode":')  # It began, and could not start what it needs itself.
    assert "The engine failed" not in cause
    assert any(each in cause for each in (*words, *ended)), cause


def _ends_without_a_fault(engine: Limited) -> None:
    assert engine.end() == 0
    errors = engine.errors.read_text()
    assert "Traceback" not in errors, errors


@pytest.mark.exhaustive
@pytest.mark.parametrize("then", ["it is given back", "it ends"])
@pytest.mark.parametrize(
    "left", ["processes 0", "processes 1", "processes 2", "threads 0", "files 2", "files 5", "memory 1500000"]
)
def test_what_cannot_be_had_is_an_outcome_with_words(limited: Limited, left: str, then: str) -> None:
    limited.leave(left)
    ended = [limited.run(name) for name in ("other", "job", "many")]
    for described in ended:
        _has_words(described)
    assert any(described["status"] == "FAILED" for described in ended), "there was enough of everything"
    if then == "it is given back":
        limited.leave("lift")
        assert [limited.run(name)["status"] for name in STATES] == ["SUCCEEDED"] * 4
    _ends_without_a_fault(limited)


def test_a_server_of_forks_that_cannot_fork_lives_and_its_programs_are_started(limited: Limited) -> None:
    children = Path(f"/proc/{limited.process.pid}/task/{limited.process.pid}/children").read_text().split()
    servers = [pid for pid in children if b"fork_program" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    limited.leave("forks 0")

    assert limited.run("many")["status"] == "SUCCEEDED"

    assert servers
    assert all(b"fork_program" in Path(f"/proc/{pid}/cmdline").read_bytes() for pid in servers)
    limited.leave("lift")
    _ends_without_a_fault(limited)


def test_a_disk_that_takes_nothing_more_is_told_to_whoever_asks(limited: Limited) -> None:
    limited.leave("disk 0")
    with pytest.raises(Refused, match="cannot be written"):
        limited.run("warm")
    limited.leave("lift")
    assert limited.end() == 0
