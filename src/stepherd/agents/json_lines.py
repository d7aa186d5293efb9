"""Readers of agents that print one JSON object to a line, and looking into objects of unknown shape."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

from stepherd.agents.contract import BasicReader, Stream
from stepherd.services.json_text import read_printed_json
from stepherd.text.plain import one_paragraph

if TYPE_CHECKING:
    from stepherd.events.vocabulary import Event

__all__ = ["JsonLineReader", "Recent", "count", "items", "mapping", "money", "shown_input", "text"]

_INPUT_CHARACTERS: Final = 200
_MOST_COUNTED: Final = 2**53 - 1
_MOST_MONEY: Final = 1e9
_MOST_KEPT: Final = 10_000
_LONGEST_KEPT: Final = 200
_Kept = TypeVar("_Kept")
# Of a tool's input, what says most about it, under the names that the CLIs have for it.
_TELLING: Final = ("command", "file_path", "filePath", "path", "pattern", "url", "query", "description")


class JsonLineReader(BasicReader, ABC):
    """Gives every object to ``take``; what else is printed, and what ``take`` does not know, is output."""

    def feed(self, stream: Stream, line: str) -> Sequence[Event]:
        """The events of a line."""
        record = _object_in(line) if stream == "out" else None
        events = self.take(record) if record is not None else None
        return self.take_text(stream, line) if events is None else events

    @abstractmethod
    def take(self, record: Mapping[str, Any]) -> Sequence[Event] | None:
        """The events of an object; None when it is not known."""

    def take_text(self, stream: Stream, line: str) -> Sequence[Event]:
        """The events of a line that is no known object."""
        return super().feed(stream, line)


class Recent(dict[str, _Kept]):
    """A memory by names that an agent chooses. It keeps only the last of many names, and only the beginning
    of a long one, so it stays small whatever the agent prints."""

    def __setitem__(self, name: str, value: _Kept) -> None:
        super().__setitem__(name[:_LONGEST_KEPT], value)
        if len(self) > _MOST_KEPT:
            del self[next(iter(self))]

    def of(self, name: str) -> _Kept | None:
        """Return the value remembered by that name; None when there is none."""
        return self.get(name[:_LONGEST_KEPT])


def _object_in(line: str) -> dict[str, Any] | None:
    if not line.startswith("{"):
        return None
    try:
        value = read_printed_json(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def mapping(value: object) -> Mapping[str, Any]:
    """``value`` when it is an object; else one without members."""
    return value if isinstance(value, dict) else {}


def items(value: object) -> list[Mapping[str, Any]]:
    """The objects in ``value`` when it is a list; else none."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def text(value: object) -> str:
    """``value`` when it is text; else none."""
    return value if isinstance(value, str) else ""


def count(value: object) -> int:
    """``value`` when it is a whole number that counts something, at most 2**53 - 1; else 0."""
    counts = isinstance(value, int) and not isinstance(value, bool) and value > 0
    return min(value, _MOST_COUNTED) if counts and isinstance(value, int) else 0


def money(value: object) -> float:
    """``value`` when it is an amount, at most a thousand million; else 0, also for NaN."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        return 0.0
    return float(min(value, _MOST_MONEY))


def shown_input(given: object) -> str | None:
    """The input of a tool, in one line; None when that says nothing."""
    fields = mapping(given)
    telling = next((text(fields[name]) for name in _TELLING if text(fields.get(name))), None)
    shown = telling if telling is not None else json.dumps(given, ensure_ascii=False) if given else ""
    return one_paragraph(shown, _INPUT_CHARACTERS) or None
