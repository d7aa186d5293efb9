"""``ecs:runTask``, plain, ``.sync`` and with a task token: processes, described as AWS describes tasks."""

from __future__ import annotations

import asyncio
import os
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from stepherd.engine.asl.values import compact
from stepherd.engine.integrations.answers import service_failure, with_metadata
from stepherd.engine.integrations.contract import Surroundings, TaskCall
from stepherd.engine.integrations.ecs_shapes import describe_task
from stepherd.engine.interpreter.failures import TaskError
from stepherd.engine.journal.records import INTERRUPTED, Attempt
from stepherd.engine.runners.choice import Runners
from stepherd.engine.runners.contract import ContainerSpec, Runner
from stepherd.engine.runners.processes import LocalProcess
from stepherd.engine.runners.references import referred
from stepherd.services.number_text import read_number

__all__ = ["Container", "EcsIntegration", "TaskDefinition"]

_OVERRIDE_LIMIT = 8192
"""Container overrides of one RunTask, in characters [docs]."""


@dataclass(frozen=True, slots=True)
class Container:
    """One container of a task definition. ``stop_timeout`` is in seconds."""

    name: str
    image: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    essential: bool = True
    stop_timeout: float = 30
    user: str = ""
    capabilities: frozenset[str] = frozenset()
    """Linux capabilities that the command may have; a process has those of the engine."""


@dataclass(frozen=True, slots=True)
class TaskDefinition:
    """A task definition as the template describes it. ``memory`` is in MiB."""

    arn: str
    family: str
    containers: tuple[Container, ...]
    cpu: str = "256"
    memory: str = "512"


