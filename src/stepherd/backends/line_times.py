"""When the lines of a run's logs were written.

CloudWatch says it of each. A log on this machine is a plain file: there the agent's lines are found in
events.jsonl, which has a time for each, and all others have the time of their state.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from stepherd.backends.home.logs import Line
from stepherd.events.text import readable
from stepherd.events.vocabulary import EVENTS
from stepherd.history.progress import Progress
from stepherd.runs.folder import RunFolder
from stepherd.runs.steps import STEPS
from stepherd.services.json_text import read_json
from stepherd.services.store.contract import ObjectNotFound
from stepherd.text.moments import iso_text
from stepherd.text.terminal import clean

__all__ = ["LineTimes"]

_AGENT: Final = STEPS["agent"].state
_OWN: Final = "stepherd: "
"""Begins a step's own last line."""
_COMPARED: Final = 2000
"""Characters of a line: logs and events cut long ones at different places."""


class LineTimes:
    """Gives each line its time. Of what is known to it, events and history, it reads only what is new."""

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self._offset = 0
        self._moments: list[str] = []
        self._places: defaultdict[str, list[int]] = defaultdict(list)
        """Which of the moments are those of a text, in order."""
        self._next = 0
        self._progress = Progress()

    def learn(self, events: Iterable[Mapping[str, Any]]) -> None:
        """Take new events of the run's history."""
        self._progress.feed(events)

    def of_last(self, lines: Sequence[Line]) -> list[Line]:
        """The last lines, with their times: matched from their end, because what came before is not known."""
        self._read()
        end, found = len(self._moments), list[Line]()
        for line in reversed(lines):
            places = self._places.get(_key(line.text), ()) if line.state == _AGENT else ()
            index = bisect_left(places, end) - 1
            if index >= 0:
                self._next = max(self._next, places[index] + 1)
                end = places[index]
            found.append(self._with(line, self._moments[end] if index >= 0 else ""))
        return [*self._filled(found[::-1])]

    def of_new(self, lines: Iterable[Line], seen: str = "") -> Iterator[Line]:
        """Lines that follow those, with their times.

        ``seen`` is when they were read: it is the time of followed lines that no event tells of yet.
        """
        return self._filled(self._with(self._of_next(line), seen) for line in lines)

    def _of_next(self, line: Line) -> Line:
        if line.state != _AGENT or line.at:
            return line
        self._read()
        places = self._places.get(_key(line.text), ())
        index = bisect_left(places, self._next)
        if index == len(places):
            return line
        self._next = places[index] + 1
        return self._with(line, self._moments[places[index]])

    def _with(self, line: Line, moment: str) -> Line:
        return line if line.at or not moment else replace(line, at=moment)

    def _filled(self, lines: Iterable[Line]) -> Iterator[Line]:
        """Lines without a time have that of the line before, else that of their state."""
        state, last = "", ""
        for line in lines:
            last = last if line.state == state else ""
            state = line.state
            begin, end = self._of_state(line.state)
            own = end if line.text.startswith(_OWN) else ""
            last = line.at or own or last or begin
            yield replace(line, at=last)

    def _of_state(self, name: str) -> tuple[str, str]:
        rows = [row for row in self._progress.rows if row.name == name]
        if not rows:
            return "", ""
        return _moment(rows[-1].entered), _moment(rows[-1].ended) if rows[-1].ended else ""

    def _read(self) -> None:
        try:
            content = self._folder.store.get_from(EVENTS, self._offset)
        except ObjectNotFound:
            return
        new = content[: content.rfind(b"\n") + 1]
        self._offset += len(new)
        for line in new.splitlines():
            try:
                event = read_json(line)
                texts, moment = readable(event), iso_text(datetime.fromisoformat(event["at"]))
            except (ValueError, KeyError, TypeError, RecursionError):
                continue  # Not one of ours, or of another version.
            for text in texts:
                self._places[_key(text)].append(len(self._moments))
                self._moments.append(moment)


def _key(text: str) -> str:
    return clean(text)[:_COMPARED]


def _moment(seconds: float) -> str:
    return iso_text(datetime.fromtimestamp(seconds, UTC))
