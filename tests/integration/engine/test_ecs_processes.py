"""ECS tasks as processes: exit codes, containers, environment, stops, adoption (facts/histories.md 2.2)."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.differences import differs
from tests.engine_bench import ECS, Bench, Finished, branches, task
from tests.journal_files import journal_text

from stepherd.engine.integrations.ecs import Container, EcsIntegration, TaskDefinition
from stepherd.engine.journal.clock import SystemClock
from stepherd.engine.runners.processes import _AT_ONCE, LocalProcess
from stepherd.processes.marked import MARKER, family

BASE = "arn:aws:ecs:us-east-1:000000000000"


def shell(script: str, name: str = "main", **fields: Any) -> Container:
    return Container(name, "image:1", ("/bin/sh", "-c", script), **fields)


def ecs(home: Path, *containers: Container, environment: dict[str, str] | None = None) -> EcsIntegration:
    definition = TaskDefinition(f"{BASE}:task-definition/job:1", "job", containers)
    return EcsIntegration([definition], home / "tasks", environment or {})


def job(resource: str = ECS, *, overrides: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    arguments: dict[str, Any] = {"Cluster": "c", "TaskDefinition": "job", "LaunchType": "FARGATE"}
    if overrides:
        arguments["Overrides"] = {"ContainerOverrides": [{"Name": "main", **overrides}]}
    return {**task(resource, **fields), "Arguments": arguments}


def ran(home: Path, *containers: Container, state: dict[str, Any] | None = None, **more: Any) -> Finished:
    async def run() -> Finished:
        integration = ecs(home, *containers, **more)
        async with Bench(home, {"ecs": integration}, clock=SystemClock()) as bench:
            return await bench.run({"T": state or job()})

    done = asyncio.run(run())
    done.check_whole()
    return done


def log(home: Path, container: str = "main") -> str:
    return next(home.glob(f"tasks/*/{container}/log")).read_text()


def left_over(home: Path) -> list[int]:
    """Processes of the home's tasks that still run."""
    names = [f"{path.parent.name}.{path.name}" for path in home.glob("tasks/*/*")]
    return [pid for name in names for pid in family(None, name)]


async def until(holds: Any) -> Any:
    for _ in range(2000):
        got = holds()
        if got:
            return got
        await asyncio.sleep(0.005)
    raise AssertionError("it never came to hold")


def test_a_task_that_succeeds_is_described_as_aws_does(tmp_path: Path) -> None:
    done = ran(tmp_path, shell("echo hello"))

    assert done.types == [
        *("ExecutionStarted", "TaskStateEntered", "TaskScheduled", "TaskStarted", "TaskSubmitted"),
        *("TaskSucceeded", "TaskStateExited", "ExecutionSucceeded"),
    ]
    described = done.output
    assert list(described) == sorted(described)
    assert described["LastStatus"] == "STOPPED"
    assert described["StopCode"] == "EssentialContainerExited"
    assert described["StoppedReason"] == "Essential container in task exited"
    assert described["StartedBy"] == "AWS Step Functions"
    assert described["TaskDefinitionArn"] == f"{BASE}:task-definition/job:1"
    assert described["ClusterArn"] == f"{BASE}:cluster/c"
    assert described["TaskArn"].startswith(f"{BASE}:task/c/")
    assert not {"SdkHttpMetadata", "Tasks", "Failures"} & set(described)
    (container,) = described["Containers"]
    assert container["ExitCode"] == 0
    assert (container["Name"], container["Image"], container["LastStatus"]) == ("main", "image:1", "STOPPED")
    submitted = json.loads(done.details("TaskSubmitted")["output"])
    assert set(submitted) == {"Failures", "SdkHttpMetadata", "SdkResponseMetadata", "Tasks"}
    assert submitted["Failures"] == []
    assert submitted["Tasks"][0]["LastStatus"] == "PROVISIONING"
    assert "ExitCode" not in submitted["Tasks"][0]["Containers"][0]
    assert log(tmp_path) == "hello\n"


@pytest.mark.parametrize("code", [1, 2, 126, 127, 139, 143])
def test_the_exit_code_of_the_essential_container_reaches_the_cause(tmp_path: Path, code: int) -> None:
    script = f"kill -{code - 128} $$" if code > 128 else f"exit {code}"

    done = ran(tmp_path, shell(script))

    assert done.description["error"] == "States.TaskFailed"
    cause = json.loads(done.description["cause"])
    assert cause["Containers"][0]["ExitCode"] == code
    assert cause["StopCode"] == "EssentialContainerExited"