class EcsIntegration:
    """Tasks live in ``folder/<task id>/<container>``, so a new engine finds them by the attempt's handle."""

    def __init__(
        self,
        definitions: list[TaskDefinition],
        folder: Path,
        environment: Mapping[str, str],
        runner: Runner | None = None,
        own: Mapping[str, str] = os.environ,
        runners: Runners | None = None,
    ) -> None:
        """``environment`` goes to every container; of ``own`` each gets the variables that it refers to.

        ``runners`` has a runner for each execution; a ``runner`` serves all.
        """
        self._definitions = {
            key: d for d in definitions for key in (d.arn, d.family, d.arn.rsplit(":", 1)[0])
        }
        self._folder = folder
        self._environment = environment
        self._own = own
        self._runners = runners or Runners(folder.parent, runner=runner)

    @classmethod
    def among(cls, surroundings: Surroundings) -> Self:
        """With the template's task definitions; tasks lie below the home."""
        around = surroundings
        return cls(
            around.application.tasks, around.home / "tasks", around.environment, runners=around.runners
        )

    # -- the contract ------------------------------------------------------------------------------

    async def submit(self, call: TaskCall) -> Any:
        """Start the task, or find the one that this attempt started before; RunTask's answer."""
        definition = self._definition(call.parameters)
        self._check_overrides(call.parameters, definition)
        self._begin(call, definition)
        reason = await self._start_all(call, definition)
        if reason:
            call.attempt.handle["failed_to_start"] = reason
            call.save()
        described = describe_task(definition, call.parameters, call.attempt.handle, {}, stopped=False)
        return with_metadata({"Failures": [], "Tasks": [described]}, "ecs")

    async def wait(self, call: TaskCall) -> Any:
        """Wait until an essential container ended, then stop the others; the described task."""
        definition = self._definition(call.parameters)
        self._begin(call, definition)
        reason = call.attempt.handle.get("failed_to_start") or await self._start_all(call, definition)
        if reason:
            raise self._never_ran(call, definition, reason)
        processes = self._processes(call.attempt, definition)
        waits = [asyncio.ensure_future(process.ended()) for process, c in processes if c.essential]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for waiting in waits:
                waiting.cancel()
        await asyncio.gather(*(process.stop(c.stop_timeout) for process, c in processes))
        codes = {c.name: await process.ended() for process, c in processes}
        reasons = {c.name: await process.why_ended() for process, c in processes}
        unstarted = [await process.why_not_started() for process, _ in processes]
        described = describe_task(
            definition, call.parameters, call.attempt.handle, codes, stopped=True, reasons=reasons
        )
        for process, _ in processes:
            await process.clean()
        if any(unstarted):
            raise self._never_ran(call, definition, next(reason for reason in unstarted if reason))
        if any(codes[c.name] for c in definition.containers if c.essential):
            raise self._failed(described)
        return described

    async def stop(self, attempt: Attempt) -> None:
        """TERM, the stop timeout, KILL, for all processes of the task."""
        if "task" not in attempt.handle:
            return
        folder = self._task_folder(attempt)
        grace = float(attempt.handle.get("stop_timeout", 30))
        processes = [self._process(attempt, path.name) for path in sorted(folder.glob("*")) if path.is_dir()]
        await asyncio.gather(*(process.stop(grace) for process in processes))
        for process in processes:
            await process.clean()

    # -- starting ----------------------------------------------------------------------------------

    def _begin(self, call: TaskCall, definition: TaskDefinition) -> None:
        """Give the attempt its task; a new one if an engine stopped the old one because it left."""
        handle = call.attempt.handle
        if "task" not in handle or handle.pop(INTERRUPTED, False):
            choice = self._runners.choose(call.execution_arn)
            handle["runner"] = self._runners.noted(choice)
            handle.update({"service": "ecs", "task": uuid.uuid4().hex, "created": time.time()})
            handle["stop_timeout"] = max(c.stop_timeout for c in definition.containers)
            call.save()

    def _definition(self, parameters: Any) -> TaskDefinition:
        named = str(parameters.get("TaskDefinition", "")) if isinstance(parameters, dict) else ""
        definition = self._definitions.get(named.rsplit("/", 1)[-1]) or self._definitions.get(named)
        if definition is None:
            cause = service_failure("TaskDefinition not found.", "AmazonECS", "ClientException")
            raise TaskError("ECS.ClientException", cause)
        return definition

    def _check_overrides(self, parameters: dict[str, Any], definition: TaskDefinition) -> None:
        overrides = _overrides(parameters)
        names = {container.name for container in definition.containers}
        unknown = [str(o.get("Name")) for o in overrides if o.get("Name") not in names]
        if unknown:
            raise _invalid(
                f"Override for container named {unknown[0]} is not a container in the TaskDefinition."
            )
        if len(compact(overrides)) > _OVERRIDE_LIMIT:
            raise _invalid("Container Overrides length must be at most 8192")

    async def _start_all(self, call: TaskCall, definition: TaskDefinition) -> str | None:
        """Start every container that was not, or whose process vanished without an exit code."""
        runner = self._runners.of(call.attempt.handle)
        for process, container in self._processes(call.attempt, definition):
            argv, environment = self._command(call, container)
            if process.alive() or process.exit_code() is not None:
                continue
            spec = ContainerSpec(
                container.image, container.user, container.capabilities, _megabytes(definition.memory)
            )
            reason = await runner.start(process, spec, argv, environment)
            if reason:
                return reason
        return None

    def _command(self, call: TaskCall, container: Container) -> tuple[list[str], dict[str, str]]:
        override = next((o for o in _overrides(call.parameters) if o.get("Name") == container.name), {})
        argv = [str(word) for word in override.get("Command") or container.command]
        extra = {str(pair["Name"]): str(pair["Value"]) for pair in override.get("Environment", [])}
        declared = {**container.environment, **extra}
        return argv, {**self._environment, **referred(declared, self._own), **declared}

    def _task_folder(self, attempt: Attempt) -> Path:
        return self._folder / str(attempt.handle["task"])

    def _process(self, attempt: Attempt, container: str) -> LocalProcess:
        name = f"{attempt.handle['task']}.{container}"
        return self._runners.of(attempt.handle).process(self._task_folder(attempt) / container, name)

    def _processes(
        self, attempt: Attempt, definition: TaskDefinition
    ) -> list[tuple[LocalProcess, Container]]:
        return [(self._process(attempt, container.name), container) for container in definition.containers]

    # -- describing --------------------------------------------------------------------------------

    def _never_ran(self, call: TaskCall, definition: TaskDefinition, reason: str) -> TaskError:
        handle = call.attempt.handle
        return self._failed(
            describe_task(definition, call.parameters, handle, {}, stopped=True, reason=reason)
        )

    def _failed(self, described: dict[str, Any]) -> TaskError:
        return TaskError("States.TaskFailed", compact(described))


def _megabytes(memory: str) -> int | None:
    """As task definitions have it: a number of MiB, or text such as '8 GB'."""
    number, _, unit = memory.strip().partition(" ")
    try:
        return round(read_number(number) * (1024 if unit.upper() == "GB" else 1))
    except ValueError:
        return None


def _overrides(parameters: dict[str, Any]) -> list[dict[str, Any]]:
    overrides: list[dict[str, Any]] = (parameters.get("Overrides") or {}).get("ContainerOverrides") or []
    return overrides


def _invalid(message: str) -> TaskError:
    cause = service_failure(message, "AmazonECS", "InvalidParameterException")
    return TaskError("ECS.InvalidParameterException", cause)
