"""Puts tool uses together from the pieces in which the service sends them.

The service sends the input of a tool as fragments of JSON text and marks the last piece with ``stop``.
Endpoints have been seen to send growing snapshots (of the text, or as objects), to repeat the complete JSON,
and to end the stream without ``stop``: that is truncation, and such an input must not be run.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise
from typing import Any, Final, NoReturn

from .errors import InvalidArgumentError
from .models import ToolResult, ToolResultContentBlock, ToolResultStatus, ToolUse, ToolUseEvent
from .models._base import FROM_SERVICE
from .models._lenient import scrubbed

__all__ = ["ToolCall", "ToolProblem", "ToolUseAssembler", "result_of"]

_NAMELESS: Final = "unknown_tool"
"""The name in the history of a tool use that came without one, as the service refuses an empty name."""
_NO_NAME: Final = re.compile("[^a-zA-Z0-9_-]+")
_MAX_NAME: Final = 64
_MAX_DEPTH: Final = 100


class ToolProblem(StrEnum):
    """Why the input of a tool use cannot be used."""

    TRUNCATED = "truncated"
    INVALID_JSON = "invalid JSON"
    NOT_AN_OBJECT = "not a JSON object"
    TOO_DEEP = "too deep"


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool use, put together. Run it only when ``problem`` is None; otherwise ``input`` is empty.

    ``raw`` is the text of the input as it came, to be shown to the model with the problem.
    """

    tool_use_id: str
    name: str
    input: dict[str, Any]
    raw: str = ""
    problem: ToolProblem | None = None

    def to_tool_use(self) -> ToolUse:
        """Return it as it goes into the history.

        A name that no tool can have, as models invent them, becomes one that the service takes.
        """
        # The service gave the id: it goes back as it came, whatever it allows in requests.
        name = _NO_NAME.sub("_", self.name)[:_MAX_NAME] or _NAMELESS
        return ToolUse.model_validate(
            {"tool_use_id": self.tool_use_id, "name": name, "input": self.input}, context=FROM_SERVICE
        )

    def to_result(self, content: str | ToolResultContentBlock, *, is_error: bool = False) -> ToolResult:
        """Return the result of this tool use, as ``Conversation.give_results`` takes it.

        Raises InvalidArgumentError for a text that is too long.
        """
        block = ToolResultContentBlock(text=content) if isinstance(content, str) else content
        status = ToolResultStatus.ERROR if is_error else ToolResultStatus.SUCCESS
        return result_of(self.tool_use_id, block, status)


def result_of(tool_use_id: str, block: ToolResultContentBlock, status: ToolResultStatus) -> ToolResult:
    """Return a tool result for an id that the service gave, whatever ids it allows in requests."""
    return ToolResult.model_validate(
        {"tool_use_id": tool_use_id, "content": [block], "status": status}, context=FROM_SERVICE
    )


@dataclass(slots=True)
class _Pieces:
    name: str
    texts: list[str] = field(default_factory=list)
    snapshot: dict[str, Any] | None = None
    call: ToolCall | None = None


class ToolUseAssembler:
    """Takes the tool use events of one answer, in any interleaving, and gives the tool uses in order."""

    def __init__(self) -> None:
        self._pieces: dict[str, _Pieces] = {}

    def add(self, event: ToolUseEvent) -> ToolCall | None:
        """Take a piece; return the tool use that it completes. Pieces after that are ignored as repeats.

        A piece without an id belongs to the tool use that came last; a name may come with any piece.
        """
        if not isinstance(event, ToolUseEvent):
            raise InvalidArgumentError(f"a piece must be a ToolUseEvent, not {type(event).__name__}")
        tool_use_id = event.tool_use_id or self._open_id()
        pieces = self._pieces.setdefault(tool_use_id, _Pieces(event.name))
        if pieces.call is not None:
            return None
        pieces.name = pieces.name or event.name
        if isinstance(event.input, dict):
            pieces.snapshot = _merge(pieces.snapshot or {}, event.input)
        elif event.input:
            pieces.texts.append(event.input)
        if event.stop:
            pieces.call = _complete(tool_use_id, pieces)
        return pieces.call

    def _open_id(self) -> str:
        last = next(reversed(self._pieces), None)
        if last is not None and self._pieces[last].call is None:
            return last
        return f"unidentified-{len(self._pieces) + 1}"

    def finish(self) -> list[ToolCall]:
        """Say that the stream has ended; return all tool uses, those without a stop mark as truncated."""
        return [
            pieces.call or ToolCall(tool_use_id, pieces.name, {}, _raw(pieces), problem=ToolProblem.TRUNCATED)
            for tool_use_id, pieces in self._pieces.items()
        ]


