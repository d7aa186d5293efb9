"""Tasks of an ECS cluster that run, and stopping them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from botocore.exceptions import ClientError

from stepherd.services.aws import new_client
from stepherd.services.aws_errors import error_code, translated

__all__ = ["Task", "Tasks", "open_tasks"]

_MOST_AT_ONCE: Final = 100
"""Of DescribeTasks, and the length of a page of ListTasks."""
_ATTEMPTS: Final = 8
# "The referenced task was not found."
_GONE: Final = "InvalidParameterException"


@dataclass(frozen=True, slots=True)
class Task:
    """A task that runs, or is about to."""

    arn: str
    created: datetime
    overrides: tuple[Mapping[str, str], ...]
    """The environment that each container was given on top of its definition's."""


@dataclass(frozen=True, slots=True)
class Tasks:
    """The tasks of one cluster. A call that is throttled is made again, with growing pauses."""

    client: Any
    cluster: str

    def running(self) -> Iterator[Task]:
        """Every task that is not told to stop. Raises TemporaryError, CredentialsError."""
        with translated(f"the cluster {self.cluster}"):
            wanted = {"cluster": self.cluster, "desiredStatus": "RUNNING", "maxResults": _MOST_AT_ONCE}
            for page in self.client.get_paginator("list_tasks").paginate(**wanted):
                if page["taskArns"]:
                    # A task that went in between is among the failures, which say no more than that.
                    found = self.client.describe_tasks(cluster=self.cluster, tasks=page["taskArns"])
                    yield from map(_task, found["tasks"])

    def stop(self, arn: str, reason: str) -> None:
        """Tell a task to stop: SIGTERM, its stop timeout, SIGKILL. One that is gone is no error."""
        with translated(f"the task {arn}"):
            try:
                self.client.stop_task(cluster=self.cluster, task=arn, reason=reason[:255])
            except ClientError as error:
                if error_code(error) != _GONE:
                    raise


def open_tasks(cluster: str) -> Tasks:
    """The tasks of a cluster, by its ARN or name. Raises ConfigurationError."""
    return Tasks(new_client("ecs", attempts=_ATTEMPTS), cluster)


def _task(fields: Mapping[str, Any]) -> Task:
    overrides = fields.get("overrides", {}).get("containerOverrides", [])
    return Task(
        fields["taskArn"],
        # An emulator may leave it out: such a task passes for a new one, which a run that goes on keeps.
        fields.get("createdAt") or datetime.max.replace(tzinfo=UTC),
        tuple({pair["name"]: pair["value"] for pair in item.get("environment", [])} for item in overrides),
    )
