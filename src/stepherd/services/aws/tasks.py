"""Tasks of an ECS cluster that run, and stopping them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from stepherd.services.aws.clients import new_client
from stepherd.services.aws.errors import error_code, translated

__all__ = ["Task", "Tasks", "open_tasks"]

_MOST_AT_ONCE: Final = 100
"""Of DescribeTasks, and the length of a page of ListTasks."""
_ATTEMPTS: Final = 8
_FOLDER: Final = "STEPHERD_RUN_FOLDER"
"""The variable by which every task of a run gets its folder."""
_OVER: Final = ("DEPROVISIONING", "STOPPED", "DELETED")
"""The statuses of a task without a running container."""
# "The referenced task was not found."
_GONE: Final = "InvalidParameterException"


@dataclass(frozen=True, slots=True)
class Task:
    """A task that runs, or is about to."""

    arn: str
    created: datetime
    overrides: tuple[Mapping[str, str], ...]
    """The environment that each container was given on top of its definition's."""

    def is_of(self, run_id: str) -> bool:
        """Whether it was given the folder of this run."""
        folders = (environment.get(_FOLDER, "") for environment in self.overrides)
        return any(folder.rstrip("/").endswith(f"/runs/{run_id}") for folder in folders)


@dataclass(frozen=True, slots=True)
class Tasks:
    """The tasks of one cluster. A call that is throttled is made again, with growing pauses."""

    client: Any
    cluster: str

    def running(self) -> Iterator[Task]:
        """Every task that is not told to stop. Raises TemporaryError, CredentialsError."""
        yield from map(_task, self._listed("RUNNING"))

    def alive(self) -> Iterator[Task]:
        """Those, and every task that was told to stop and has not ended. Raises the same."""
        for desired in ("RUNNING", "STOPPED"):
            # A task that has stopped is listed for an hour.
            yield from (_task(task) for task in self._listed(desired) if task.get("lastStatus") not in _OVER)

    def _listed(self, desired: str) -> Iterator[Mapping[str, Any]]:
        if not self.cluster:
            return
        with translated(f"the cluster {self.cluster}"):
            wanted = {"cluster": self.cluster, "desiredStatus": desired, "maxResults": _MOST_AT_ONCE}
            for page in self.client.get_paginator("list_tasks").paginate(**wanted):
                if page["taskArns"]:
                    # A task that went in between is among the failures, which say no more than that.
                    found = self.client.describe_tasks(cluster=self.cluster, tasks=page["taskArns"])
                    yield from found["tasks"]

    def stop(self, arn: str, reason: str) -> None:
        """Tell a task to stop: SIGTERM, its stop timeout, SIGKILL. One that is gone is no error."""
        with translated(f"the task {arn}"):
            try:
                self.client.stop_task(cluster=self.cluster, task=arn, reason=reason[:255])
            except Exception as error:
                if error_code(error) != _GONE:
                    raise


def open_tasks(cluster: str) -> Tasks:
    """The tasks of a cluster, by its ARN or name. Empty: none, where an engine ends the tasks of a run before
    anybody hears of its end. Raises ConfigurationError."""
    if not cluster:
        return Tasks(None, "")
    return Tasks(new_client("ecs", attempts=_ATTEMPTS), cluster)


def _task(fields: Mapping[str, Any]) -> Task:
    overrides = fields.get("overrides", {}).get("containerOverrides", [])
    return Task(
        fields["taskArn"],
        # An emulator may leave it out: such a task passes for a new one, which a run that continues keeps.
        fields.get("createdAt") or datetime.max.replace(tzinfo=UTC),
        tuple({pair["name"]: pair["value"] for pair in item.get("environment", [])} for item in overrides),
    )
