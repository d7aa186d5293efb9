"""Reads the stream-json of Claude Code (facts/claude-code.md 2, measured with 2.1.197)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from stepherd.agents.json_lines import JsonLineReader, Recent, count, items, mapping, money, shown_input, text
from stepherd.events.vocabulary import Event, Message, Output, Retry, Started, ToolUse, Usage
from stepherd.text.plain import one_paragraph

__all__ = ["ClaudeReader", "user_message"]

_SILENT: Final = {"stream_event", "rate_limit_event", "control_response", "keep_alive", "tool_progress"}
_OUTPUT_CHARACTERS: Final = 1000
_LONGEST_NAME: Final = 200
_REFUSED_CREDENTIALS: Final = 401
_MOST_REFUSALS: Final = 2
"""After so many retries of a refused key it is the key: ten more retries would take minutes."""
_COUNTED: Final = {
    "input_tokens": "input_tokens",
    "output_tokens": "output_tokens",
    "cache_read_tokens": "cache_read_input_tokens",
    "cache_write_tokens": "cache_creation_input_tokens",
}


def user_message(words: str) -> bytes:
    """A line for stdin under ``--input-format stream-json``. In the middle of a run it is put into the next
    call of the model, beside the results of the tools that ran meanwhile."""
    message = {"type": "user", "message": {"role": "user", "content": words}}
    return json.dumps(message).encode() + b"\n"


class ClaudeReader(JsonLineReader):
    """Keeps the first result, who was denied what, and the usage of each message once."""

    takes_notices = True

    def __init__(self) -> None:
        self._usages = Recent[tuple[int, ...]]()
        self._used_in_all = (0,) * len(_COUNTED)
        self._turns = 0
        self._tools = Recent[str]()
        self._denied = Recent[None]()
        self._refusals = 0
        self._session = ""
        self._told: dict[str, Any] | None = None
        self._cost_usd = 0.0

    @property
    def done(self) -> bool:  # type: ignore[override]
        """After a result, or when its key is refused again and again."""
        return self._told is not None or self._refusals >= _MOST_REFUSALS

    @property
    def turns(self) -> int:  # type: ignore[override]
        """Messages of the model, without those of agents that it started itself."""
        return self._turns

    @property
    def cost_usd(self) -> float:  # type: ignore[override]
        """Known with results alone. It counts up, so the largest one that is a number is the last one."""
        return self._cost_usd

    def notice(self, text: str) -> bytes | None:
        """A message of its user."""
        return user_message(text)

    def facts(self) -> Mapping[str, Any]:
        """result {subtype, is_error, terminal_reason, api_error_status, text, errors} or None, denied,
        refused_key, session, turns, cost_usd."""
        return {
            "session": self._session,
            "turns": self.turns,
            "cost_usd": self.cost_usd,
            "denied": list(self._denied),
            "refused_key": self._refusals >= _MOST_REFUSALS,
            "result": self._told,
        }

    def take(self, record: Mapping[str, Any]) -> Sequence[Event] | None:
        """The events of a record; those of unknown types are output."""
        kind = text(record.get("type"))
        if kind in _SILENT:
            return ()
        form = {
            "assistant": self._assistant,
            "user": self._user,
            "system": self._system,
            "result": self._result,
        }.get(kind)
        return None if form is None else form(record)

    def _system(self, record: Mapping[str, Any]) -> Sequence[Event] | None:
        subtype = text(record.get("subtype"))
        if subtype == "init":
            self._session = text(record.get("session_id"))
            failed = [
                Output("out", f"The MCP server {server.get('name')} did not start.")
                for server in items(record.get("mcp_servers"))
                if server.get("status") == "failed"
            ]
            version, model = text(record.get("claude_code_version")), text(record.get("model"))
            started = Started("claude", version=version, model=model, session=self._session)
            return (started, *failed)
        if subtype == "api_retry":
            status = count(record.get("error_status"))
            self._refusals += status == _REFUSED_CREDENTIALS
            reason = f"{status or ''} {text(record.get('error'))}".strip() or "no answer"
            wait = money(record.get("retry_delay_ms")) / 1000
            return (
                Retry(reason, count(record.get("attempt")), count(record.get("max_retries")), round(wait, 3)),
            )
        return ()

    def _assistant(self, record: Mapping[str, Any]) -> Sequence[Event]:
        message = mapping(record.get("message"))
        events: list[Event] = []
        for block in items(message.get("content")):
            kind = text(block.get("type"))
            if kind == "text" and text(block.get("text")):
                events.append(Message(text(block["text"])))
            elif kind == "thinking" and text(block.get("thinking")):
                events.append(Message(text(block["thinking"]), thought=True))
            elif kind in {"tool_use", "server_tool_use"}:
                tool, number = text(block.get("name")), text(block.get("id"))
                self._tools[number] = tool[:_LONGEST_NAME]
                events.append(ToolUse(tool, number, shown_input(block.get("input"))))
        return (*events, *self._count(message, own=record.get("parent_tool_use_id") is None))

    def _count(self, message: Mapping[str, Any], *, own: bool) -> Sequence[Event]:
        """One line comes for each block of a message, each with the usage of all of it."""
        number, usage = text(message.get("id")), mapping(message.get("usage"))
        if not number or not usage:
            return ()
        counts = _counts_of(usage)
        before = self._usages.of(number)
        self._usages[number] = counts
        if before is None and own:
            self._turns += 1
        if before == counts:
            return ()
        was = before or (0,) * len(counts)
        self._used_in_all = tuple(
            all_ + new - old for all_, new, old in zip(self._used_in_all, counts, was, strict=True)
        )
        return (self._used(self._used_in_all),)

    def _used(self, counts: tuple[int, ...], *, cost: float | None = None) -> Event:

        return Usage(turns=self.turns, cost_usd=cost, **dict(zip(_COUNTED, counts, strict=True)))

    def _user(self, record: Mapping[str, Any]) -> Sequence[Event]:
        """Results of tools; what a user said, ourselves, is known."""
        blocks = items(mapping(record.get("message")).get("content"))
        return [self._tool_result(block) for block in blocks if block.get("type") == "tool_result"]

    def _tool_result(self, block: Mapping[str, Any]) -> ToolUse:
        number, said = text(block.get("tool_use_id")), block.get("content")
        if isinstance(said, list):
            said = "\n".join(text(part.get("text")) for part in items(said))
        failed = block.get("is_error") is True
        shown = one_paragraph(text(said)[: 4 * _OUTPUT_CHARACTERS], _OUTPUT_CHARACTERS)
        tool = self._tools.of(number) or "?"
        return ToolUse(tool, number, None, "failed" if failed else "succeeded", shown or None)

    def _result(self, record: Mapping[str, Any]) -> Sequence[Event]:
        # The first one tells how it ended; the cost counts up.
        self._told = self._told or _facts_of_result(record)
        self._cost_usd = max(self._cost_usd, money(record.get("total_cost_usd")))
        events: list[Event] = []
        for denial in items(record.get("permission_denials")):
            tool, number = text(denial.get("tool_name")) or "?", text(denial.get("tool_use_id"))
            self._denied[tool] = None
            events.append(ToolUse(tool, number, shown_input(denial.get("tool_input")), "denied"))
        usage = mapping(record.get("usage"))
        return (*events, self._used(_counts_of(usage) if usage else self._used_in_all, cost=self.cost_usd))


def _counts_of(usage: Mapping[str, Any]) -> tuple[int, ...]:
    return tuple(count(usage.get(key)) for key in _COUNTED.values())


def _facts_of_result(result: Mapping[str, Any]) -> dict[str, Any]:
    errors = result.get("errors")
    said = [text(error) for error in errors] if isinstance(errors, list) else []
    return {
        "subtype": text(result.get("subtype")),
        "is_error": result.get("is_error") is not False,
        "terminal_reason": result.get("terminal_reason"),
        "api_error_status": result.get("api_error_status"),
        "text": one_paragraph(text(result.get("result"))[:4000], 1000),
        "errors": [one_paragraph(error[:2000], 500) for error in said[:5]],
    }