def _complete(tool_use_id: str, pieces: _Pieces) -> ToolCall:
    raw = _raw(pieces)
    if pieces.snapshot is not None:
        return ToolCall(tool_use_id, pieces.name, pieces.snapshot, raw)
    if not pieces.texts:
        return ToolCall(tool_use_id, pieces.name, {})
    document, problem = _read(pieces.texts)
    return ToolCall(tool_use_id, pieces.name, document, raw, problem)


def _raw(pieces: _Pieces) -> str:
    return json.dumps(pieces.snapshot) if pieces.snapshot is not None else "".join(pieces.texts)


def _read(texts: Sequence[str]) -> tuple[dict[str, Any], ToolProblem | None]:
    """Read fragments as one document; failing that, as snapshots or as repeats of a complete one."""
    whole = "".join(texts)
    if not whole.strip():
        return {}, None
    document = _parse(whole)
    if document is _BROKEN:
        document = _last_snapshot(texts)
    if document is _BROKEN:
        document = _repeated(whole)
    if document is _BROKEN:
        return {}, ToolProblem.INVALID_JSON
    if not isinstance(document, dict):
        return {}, ToolProblem.NOT_AN_OBJECT
    try:
        return {scrubbed(name): _clean(value, 1) for name, value in document.items()}, None
    except RecursionError:
        return {}, ToolProblem.TOO_DEEP


def _clean(value: Any, depth: int) -> Any:
    """A value that can be sent back: half of a character would end the conversation with the next request."""
    if depth > _MAX_DEPTH:
        raise RecursionError
    if isinstance(value, str):
        return scrubbed(value)
    if isinstance(value, list):
        return [_clean(item, depth + 1) for item in value]
    if isinstance(value, dict):
        return {scrubbed(name): _clean(item, depth + 1) for name, item in value.items()}
    return value


_BROKEN = object()


def _parse(text: str) -> object:
    try:
        return json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except (ValueError, RecursionError):
        return _BROKEN


def _refuse(constant: str) -> NoReturn:
    """Python reads NaN and Infinity, which are not JSON and cannot be sent back."""
    raise ValueError(constant)


def _finite(text: str) -> float:
    """A number too large for Python is Infinity."""
    value = float(text)
    return value if math.isfinite(value) else _refuse(text)


def _last_snapshot(texts: Sequence[str]) -> object:
    """Each text holds the one before it, or the last repeats what the others make up together."""
    last = texts[-1]
    growing = all(later.startswith(earlier) for earlier, later in pairwise(texts))
    if growing or isinstance(_parse("".join(texts[:-1])), dict):
        return _parse(last)
    return _BROKEN


def _repeated(whole: str) -> object:
    """The text is one document several times over; documents that differ are not guessed at."""
    decoder, at, found = json.JSONDecoder(parse_constant=_refuse, parse_float=_finite), 0, []
    while at < len(whole):
        try:
            document, at = decoder.raw_decode(whole, at)
        except (ValueError, RecursionError):
            return _BROKEN
        found.append(document)
        while at < len(whole) and whole[at].isspace():
            at += 1
    return found[0] if all(document == found[0] for document in found) else _BROKEN


def _merge(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Objects come as growing snapshots or as parts: later values win, objects within objects are merged."""
    merged = dict(old)
    for key, value in new.items():
        before = merged.get(key)
        if isinstance(before, dict) and isinstance(value, dict):
            merged[key] = _merge(before, value)
        else:
            merged[key] = value
    return merged
