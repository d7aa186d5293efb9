"""Reads Kiro: stream-json (2.24 and later), and what older ones print for a terminal (facts/q-cli.md 3)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from stepherd.agents.contract import Stream
from stepherd.agents.json_lines import JsonLineReader, Recent, items, mapping, money, shown_input, text
from stepherd.agents.terminal_reader import Sign, TerminalReader
from stepherd.events.vocabulary import Event, Message, ToolUse, Usage
from stepherd.text.plain import one_paragraph, plain

__all__ = ["KiroReader"]

_LONGEST_MESSAGE: Final = 1 << 20
_LONGEST_NAME: Final = 200
_CHUNKS: Final = {"agent_message_chunk": False, "agent_thought_chunk": True}
_NO_MODEL: Final = re.compile(r"\W*(?:warn(?:ing)?\W+)?failed to set model\b", re.IGNORECASE)
# The words of an error in stream-json; among free text the same words would mean less.
_LOGIN: Final = re.compile(
    r"authenticat|unauthori[sz]ed|not logged in|log ?in again|login (?:required|session)|sign in|bearer token"
    r"|(?:token|session|credentials?) (?:has |have |is |are )?(?:expired|invalid)"
    r"|(?:expired|invalid) (?:\w+ )?(?:token|session|credentials?|api key)",
    re.IGNORECASE,
)
_LIMIT: Final = re.compile(
    r"quota|throttl|rate.?limit|too many requests|limit (?:has been |was |is )?(?:reached|exceeded)"
    r"|(?:usage|monthly|request) limit|overage|request_count|(?:out of|insufficient|not enough) credits",
    re.IGNORECASE,
)
_ENDS: Final = frozenset({"runFinished", "runError"})
_STATUS: Final[dict[str, Literal["succeeded", "failed"]]] = {"completed": "succeeded", "failed": "failed"}


class KiroReader(JsonLineReader):
    """Keeps how the run finished; pieces of what it says become whole messages.

    ``streams``: it was told to print stream-json, so that a record counts without the one that begins a run.
    ``wants_model``: a model was asked for; one that cannot set it is not waited for.
    """

    def __init__(self, signs: Sequence[Sign], *, streams: bool = False, wants_model: bool = False) -> None:
        self._terminal = TerminalReader(signs)
        self._said: list[str] = []
        self._thought = False
        self._length = 0
        self._tools = Recent[str]()
        self._begun = self._answered = False
        self._streams, self._wants_model = streams, wants_model
        self._no_model: str | None = None
        self._credits = 0.0
        self._end: dict[str, str] | None = None

    @property
    def done(self) -> bool:  # type: ignore[override]
        """When its run has finished, it waits for a person who will not come, or it has no such model."""
        no_model = self._wants_model and self._no_model is not None
        return self._end is not None or self._terminal.done or no_model

    def facts(self) -> Mapping[str, Any]:
        """Those of a terminal; begun: whether it printed stream-json; end {status, text, and the kind of a
        failure} or None; no_model: what it said when it could not set the model."""
        terminal = self._terminal.facts()
        own = {"answered": self._answered or terminal["answered"], "begun": self._begun, "end": self._end}
        credit = {"credits": self._credits} if self._credits else {}
        return {**terminal, **credit, **own, "no_model": self._no_model}

    def take_text(self, stream: Stream, line: str) -> Sequence[Event]:
        """A line that is no known object."""
        if stream == "err" or not self._terminal.facts()["answered"]:
            shown = next((part for part in plain(line).split("\n") if _NO_MODEL.match(part)), None)
            self._no_model = self._no_model or (shown and one_paragraph(shown, 300))
        return self._terminal.feed(stream, line)

    def take(self, record: Mapping[str, Any]) -> Sequence[Event] | None:
        """The events of a record, after those of the message that it ends."""
        kind = text(record.get("type"))
        fields = mapping(record.get("data")) or record
        if kind == "runStarted":
            self._begun = True
            return ()
        if not self._begun and not (self._streams and kind in _ENDS):
            return None  # JSON that is part of an answer
        if kind == "sessionUpdate":
            return self._update(mapping(fields.get("update")))
        if kind == "runFinished":
            said = text(fields.get("finalText"))
            self._answered = self._answered or bool(said)
            reasons = (text(fields.get(name)) for name in ("stopReason", "message"))
            self._end = _end(text(fields.get("status")), ": ".join(filter(None, reasons)))
        elif kind == "runError":
            self._end = _end("error", f"{text(fields.get('stage'))}: {text(fields.get('message'))}")
        elif kind != "metadata":
            return None
        return (*self._whole_message(), *self._spent(fields))

    def _spent(self, fields: Mapping[str, Any]) -> Sequence[Event]:
        """The credits used so far, as an event. The CLI reports those of a turn at its end."""
        metered = items(fields.get("meteringUsage"))
        turn = sum(money(one.get("value")) for one in metered if text(one.get("unit")).startswith("credit"))
        if not turn:
            return ()
        self._credits = round(self._credits + turn, 6)
        return (Usage(credits=self._credits),)

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


def _end(status: str, said: str) -> dict[str, str]:
    """How a run ended, and of what kind its failure is."""
    if status == "success":
        return {"status": status, "text": one_paragraph(said, 500)}
    kind = "login" if _LOGIN.search(said) else "limit" if _LIMIT.search(said) else "failed"
    return {"status": status, "kind": kind, "text": one_paragraph(said, 500)}
