"""Fault 57: a container takes more memory than its task has; it is killed, and that is said in words."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from tests.engine_bench import ECS, Bench, task
from tests.integration.container.conftest import Images, images

from stepherd.engine.integrations.ecs import Container, EcsIntegration, TaskDefinition
from stepherd.engine.journal.clock import SystemClock
from stepherd.engine.runners.container_runner import ContainerRunner
from stepherd.runs.causes import failure_of

__all__ = ["images"]
pytestmark = [pytest.mark.exhaustive, pytest.mark.image, pytest.mark.timeout(1200)]
ARN = "arn:aws:ecs:us-east-1:000000000000:task-definition/job:1"


def test_a_container_without_enough_memory_says_so(
    images: Images,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # GIVEN a task of 64 MiB whose command wants ten times that
    monkeypatch.setenv("CONTAINERS_CONF", images.environment["CONTAINERS_CONF"])
    command = ("python", "-c", "b = bytearray(640 << 20)\nfor i in range(0, len(b), 4096): b[i] = 1")
    definition = TaskDefinition(ARN, "job", (Container("main", images.agent, command),), memory="64")

    async def run() -> str:
        integration = EcsIntegration([definition], tmp_path / "tasks", {}, ContainerRunner("podman"))
        async with Bench(tmp_path, {"ecs": integration}, clock=SystemClock()) as bench:
            arguments = {"Cluster": "c", "TaskDefinition": "job"}
            done = await bench.run({"T": {**task(ECS), "Arguments": arguments}})
            return str(done.description["cause"])

    # WHEN
    cause = asyncio.run(run())
    # THEN
    (container,) = json.loads(cause)["Containers"]
    assert container["ExitCode"] == 137
    # Whether podman learns who killed it is the system's affair; where it does, ECS's words say so.
    assert container.get("Reason", "OutOfMemoryError").startswith("OutOfMemoryError")
    assert "memory" in failure_of("States.TaskFailed", cause).message
