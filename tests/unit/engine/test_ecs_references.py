"""A secret reference env:NAME in a container's environment: only one that names it gets it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from stepherd.engine.integrations.contract import TaskCall
from stepherd.engine.integrations.ecs import Container, EcsIntegration, TaskDefinition
from stepherd.engine.runners.contract import ContainerSpec
from stepherd.engine.runners.processes import LocalProcess

OWN = {"TOKEN": "secret", "OTHER": "other secret", "USUAL": "not passed"}


class Recorder:
    """A runner that starts nothing and keeps each container's environment."""

    def __init__(self) -> None:
        self.environments: dict[str, dict[str, str]] = {}

    def process(self, folder: Path, name: str) -> LocalProcess:
        return LocalProcess(folder, name)

    async def start(
        self, process: LocalProcess, spec: ContainerSpec, argv: Sequence[str], environment: Mapping[str, str]
    ) -> str | None:
        self.environments[process.folder.name] = dict(environment)
        return None


def started(
    tmp_path: Path, names: str, override: list[dict[str, str]] | None = None
) -> dict[str, dict[str, str]]:
    """The environments of two containers, of which ``git`` declares SECRET as ``names``."""
    recorder = Recorder()
    containers = (
        Container("git", "image:1", ("true",), {"SECRET": names}),
        Container("agent", "image:1", ("true",), {"PLAIN": "TOKEN"}),
    )
    definition = TaskDefinition("arn:aws:ecs:here:1:task-definition/job:1", "job", containers)
    integration = EcsIntegration([definition], tmp_path, {"USUAL": "usual"}, recorder, OWN)
    parameters: dict[str, Any] = {"TaskDefinition": "job"}
    if override is not None:
        parameters["Overrides"] = {"ContainerOverrides": [{"Name": "git", "Environment": override}]}
    call = _call(parameters)
    integration._begin(call, definition)
    asyncio.run(integration._start_all(call, definition))
    return recorder.environments


def _call(parameters: dict[str, Any]) -> TaskCall:
    from stepherd.engine.journal.records import Attempt

    attempt = Attempt(1, 1, "token", False, {}, None, None, False)
    return TaskCall(
        **{
            **dict.fromkeys(TaskCall.__dataclass_fields__),
            "execution_arn": "arn:aws:states:here:1:execution:m:e",
            "parameters": parameters,
            "attempt": attempt,
            "save": lambda: None,
        }
    )


def test_a_definition_s_reference_brings_its_variable_to_that_container_alone(tmp_path: Path) -> None:
    environments = started(tmp_path, "env:TOKEN")
    assert environments["git"] == {"USUAL": "usual", "SECRET": "env:TOKEN", "TOKEN": "secret"}
    assert environments["agent"] == {"USUAL": "usual", "PLAIN": "TOKEN"}


def test_an_override_s_reference_does_so_too(tmp_path: Path) -> None:
    environments = started(tmp_path, "", [{"Name": "MORE", "Value": "env:OTHER"}])
    assert environments["git"]["OTHER"] == "other secret"
    assert "TOKEN" not in environments["git"]
    assert "OTHER" not in environments["agent"]


@pytest.mark.parametrize(
    "value", ["", "none", "env:", "env:NOT_SET", "env:TOKEN ", "xenv:TOKEN", "env:TOKEN,OTHER", "file:TOKEN"]
)
def test_nothing_else_is_a_reference(tmp_path: Path, value: str) -> None:
    assert started(tmp_path, value)["git"] == {"USUAL": "usual", "SECRET": value}
