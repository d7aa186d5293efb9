"""The logs of a run's tasks: found by its history, read as they grow, in bounded memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stepherd.history.groups import previous_of
from stepherd.services.json_text import read_json

__all__ = ["Line", "TaskEvents", "TaskLogs"]

_LONGEST_LINE = 8_000
_BLOCK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Line:
    """One line of one task."""

    state: str
    text: str


@dataclass(slots=True)
class _File:
    """A log file and how far it was read. Of a line without an end only the beginning is kept."""

    state: str
    path: Path
    offset: int = 0
    rest: bytes = b""
    cut: bool = False

    def lines(self, *, final: bool) -> Iterator[str]:
        """The whole lines that are new; with ``final`` the last one, too, although it has no end."""
        for block in self._blocks():
            *whole, rest = block.split(b"\n")
            for line in whole:
                yield self._line(line)
            self._keep(rest)
        if final and self.rest:
            yield self._line(b"")

    def skip_to_last(self, size: int) -> None:
        """Pass over all but the last ``size`` bytes, and the line that they begin in."""
        try:
            self.offset = max(0, self.path.stat().st_size - size)
        except FileNotFoundError:
            return
        if self.offset:
            for block in self._blocks():
                end = block.find(b"\n")
                if end >= 0:
                    self.offset -= len(block) - end - 1
                    return

    def _blocks(self) -> Iterator[bytes]:
        try:
            with self.path.open("rb") as stream:
                stream.seek(self.offset)
                while block := stream.read(_BLOCK):
                    self.offset += len(block)
                    yield block
        except FileNotFoundError:
            return

    def _keep(self, rest: bytes) -> None:
        room = _LONGEST_LINE - len(self.rest)
        self.cut = self.cut or len(rest) > room
        self.rest += rest[:room]

    def _line(self, end: bytes) -> str:
        self._keep(end)
        text = self.rest.decode("utf-8", "replace") + (" … (cut)" if self.cut else "")
        self.rest, self.cut = b"", False
        return text


@dataclass(slots=True)
class TaskEvents:
    """Which containers a history tells of."""

    last_event: int = 0
    _state_of: dict[int, str] = field(default_factory=dict)
    _open: list[str] = field(default_factory=list)
    """The states that were entered and not left."""

    def learn(self, events: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, str, str]]:
        """Take new events, in order: the state, the task's id and the container's name of what they tell."""
        for event in events:
            number = self.last_event = int(event["id"])
            state = self._state(str(event["type"]), event)
            self._state_of[number] = state
            for task in _tasks_of(event.get("taskSubmittedEventDetails") or {}):
                for container in task["Containers"]:
                    yield state, task["TaskArn"].rsplit("/", 1)[-1], container["Name"]

    def _state(self, kind: str, event: Mapping[str, Any]) -> str:
        """An event is of the state of the one before it; a redrive begins a chain of its own."""
        state = self._state_of.get(previous_of(event), "")
        if kind.endswith("StateEntered"):
            state = str(event["stateEnteredEventDetails"]["name"])
            self._open.append(state)
        elif kind.endswith("StateExited") and state in self._open:
            self._open.remove(state)
        elif kind == "ExecutionRedriven":
            return ""
        elif not state and kind.endswith("Scheduled") and self._open:
            return self._open[-1]
        return state


def _tasks_of(submitted: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The tasks of an ECS answer; none of one that the history left out because of its size."""
    if submitted.get("resourceType") != "ecs":
        return []
    try:
        tasks: list[Mapping[str, Any]] = read_json(submitted["output"])["Tasks"]
    except (KeyError, TypeError, ValueError):
        return []
    return tasks


@dataclass(slots=True)
class TaskLogs:
    """The logs of a run's tasks in ``home``; of one state alone where ``only`` names it."""

    home: Path
    only: str | None = None
    last_event: int = 0
    poll_seconds: float = 0.3
    late_seconds: float = 0.0
    states: dict[str, None] = field(default_factory=dict)
    """The states that have logs, in order."""
    _files: dict[Path, _File] = field(default_factory=dict)
    _tasks: TaskEvents = field(default_factory=TaskEvents)

    def learn(self, events: Iterable[Mapping[str, Any]]) -> None:
        """Take new events of the history: which tasks there are."""
        for state, task, container in self._tasks.learn(events):
            self.states[state] = None
            path = self.home / "tasks" / task / container / "log"
            if self.only in (None, state):
                self._files.setdefault(path, _File(state, path))
        self.last_event = self._tasks.last_event

    def folders(self) -> list[Path]:
        """The folders of the tasks' containers."""
        return [path.parent for path in self._files]

    def last(self, count: int, *, final: bool) -> list[Line]:
        """The last lines, in the order of the tasks; what came before is passed over."""
        for file in self._files.values():
            file.skip_to_last((count + 1) * _LONGEST_LINE)
        return list(deque(self.new(final=final), maxlen=count))

    def new(self, *, final: bool) -> Iterator[Line]:
        """Lines since the last call; with ``final`` those without an end, too."""
        for file in self._files.values():
            for text in file.lines(final=final):
                yield Line(file.state, text)
