"""Reads the events of ``opencode run --format json``: step_start, text, tool_use, step_finish, error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from stepherd.agents.json_lines import JsonLineReader, count, mapping, money, shown_input, text
from stepherd.events.vocabulary import Event, Message, ToolUse, Usage
from stepherd.text.plain import one_paragraph

__all__ = ["OpencodeReader"]

_STATUS: Final[dict[str, Literal["started", "succeeded", "failed"]]] = {
    "completed": "succeeded",
    "error": "failed",
}


class OpencodeReader(JsonLineReader):
    """Keeps the reason of the last step's end, the first error, and what was used."""

    def __init__(self) -> None:
        self._turns = 0
        self._cost = 0.0
        self._reason: str | None = None
        self._error: str | None = None
        self._used = {"input": 0, "output": 0, "read": 0, "write": 0}

    @property
    def turns(self) -> int:  # type: ignore[override]
        """The turns so far: OpenCode's steps that have finished."""
        return self._turns

    @property
    def cost_usd(self) -> float:  # type: ignore[override]
        """Of the steps that have finished."""
        return self._cost

    def facts(self) -> Mapping[str, Any]:
        """reason (of the last step's end), error."""
        return {"reason": self._reason, "error": self._error}

    def take(self, record: Mapping[str, Any]) -> Sequence[Event] | None:
        """The events of a record; those of unknown types are output."""
        kind, part = text(record.get("type")), mapping(record.get("part"))
        if kind == "step_start":
            self._reason = None
            return ()
        if kind == "text":
            return (Message(text(part.get("text"))),)
        if kind == "reasoning":
            return (Message(text(part.get("text")), thought=True),)
        if kind == "tool_use":
            return self._tool(part)
        if kind == "step_finish":
            return self._step(part)
        if kind == "error":
            self._error = self._error or _words_of(mapping(record.get("error")))
        return None

    def _tool(self, part: Mapping[str, Any]) -> Sequence[Event]:
        state = mapping(part.get("state"))
        tool, number = text(part.get("tool")) or "?", text(part.get("callID")) or None
        said = one_paragraph((text(state.get("output")) or text(state.get("error")))[:4000], 1000)
        begun = ToolUse(tool, number, shown_input(state.get("input")))
        status = _STATUS.get(text(state.get("status")))
        return (begun,) if status is None else (begun, ToolUse(tool, number, None, status, said or None))

    def _step(self, part: Mapping[str, Any]) -> Sequence[Event]:
        tokens = mapping(part.get("tokens"))
        cache = mapping(tokens.get("cache"))
        self._turns += 1
        self._cost += money(part.get("cost"))
        self._reason = text(part.get("reason")) or None
        for name, value in (*tokens.items(), *cache.items()):
            if name in self._used:
                self._used[name] += count(value)
        used = self._used
        return (Usage(self._turns, used["input"], used["output"], used["read"], used["write"], self._cost),)


def _words_of(error: Mapping[str, Any]) -> str:
    data = mapping(error.get("data"))
    said = text(data.get("message")) or text(error.get("message")) or text(error.get("name"))
    status = count(data.get("statusCode"))
    return one_paragraph(f"{status or ''} {said or 'it does not say why'}"[:4000], 500)
