"""Reads Kiro: stream-json (2.24 and later), and what older ones print for a terminal (facts/q-cli.md 3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from stepherd.agents.contract import Stream
from stepherd.agents.json_lines import JsonLineReader, Recent, items, mapping, shown_input, text
from stepherd.agents.terminal_reader import Sign, TerminalReader
from stepherd.events.vocabulary import Event, Message, ToolUse
from stepherd.text.plain import one_paragraph

__all__ = ["KiroReader"]

_LONGEST_MESSAGE: Final = 1 << 20
_LONGEST_NAME: Final = 200
_CHUNKS: Final = {"agent_message_chunk": False, "agent_thought_chunk": True}
_STATUS: Final[dict[str, Literal["succeeded", "failed"]]] = {"completed": "succeeded", "failed": "failed"}


class KiroReader(JsonLineReader):
    """Keeps how the run finished; pieces of what it says become whole messages."""

    def __init__(self, signs: Sequence[Sign]) -> None:
        self._terminal = TerminalReader(signs)
        self._said: list[str] = []
        self._thought = False
        self._length = 0
        self._tools = Recent[str]()
        self._begun = self._answered = False
        self._end: dict[str, str] | None = None

    @property
    def done(self) -> bool:  # type: ignore[override]
        """When its run has finished, or it waits for a person who will not come."""
        return self._end is not None or self._terminal.done

    def facts(self) -> Mapping[str, Any]:
        """Those of a terminal; begun: whether it printed stream-json; end {status, text} or None."""
        terminal = self._terminal.facts()
        answered = self._answered or terminal["answered"]
        return {**terminal, "answered": answered, "begun": self._begun, "end": self._end}

    def take_text(self, stream: Stream, line: str) -> Sequence[Event]:
        """A line that is no known object."""
        return self._terminal.feed(stream, line)

    def take(self, record: Mapping[str, Any]) -> Sequence[Event] | None:
        """The events of a record, after those of the message that it ends."""
        kind = text(record.get("type"))
        fields = mapping(record.get("data")) or record
        if kind == "runStarted":
            self._begun = True
            return ()
        if not self._begun:
            return None  # JSON that is part of an answer
        if kind == "sessionUpdate":
            return self._update(mapping(fields.get("update")))
        if kind == "runFinished":
            said = text(fields.get("finalText"))
            self._answered = self._answered or bool(said)
            self._end = {"status": text(fields.get("status")), "text": text(fields.get("stopReason"))}
        elif kind == "runError":
            stage, message = text(fields.get("stage")), text(fields.get("message"))
            self._end = {"status": "error", "text": one_paragraph(f"{stage}: {message}", 500)}
        elif kind != "metadata":
            return None
        return self._whole_message()

    def _update(self, update: Mapping[str, Any]) -> Sequence[Event] | None:
        kind = text(update.get("sessionUpdate"))
        if kind in _CHUNKS:
            before = () if self._thought is _CHUNKS[kind] else self._whole_message()
            self._thought = _CHUNKS[kind]
            words = text(mapping(update.get("content")).get("text"))
            self._said.append(words)
            self._length += len(words) + 1
            return (*before, *self._whole_message()) if self._length > _LONGEST_MESSAGE else before
        if kind not in {"tool_call", "tool_call_update"}:
            return None
        before = self._whole_message()
        number = text(update.get("toolCallId"))
        if kind == "tool_call":
            tool = (text(update.get("title")) or text(update.get("kind")) or "?")[:_LONGEST_NAME]
            self._tools[number] = tool
            return (*before, ToolUse(tool, number, shown_input(update.get("rawInput"))))
        status = _STATUS.get(text(update.get("status")))
        if status is None:
            return before
        parts = [text(mapping(part.get("content")).get("text")) for part in items(update.get("content"))]
        shown = one_paragraph(" ".join(parts)[:4000], 1000) or None
        return (*before, ToolUse(self._tools.of(number) or "?", number, None, status, shown))

    def _whole_message(self) -> Sequence[Event]:
        words, self._said, self._length = "".join(self._said), [], 0
        if not words.strip():
            return ()
        self._answered = self._answered or not self._thought
        return (Message(words, thought=self._thought or None),)
