"""The containers that a run's states have started: whose they are, and where they write."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stepherd.services.json_text import read_json

if TYPE_CHECKING:
    from stepherd.history.progress import StateRow

__all__ = ["Container", "containers_in", "containers_of"]


@dataclass(frozen=True, slots=True)
class Container:
    """One container of a task."""

    event: int
    """The event that tells of it: its number puts containers in an order that later ones do not change."""
    state: str
    task: str
    """The id of the task."""
    name: str

    @property
    def stream(self) -> str:
        """Its log stream, as its awslogs-stream-prefix, the container's own name, makes it."""
        return f"{self.name}/{self.name}/{self.task}"


def containers_of(rows: Iterable[StateRow], after: int = 0) -> list[Container]:
    """The containers of states in the order of their events, from those behind the event ``after`` on."""
    found = [container for row in rows for container in row.containers if container.event > after]
    return sorted(found, key=lambda container: container.event)


def containers_in(event: Mapping[str, Any], state: str) -> Iterator[Container]:
    """The containers that an event of ``state`` tells of: RunTask's answer does. None of one that the history
    left out because of its size."""
    submitted = event.get("taskSubmittedEventDetails") or {}
    if submitted.get("resourceType") != "ecs":
        return
    try:
        tasks = read_json(submitted["output"])["Tasks"]
        for task in tasks:
            for container in task["Containers"]:
                identity = str(task["TaskArn"]).rpartition("/")[2]
                yield Container(int(event["id"]), state, identity, str(container["Name"]))
    except (KeyError, TypeError, ValueError):
        return