def test_only_an_essential_container_decides_and_its_end_ends_the_others(tmp_path: Path) -> None:
    side = shell("exit 7", "side", essential=False)
    longer = shell(f"touch {tmp_path}/up; exec sleep 600", "longer", essential=False, stop_timeout=5)

    done = ran(tmp_path, shell(f"while [ ! -e {tmp_path}/up ]; do sleep 0.02; done"), side, longer)

    assert done.status == "SUCCEEDED"
    codes = {c["Name"]: c["ExitCode"] for c in done.output["Containers"]}
    assert codes == {"main": 0, "side": 7, "longer": 143}
    assert left_over(tmp_path) == []


def test_a_command_that_is_not_there_fails_to_start(tmp_path: Path) -> None:
    done = ran(tmp_path, Container("main", "image:1", ("no-such-program",)))

    cause = json.loads(done.description["cause"])
    assert done.description["error"] == "States.TaskFailed"
    assert cause["StopCode"] == "TaskFailedToStart"
    assert cause["StoppedReason"].startswith("CannotStartContainerError: no-such-program")
    assert "ExitCode" not in cause["Containers"][0]


def test_plain_run_task_does_not_wait_and_a_later_failure_does_not_matter(tmp_path: Path) -> None:
    done = ran(tmp_path, shell("exit 3"), state=job("arn:aws:states:::ecs:runTask"))

    assert done.status == "SUCCEEDED"
    assert "TaskSubmitted" not in done.types
    assert set(done.output) == {"Failures", "SdkHttpMetadata", "SdkResponseMetadata", "Tasks"}


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"TaskDefinition": "nope"}, "ECS.ClientException"),
        (
            {"TaskDefinition": "job", "Overrides": {"ContainerOverrides": [{"Name": "x"}]}},
            "ECS.InvalidParameterException",
        ),
        (
            {
                "TaskDefinition": "job",
                "Overrides": {"ContainerOverrides": [{"Name": "main", "Command": ["x" * 8200]}]},
            },
            "ECS.InvalidParameterException",
        ),
    ],
)
def test_wrong_requests_fail_as_ecs_says(tmp_path: Path, arguments: dict[str, Any], error: str) -> None:
    done = ran(tmp_path, shell("exit 0"), state={**job(), "Arguments": arguments})

    assert done.description["error"] == error
    assert "Service: AmazonECS; Status Code: 400" in done.description["cause"]


# -- environment -------------------------------------------------------------------------------------


