"""How a container's command is started."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from stepherd.engine.runners.contract import ContainerSpec, ProcessRunner
from stepherd.engine.runners.processes import LocalProcess


def started(process: LocalProcess, argv: list[str]) -> str | None:
    return asyncio.run(ProcessRunner().start(process, ContainerSpec("image"), argv, {}))


@pytest.mark.parametrize("name", ["python", "python3"])
def test_python_is_the_interpreter_that_runs_here(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # GIVEN a system without a program of that name
    monkeypatch.setattr("stepherd.engine.runners.contract.interpreter_path", lambda: "/nonexistent")
    process = LocalProcess(tmp_path / "container", "task.container")
    # WHEN
    reason = started(process, [name, "-c", "import sys; print(sys.executable)"])
    # THEN
    assert reason is None
    assert asyncio.run(process.ended()) == 0
    assert process.log.read_text().strip() == sys.executable


def test_a_program_that_is_not_there_is_refused_in_ecs_words(tmp_path: Path) -> None:
    reason = started(LocalProcess(tmp_path / "c", "t.c"), ["no-such-program"])
    assert reason == "CannotStartContainerError: no-such-program: executable file not found in $PATH"
