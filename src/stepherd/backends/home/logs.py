"""The logs of a run's tasks: found by its history, read as they grow, in bounded memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stepherd.history.progress import Progress
from stepherd.history.tasks import containers_of

__all__ = ["Line", "TaskLogs"]

_LONGEST_LINE = 8_000
_BLOCK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Line:
    """One line of one task."""

    state: str
    text: str
    at: str = field(default="", compare=False)
    """When it was written, in ISO 8601 and UTC; empty where that is not known."""


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
class TaskLogs:
    """The logs of a run's tasks in ``home``; of one state alone where ``only`` names it."""

    home: Path
    only: str | None = None
    poll_seconds: float = 0.3
    learn_seconds: tuple[float, float] = (0.5, 1.0)
    late_seconds: float = 0.0
    states: dict[str, None] = field(default_factory=dict)
    """The states that have logs, in order."""
    _files: dict[Path, _File] = field(default_factory=dict)
    _progress: Progress = field(default_factory=Progress)

    @property
    def last_event(self) -> int:
        """The last event that it knows."""
        return self._progress.last_event

    def learn(self, events: Iterable[Mapping[str, Any]]) -> None:
        """Take new events of the history: which tasks there are."""
        before = self.last_event
        self._progress.feed(events)
        for one in containers_of(self._progress.rows, before):
            self.states[one.state] = None
            path = self.home / "tasks" / one.task / one.name / "log"
            if self.only in (None, one.state):
                self._files.setdefault(path, _File(one.state, path))

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