def test_the_environment_is_the_given_one_with_overrides_on_top(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CANARY", "not for tasks")
    container = shell("env; pwd", environment={"FROM_DEFINITION": 'it\'s "1" $x', "BOTH": "definition"})
    overrides = {"Environment": [{"Name": "BOTH", "Value": "override"}, {"Name": "LINES", "Value": "a\nb"}]}

    ran(tmp_path, container, state=job(overrides=overrides), environment={"LANG": "C", "BOTH": "base"})

    text = log(tmp_path)
    assert 'FROM_DEFINITION=it\'s "1" $x\n' in text
    assert "BOTH=override\n" in text
    assert "LINES=a\nb\n" in text
    assert "CANARY" not in text
    names = {line.partition("=")[0] for line in text.splitlines() if "=" in line}
    own = {"PATH", "HOME", "TMPDIR", "PWD", MARKER, "LANG", "BOTH", "FROM_DEFINITION", "LINES"}
    assert names <= own | {"_", "SHLVL", "OLDPWD"}, "an allowlist, nothing else"
    folder = next(tmp_path.glob("tasks/*/main"))
    assert f"HOME={folder}/home" in text
    assert text.splitlines()[-1] == f"{folder}/work"


def test_no_secret_is_in_any_argv_nor_in_the_wrappers_environment(tmp_path: Path) -> None:
    secret = "canary-5f0c"

    async def run() -> None:
        integration = ecs(
            tmp_path, shell("echo ready; exec sleep 600", stop_timeout=5), environment={"TOKEN": secret}
        )
        async with Bench(tmp_path, {"ecs": integration}, clock=SystemClock()) as bench:
            arn = bench.start({"T": job()})
            await until(lambda: list(tmp_path.glob("tasks/*/main/log")) and "ready" in log(tmp_path))
            wrapper = int(next(tmp_path.glob("tasks/*/main/pid")).read_text())
            mine = family(
                None,
                Path(f"/proc/{wrapper}/environ")
                .read_bytes()
                .split(f"{MARKER}=".encode())[1]
                .split(b"\0")[0]
                .decode(),
            )
            assert wrapper in mine
            assert len(mine) == 2
            for pid in mine:
                assert secret.encode() not in Path(f"/proc/{pid}/cmdline").read_bytes()
            assert secret.encode() not in Path(f"/proc/{wrapper}/environ").read_bytes()
            bench.call("StopExecution", executionArn=arn)
            await bench.finish(arn)
            journal = (tmp_path / "journal.sqlite3").read_bytes()
            wal = tmp_path / "journal.sqlite3-wal"
            assert secret.encode() not in journal + (wal.read_bytes() if wal.exists() else b"")
            assert secret not in journal_text(tmp_path / "journal.sqlite3")

    asyncio.run(run())


# -- stopping ----------------------------------------------------------------------------------------

DAEMON = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for fd in range(3, 64):
            try: os.close(fd)
            except OSError: pass
        open(sys.argv[1], 'w').write(str(os.getpid()))
        time.sleep(600)
    os._exit(0)
os.wait()
"""


def daemon(home: Path) -> str:
    (home / "daemon.py").write_text(DAEMON)
    return f"{sys.executable} {home}/daemon.py {home}/daemon.pid"


def test_what_a_container_leaves_behind_is_gone_when_it_ends(tmp_path: Path) -> None:
    done = ran(tmp_path, shell(f"{daemon(tmp_path)}; sleep 600 & exit 0"))

    assert done.status == "SUCCEEDED"
    assert (tmp_path / "daemon.pid").exists()
    assert left_over(tmp_path) == []


@pytest.mark.parametrize("obeys", [True, False])
def test_stop_gives_a_container_its_grace_and_leaves_no_process(tmp_path: Path, obeys: bool) -> None:
    trap = "trap 'echo obeyed; exit 0' TERM" if obeys else "trap '' TERM"
    script = f"{trap}; {daemon(tmp_path)}; echo ready; sleep 600 & while :; do wait; sleep 0.05; done"

    async def run() -> Finished:
        integration = ecs(tmp_path, shell(script, stop_timeout=20 if obeys else 0.3))
        async with Bench(tmp_path, {"ecs": integration}, clock=SystemClock()) as bench:
            arn = bench.start({"T": job()})
            await until(lambda: list(tmp_path.glob("tasks/*/main/log")) and "ready" in log(tmp_path))
            assert left_over(tmp_path)
            bench.call("StopExecution", executionArn=arn, error="Stopped")
            return await bench.finish(arn)

    done = asyncio.run(run())
    done.check_whole()
    assert done.status == "ABORTED"
    assert ("obeyed" in log(tmp_path)) is obeys
    assert left_over(tmp_path) == []


def test_a_command_that_takes_its_time_to_end_is_told_once(tmp_path: Path) -> None:
    """As on ECS: what saves its work at the first signal may take a second one for an order to let it be."""
    script = "trap 'echo told; sleep 1.5; exit 0' TERM; echo ready; sleep 600 & while :; do wait; done"

    async def run() -> Finished:
        integration = ecs(tmp_path, shell(script, stop_timeout=20))
        async with Bench(tmp_path, {"ecs": integration}, clock=SystemClock()) as bench:
            arn = bench.start({"T": job()})
            await until(lambda: list(tmp_path.glob("tasks/*/main/log")) and "ready" in log(tmp_path))
            bench.call("StopExecution", executionArn=arn, error="Stopped")
            return await bench.finish(arn)

    assert asyncio.run(run()).status == "ABORTED"
    assert log(tmp_path).count("told") == 1


def test_a_state_machines_timeout_stops_the_container(tmp_path: Path) -> None:
    async def run() -> Finished:
        integration = ecs(tmp_path, shell("exec sleep 600", stop_timeout=5))
        async with Bench(tmp_path, {"ecs": integration}, clock=SystemClock()) as bench:
            return await bench.run({"T": job()}, TimeoutSeconds=1)

    done = asyncio.run(run())
    assert done.status == "TIMED_OUT"
    assert left_over(tmp_path) == []


@differs("A Task whose state times out has its container stopped; on AWS it runs until its own deadline.")
def test_a_states_timeout_and_a_failed_sibling_stop_the_container(tmp_path: Path) -> None:
    late = {"W": {"Type": "Wait", "Seconds": 1, "Next": "F"}, "F": {"Type": "Fail"}}

    async def run(states: dict[str, Any]) -> Finished:
        integration = ecs(tmp_path, shell("exec sleep 600", stop_timeout=5))
        async with Bench(tmp_path, {"ecs": integration}, clock=SystemClock()) as bench:
            return await bench.run(states, name=next(iter(states)))

    timed_out = asyncio.run(run({"T": job(TimeoutSeconds=1)}))
    failed = asyncio.run(run({"P": branches({"J": job()}, late)}))
    assert timed_out.description["error"] == "States.Timeout"
    assert "TaskStateAborted" in failed.types
    assert left_over(tmp_path) == []


# -- adoption ----------------------------------------------------------------------------------------


def _begin(home: Path, script: str) -> None:
    """Start a task, and leave it to the next engine."""

    async def run() -> None:
        bench = Bench(home, {"ecs": ecs(home, shell(script))}, clock=SystemClock())
        await bench.__aenter__()
        arn = bench.start({"T": job()})
        await until(lambda: list(home.glob("tasks/*/main/log")) and "began" in log(home))
        await until(lambda: "TaskSubmitted" in bench.finished(arn).types)
        await bench.engine.close(leave_tasks=True)

    asyncio.run(run())


def _resume(home: Path, script: str) -> Finished:
    async def run() -> Finished:
        async with Bench(home, {"ecs": ecs(home, shell(script))}, clock=SystemClock()) as bench:
            (arn,) = bench.resumed
            (home / "go").touch()
            return await bench.finish(arn)

    done = asyncio.run(run())
    done.check_whole()
    return done


WAITS = "echo began >> {0}/count; echo began; while [ ! -e {0}/go ]; do sleep 0.02; done; exit {1}"


@pytest.mark.parametrize("code", [0, 5])
def test_a_process_that_lives_is_adopted_with_its_exit_code(tmp_path: Path, code: int) -> None:
    script = WAITS.format(tmp_path, code)
    _begin(tmp_path, script)

    done = _resume(tmp_path, script)

    shown = done.output if code == 0 else json.loads(done.description["cause"])
    assert shown["Containers"][0]["ExitCode"] == code
    assert (tmp_path / "count").read_text() == "began\n"


def test_a_process_that_ended_meanwhile_is_believed(tmp_path: Path) -> None:
    script = WAITS.format(tmp_path, 4)
    _begin(tmp_path, script)
    (tmp_path / "go").touch()
    exit_file = next(tmp_path.glob("tasks/*/main")) / "exit"
    asyncio.run(until(exit_file.exists))

    done = _resume(tmp_path, script)

    assert json.loads(done.description["cause"])["Containers"][0]["ExitCode"] == 4
    assert (tmp_path / "count").read_text() == "began\n"


def test_a_process_that_vanished_without_a_code_is_started_again_and_its_remains_are_killed(
    tmp_path: Path,
) -> None:
    script = WAITS.format(tmp_path, 0)
    _begin(tmp_path, script)
    os.kill(int(next(tmp_path.glob("tasks/*/main/pid")).read_text()), signal.SIGKILL)
    orphan = left_over(tmp_path)
    assert orphan, "the wrapper is gone, its command is not"

    done = _resume(tmp_path, script)

    assert done.status == "SUCCEEDED"
    assert (tmp_path / "count").read_text() == "began\nbegan\n"
    assert left_over(tmp_path) == []


def test_an_engine_that_leaves_and_stops_its_tasks_starts_them_again_later(tmp_path: Path) -> None:
    script = WAITS.format(tmp_path, 0)

    async def begin() -> None:
        async with Bench(tmp_path, {"ecs": ecs(tmp_path, shell(script))}, clock=SystemClock()) as bench:
            bench.start({"T": job()})
            await until(lambda: list(tmp_path.glob("tasks/*/main/log")) and "began" in log(tmp_path))

    asyncio.run(begin())
    assert left_over(tmp_path) == []

    done = _resume(tmp_path, script)

    assert done.status == "SUCCEEDED", "the 143 of the stop is not taken for the task's own"
    assert (tmp_path / "count").read_text() == "began\nbegan\n"


def test_a_task_whose_execution_was_stopped_by_a_dying_engine_is_reaped_by_the_next(tmp_path: Path) -> None:
    _begin(tmp_path, "echo began; exec sleep 600")

    async def die() -> None:
        bench = Bench(tmp_path, {"ecs": ecs(tmp_path, shell("true"))}, clock=SystemClock())
        await bench.__aenter__()
        bench.call("StopExecution", executionArn=bench.resumed[0])
        bench.engine._leaving = True  # It dies before it can stop the task.
        await bench.engine.close(leave_tasks=True)

    async def live() -> None:
        async with Bench(tmp_path, {"ecs": ecs(tmp_path, shell("true"))}, clock=SystemClock()) as bench:
            await bench.engine.quiet()

    asyncio.run(die())
    assert left_over(tmp_path)
    asyncio.run(live())
    assert left_over(tmp_path) == []


@pytest.mark.parametrize(
    "written", [b"", b"export A=1\n", b"export A='half a val", b"export A=1\nSTEPHERD_REA"]
)
def test_a_wrapper_whose_engine_died_before_it_was_ready_runs_nothing(tmp_path: Path, written: bytes) -> None:
    process = LocalProcess(tmp_path / "t", "t.main")
    pipe = process._begin(_AT_ONCE, ["/bin/sh", "-c", f"touch {tmp_path}/ran"])
    os.write(pipe, written)
    os.close(pipe)

    assert asyncio.run(process.ended()) == 137
    assert not process.alive()
    assert not (tmp_path / "ran").exists()
    assert process.exit_code() is None, "so that the next engine starts it again"
