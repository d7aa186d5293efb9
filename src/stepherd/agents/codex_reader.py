"""Reads the events of ``codex exec --json``, as 0.169.0 prints them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from stepherd.agents.json_lines import JsonLineReader, count, items, mapping, text
from stepherd.events.vocabulary import Event, Message, Output, Retry, Started, ToolUse, Usage
from stepherd.services.json_text import read_json
from stepherd.text.plain import one_paragraph

__all__ = ["CodexReader"]

_TOOLS: Final = {
    "command_execution": "shell",
    "file_change": "edit",
    "mcp_tool_call": "mcp",
    "web_search": "web_search",
}
_STATUS: Final[dict[str, Literal["started", "succeeded", "failed", "denied"]]] = {
    "completed": "succeeded",
    "failed": "failed",
    "declined": "denied",
}
_RETRY: Final = re.compile(
    r"Reconnecting\.\.\. (?:([0-9]{1,9})/([0-9]{1,9})|waiting for network) \((.*)\)", re.DOTALL
)
_COUNTED: Final = ("input_tokens", "output_tokens", "cached_input_tokens")


class CodexReader(JsonLineReader):
    """Keeps whether the turn was completed, and the last error."""

    def __init__(self) -> None:
        self._ended: Literal["", "completed", "failed"] = ""
        self._error = ""
        self._turns = 0
        self._used = dict.fromkeys(_COUNTED, 0)

    @property
    def done(self) -> bool:  # type: ignore[override]
        """When its one turn has ended."""
        return bool(self._ended)

    @property
    def turns(self) -> int:  # type: ignore[override]
        """Tools that it used and messages that it wrote: its own turn is the whole run."""
        return self._turns

    def facts(self) -> Mapping[str, Any]:
        """The keys ``completed`` and ``error``."""
        return {"completed": self._ended == "completed", "error": self._error or None}

    def take(self, record: Mapping[str, Any]) -> Sequence[Event] | None:
        """The events of a record; those of unknown types are output."""
        kind = text(record.get("type"))
        if kind == "thread.started":
            return (Started("codex", session=text(record.get("thread_id")) or None),)
        if kind in {"turn.started", "item.updated"}:
            return ()
        if kind in {"item.started", "item.completed"}:
            return self._item(mapping(record.get("item")), ended=kind == "item.completed")
        if kind == "turn.completed":
            self._ended = "completed"
            return self._usage(mapping(record.get("usage")))
        if kind in {"turn.failed", "error"}:
            self._ended = "failed" if kind == "turn.failed" else self._ended
            return self._trouble(record)
        return None

    def _trouble(self, record: Mapping[str, Any]) -> Sequence[Event]:
        """An error, and what it calls one: that it tries again."""
        said = text(mapping(record.get("error")).get("message")) or text(record.get("message"))
        again = _RETRY.fullmatch(said)
        self._error = _reason(again[3] if again else said)
        if again is None:
            return (Output("out", self._error),)
        attempt, most = (int(number) if number else None for number in again.groups()[:2])
        return (Retry(self._error, attempt, most),)

    def _usage(self, usage: Mapping[str, Any]) -> Sequence[Event]:
        for name in _COUNTED:
            self._used[name] += count(usage.get(name))
        tokens_in, tokens_out, cached = (self._used[name] for name in _COUNTED)
        return (Usage(self._turns, tokens_in, tokens_out, cached),)

    def _item(self, item: Mapping[str, Any], *, ended: bool) -> Sequence[Event] | None:
        kind = text(item.get("type")) or text(item.get("item_type"))
        if kind == "error":  # A warning: the turn continues.
            return (Output("out", text(item.get("message"))),)
        if kind in {"agent_message", "assistant_message", "reasoning"}:
            if not ended:
                return ()
            self._turns += kind != "reasoning"
            return (Message(text(item.get("text")), thought=kind == "reasoning" or None),)
        if kind not in _TOOLS:
            return () if kind == "todo_list" else None
        self._turns += ended
        status = _STATUS.get(text(item.get("status")), "succeeded") if ended else "started"
        shown = None if ended else _input_of(item)
        said = one_paragraph(text(item.get("aggregated_output"))[:4000], 1000) if ended else ""
        tool = text(item.get("tool")) or _TOOLS[kind]
        return (ToolUse(tool, text(item.get("id")) or None, shown, status, said or None),)


def _input_of(item: Mapping[str, Any]) -> str | None:
    paths = " ".join(text(change.get("path")) for change in items(item.get("changes")))
    return one_paragraph(text(item.get("command")) or text(item.get("query")) or paths, 200) or None


def _reason(said: str) -> str:
    """In one line; of an answer of the service that is passed on whole, what it says."""
    try:
        answer = read_json(said)
    except (ValueError, RecursionError):
        answer = None
    words = text(mapping(mapping(answer).get("error")).get("message")) or said
    return one_paragraph(words[:4000], 500) or "it does not say why"
