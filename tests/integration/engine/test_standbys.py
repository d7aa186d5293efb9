"""Processes that stand by for a task: the task runs as it would without, and nothing of them stays."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.engine_bench import ECS, Bench, Finished, task
from tests.processes import gone_soon

from stepherd.engine.clock import SystemClock
from stepherd.engine.integrations.ecs import Container, EcsIntegration, TaskDefinition
from stepherd.engine.processes import LocalProcess, family

ARN = "arn:aws:ecs:us-east-1:000000000000:task-definition/job:1"
PROGRAM = """
import json, os, sys
preloaded = 'decimal' in sys.modules
def preload(words):
    import decimal
def main():
    facts = {'argv': sys.argv[1:], 'cwd': os.getcwd(), 'environment': dict(os.environ),
             'input': sys.stdin.read(), 'path': sys.path[0], 'pid': os.getpid(), 'group': os.getpgrp(),
             'preloaded': preloaded or 'decimal' in sys.modules}
    print(json.dumps(facts), flush=True)
    print('to stderr', file=sys.stderr)
    sys.exit(int(os.environ.get('CODE', '0')))
if __name__ == '__main__':
    main()
"""


@pytest.fixture
def modules(tmp_path: Path) -> Path:
    folder = tmp_path / "modules"
    folder.mkdir()
    (folder / "program.py").write_text(PROGRAM)
    return folder


def integration(home: Path, modules: Path, **own: str) -> EcsIntegration:
    container = Container("main", "image:1", ("python", "-m", "program", "first"), environment=own)
    environment = {"PYTHONPATH": str(modules), "USUAL": "usual"}
    return EcsIntegration([TaskDefinition(ARN, "job", (container,))], home / "tasks", environment)


def job(*words: str, **variables: str) -> dict[str, Any]:
    pairs = [{"Name": name, "Value": value} for name, value in variables.items()]
    override = {"Name": "main", "Command": ["python", "-m", "program", *words], "Environment": pairs}
    return {
        **task(ECS),
        "Arguments": {"TaskDefinition": "job", "Overrides": {"ContainerOverrides": [override]}},
    }


def ran(home: Path, ecs: EcsIntegration, state: dict[str, Any]) -> Finished:
    async def run() -> Finished:
        async with Bench(home, {"ecs": ecs}, clock=SystemClock()) as bench:
            return await bench.run({"T": state})

    try:
        return asyncio.run(run())
    finally:
        ecs.close()


def said(home: Path) -> dict[str, Any]:
    lines = next(home.glob("tasks/*/main/log")).read_text().splitlines()
    assert lines[1:] == ["to stderr"]
    facts: dict[str, Any] = json.loads(lines[0])
    return facts


def standing_by(home: Path) -> list[LocalProcess]:
    return [LocalProcess(p, f"{p.parent.name}.{p.name}") for p in home.glob("tasks/*/main")]


def test_a_task_that_takes_a_process_runs_as_one_that_starts_its_own(tmp_path: Path, modules: Path) -> None:
    """GIVEN the same task twice, THEN all it sees is the same, but that its code was loaded already."""
    seen = {}
    for name, prepared in (("with", True), ("without", False)):
        home = tmp_path / name
        ecs = integration(home, modules, DECLARED="yes")
        if prepared:
            ecs.stand_by()
        done = ran(home, ecs, job("second word", "ü\n'\"", ADDED="a\nb'c", CODE="0"))
        assert done.status == "SUCCEEDED"
        facts = said(home)
        folder = next(home.glob("tasks/*/main"))
        assert facts.pop("preloaded") is prepared
        assert facts.pop("pid") != facts.pop("group")
        text = json.dumps(facts).replace(str(folder), "FOLDER").replace(folder.parent.name, "TASK")
        seen[name] = json.loads(text)
        for made_by_shell in ("PWD", "OLDPWD", "_", "SHLVL"):
            seen[name]["environment"].pop(made_by_shell, None)
    assert seen["with"] == seen["without"]
    assert seen["with"]["argv"] == ["second word", "ü\n'\""]
    assert seen["with"]["environment"]["ADDED"] == "a\nb'c"


def test_its_exit_code_is_the_tasks(tmp_path: Path, modules: Path) -> None:
    ecs = integration(tmp_path, modules)
    ecs.stand_by()
    done = ran(tmp_path, ecs, job(CODE="7"))
    assert done.status == "FAILED"
    assert (
        json.loads(done.events[-1]["executionFailedEventDetails"]["cause"])["Containers"][0]["ExitCode"] == 7
    )


def test_a_task_of_another_program_starts_its_own(tmp_path: Path, modules: Path) -> None:
    (modules / "other.py").write_text(PROGRAM)
    ecs = integration(tmp_path, modules)
    ecs.stand_by()
    state = job()
    state["Arguments"]["Overrides"]["ContainerOverrides"][0]["Command"][2] = "other"
    assert ran(tmp_path, ecs, state).status == "SUCCEEDED"
    assert said(tmp_path)["preloaded"] is False


def test_a_process_that_died_while_it_stood_by_is_replaced(tmp_path: Path, modules: Path) -> None:
    ecs = integration(tmp_path, modules)
    ecs.stand_by()
    [process] = standing_by(tmp_path)
    leader = process.leader()
    assert leader
    os.killpg(leader, signal.SIGKILL)
    gone_soon(leader)
    assert ran(tmp_path, ecs, job()).status == "SUCCEEDED"


def test_closing_leaves_neither_a_process_nor_a_folder(tmp_path: Path, modules: Path) -> None:
    ecs = integration(tmp_path, modules)
    ecs.stand_by()
    [process] = standing_by(tmp_path)
    ecs.close()
    gone_soon(process.leader() or 0)
    assert family(None, process.name) == []
    assert not (tmp_path / "tasks").exists()


def test_what_a_task_is_told_stands_in_no_environment_that_others_can_read(
    tmp_path: Path, modules: Path
) -> None:
    """A secret in a container's environment is not in /proc/PID/environ of a process that stood by."""
    (modules / "program.py").write_text(
        "import os, sys\nprint(open('/proc/self/environ').read().replace('\\0', '\\n'))\n"
    )
    ecs = integration(tmp_path, modules)
    ecs.stand_by()
    assert ran(tmp_path, ecs, job(SECRET="canary-in-environment")).status == "SUCCEEDED"
    shown = next(tmp_path.glob("tasks/*/main/log")).read_text()
    assert "STEPHERD_TASK=" in shown
    assert "canary-in-environment" not in shown


