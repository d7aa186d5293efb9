"""The output of a run's tasks on a stack: streams of CloudWatch Logs, found by the run's history.

CloudWatch is seconds behind, and forgets logs before the store forgets runs. Where it has nothing, the
agent's lines are made of the run's events.jsonl, as its own task made them.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from stepherd.backends.home.logs import Line
from stepherd.errors import CredentialsError
from stepherd.events.text import readable
from stepherd.events.vocabulary import EVENTS
from stepherd.history.progress import Progress
from stepherd.history.tasks import containers_of
from stepherd.runs.folder import RunFolder
from stepherd.runs.steps import STEPS
from stepherd.services.aws.log_streams import LogStreams
from stepherd.services.json_text import read_json
from stepherd.services.store.contract import ObjectNotFound

__all__ = ["StackLogs", "open_stack_logs"]

_PAGE: Final = 1000
_LATE_SECONDS: Final = 10.0
"""The log driver of ECS sends what a task wrote within seconds."""
_SHORTEST: Final = 2.0
_LONGEST: Final = 8.0
"""Between two looks at the newest stream, in seconds."""
_LONGEST_OF_OTHERS: Final = 30.0
"""Between two at one of an earlier task, which has ended as a rule."""
_GROWTH: Final = 1.4
_AGENT: Final = STEPS["agent"].state


@dataclass(slots=True)
class _Stream:
    """Of one container, the token to continue with, and when to look next."""

    state: str
    name: str
    token: str | None = None
    pause: float = _SHORTEST
    due: float = 0.0

    def looked(self, found: bool, longest: float) -> None:
        """Wait longer before the next look while there is nothing new."""
        self.pause = _SHORTEST if found else min(longest, self.pause * _GROWTH)
        self.due = time.monotonic() + self.pause


@dataclass(slots=True)
class _Events:
    """The agent's lines in events.jsonl, and how far that was read."""

    folder: RunFolder
    offset: int = 0

    def lines(self) -> Iterator[Line]:
        """Yield the lines since the last call."""
        try:
            content = self.folder.store.get_from(EVENTS, self.offset)
        except ObjectNotFound:
            return
        new = content[: content.rfind(b"\n") + 1]
        self.offset += len(new)
        for line in new.splitlines():
            at, texts = _said(line)
            for text in texts:
                yield Line(_AGENT, text, at)


@dataclass(slots=True)
class StackLogs:
    """See ``TaskLines``. A stream that is not there yet has no lines."""

    streams: LogStreams
    folder: RunFolder
    only: str | None = None
    poll_seconds: float = 2.0
    learn_seconds: tuple[float, float] = (_SHORTEST, _LONGEST)
    late_seconds: float = _LATE_SECONDS
    states: dict[str, None] = field(default_factory=dict)
    _found: dict[str, _Stream] = field(default_factory=dict)
    _progress: Progress = field(default_factory=Progress)
    _events: _Events | None = None
    """In use instead of the agent's own stream."""

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
            if self.only in (None, one.state):
                self._found.setdefault(one.stream, _Stream(one.state, one.stream))

    def last(self, count: int, *, final: bool) -> list[Line]:  # noqa: ARG002
        """The last lines of each stream, in the order of the tasks, cut to as many as are wanted."""
        lines: deque[Line] = deque(maxlen=count)
        for stream in self._found.values():
            lines.extend(self._tail(stream, count))
        return list(lines)

    def new(self, *, final: bool) -> Iterator[Line]:
        """Lines since the last call. An empty page is not the end: a token that does not change is.

        Streams without news are not looked at each time, unless it is the ``final`` call.
        """
        newest = next(reversed(self._found.values()), None)
        for stream in self._found.values():
            if (stream.state == _AGENT and self._events) or (not final and time.monotonic() < stream.due):
                continue
            end, some = False, False
            while not end:
                found, stream.token, end = self.streams.page(stream.name, stream.token, _PAGE)
                some = some or bool(found)
                yield from (Line(stream.state, line["text"], line["at"]) for line in found)
            stream.looked(some, _LONGEST if stream is newest else _LONGEST_OF_OTHERS)
        if self._events:
            yield from self._events.lines()

    def _tail(self, stream: _Stream, count: int) -> list[Line]:
        try:
            found, stream.token = self.streams.tail(stream.name, max(1, count))
        except CredentialsError:
            if stream.state != _AGENT:
                raise
            found = []
        if found or stream.state != _AGENT:
            return [Line(stream.state, line["text"], line["at"]) for line in found]
        self._events = self._events or _Events(self.folder)
        return list(self._events.lines())


def open_stack_logs(stack: str, folder: RunFolder, only: str | None) -> StackLogs:
    """The logs of the tasks of a stack, by its name: the template calls their group so."""
    return StackLogs(LogStreams.open(f"/stepherd/{stack}/tasks"), folder, only)


def _said(line: bytes) -> tuple[str, list[str]]:
    """When it was said, and the lines."""
    try:
        event = read_json(line)
        return str(event.get("at", "")), readable(event) if event["source"] == "agent" else []
    except (ValueError, KeyError, TypeError, RecursionError):
        return "", []  # Not one of ours, or of another version.