def test_an_engine_that_is_killed_takes_its_waiting_processes_along(tmp_path: Path, modules: Path) -> None:
    """GIVEN an engine killed while a process stood by, THEN that ends without having run anything, and the
    next engine removes its folder."""
    script = (
        "import sys, time\nfrom pathlib import Path\nsys.path.insert(0, sys.argv[1])\n"
        "from tests.integration.engine.test_standbys import integration\n"
        "ecs = integration(Path(sys.argv[2]), Path(sys.argv[3]))\necs.stand_by()\n"
        "print('ready', flush=True)\ntime.sleep(60)\n"
    )
    root = Path(__file__).parents[3]
    argv = [sys.executable, "-c", script, str(root), str(tmp_path), str(modules)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as engine:
        assert engine.stdout
        assert engine.stdout.readline() == b"ready\n"
        [process] = standing_by(tmp_path)
        engine.kill()
    gone_soon(process.leader() or 0)
    assert not process.alive()
    assert process.exit_code() is None, "it never was a task"
    assert not (process.folder / "ready").exists()
    assert process.log.read_text() == ""
    integration(tmp_path, modules).tidy()
    assert list((tmp_path / "tasks").iterdir()) == []


def test_tidying_spares_what_stands_by_for_another_engine_and_what_a_task_took(
    tmp_path: Path, modules: Path
) -> None:
    with _waiting(tmp_path, modules) as process:
        integration(tmp_path, modules).tidy()
        assert process.alive()
        assert process.folder.exists()
    ecs = integration(tmp_path, modules)
    ecs.stand_by()
    ran(tmp_path, ecs, job())
    integration(tmp_path, modules).tidy()
    assert said(tmp_path)["argv"] == []


@contextmanager
def _waiting(home: Path, modules: Path) -> Iterator[LocalProcess]:
    ecs = integration(home, modules)
    ecs.stand_by()
    [process] = standing_by(home)
    yield process
    ecs.close()
