"""Reads agents that print for a terminal: words among colours, and failures among words."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from stepherd.agents.contract import BasicReader, Stream
from stepherd.events.vocabulary import Event, Message, ToolUse, Usage
from stepherd.text.plain import one_paragraph, plain

__all__ = ["Sign", "TerminalReader"]

_RANKS: Final = ("failed", "limit", "login", "asked")
_TOOL: Final = re.compile(r"\W*Using tool: (?P<tool>[\w@/.-]+)")
_TOOL_DONE: Final = re.compile(r"\W*Completed in [\d.]+ ?s")
_CREDITS: Final = re.compile(r"\W*Credits: (?P<credits>[0-9]{1,15}(?:\.[0-9]{1,15})?)\b.*\bTime:")
_REASON_LINES: Final = 3


@dataclass(frozen=True, slots=True)
class Sign:
    """A text by which an agent shows that it failed. On standard error, but for ``asked``."""

    kind: Literal["failed", "limit", "login", "asked"]
    """``asked``: it waits for a person to log in; ``login``: what it logged in with is not good."""
    pattern: re.Pattern[str]

    @classmethod
    def of(cls, kind: Literal["failed", "limit", "login", "asked"], words: str) -> Sign:
        """A sign by a regular expression, wherever in a line it stands."""
        return cls(kind, re.compile(words, re.IGNORECASE))


class TerminalReader(BasicReader):
    """Keeps whether it answered, and the worst sign of failure. Colours and cursor moves are left out."""

    def __init__(self, signs: Sequence[Sign]) -> None:
        self._signs = signs
        self._kind: str | None = None
        self._reason: list[str] = []
        self._answered = False
        self._tool: str | None = None
        self._used_tools = False
        self._credits: float | None = None

    @property
    def done(self) -> bool:  # type: ignore[override]
        """When it waits for a person who will not come."""
        return self._kind == "asked"

    def feed(self, stream: Stream, line: str) -> Sequence[Event]:
        """The events of a line; of one that was drawn over and over, of what it showed at last."""
        shown = [part.rstrip() for part in plain(line).split("\n") if part.strip()]
        for part in shown:
            self._look_for_signs(stream, part)
        if not shown:
            return ()
        return self._said(shown[-1]) if stream == "out" else self._complained(shown[-1])

    def facts(self) -> Mapping[str, Any]:
        """answered, used_tools, failure {kind, text} or None, credits or None (of one that was done)."""
        failure = None
        if self._kind is not None:
            failure = {"kind": self._kind, "text": one_paragraph(" ".join(self._reason), 500)}
        seen = {"answered": self._answered, "used_tools": self._used_tools}
        return {**seen, "failure": failure, "credits": self._credits}

    def _look_for_signs(self, stream: Stream, part: str) -> None:
        """Look for signs in a line. Indented lines after a sign belong to it: most often they give the
        reason, which may be a worse sign than the first."""
        more = stream == "err" and part.startswith("  ") and 0 < len(self._reason) < _REASON_LINES
        if more:
            self._reason.append(part)
        for sign in self._signs:
            # A question for a person comes before all else: later the agent may well quote such words.
            looked_at = not self._answered if sign.kind == "asked" else stream == "err"
            if looked_at and sign.pattern.search(part) and self._is_worse(sign.kind):
                self._kind = sign.kind
                self._reason = self._reason if more else [part]

    def _is_worse(self, kind: str) -> bool:
        return self._kind is None or _RANKS.index(kind) > _RANKS.index(self._kind)

    def _said(self, part: str) -> Sequence[Event]:
        if self._kind == "asked":
            return super().feed("out", part)
        used = _TOOL.match(part)
        if used:
            self._tool, self._used_tools = used["tool"], True
            return (ToolUse(self._tool),)
        if self._tool is not None and _TOOL_DONE.match(part):
            tool, self._tool = self._tool, None
            return (ToolUse(tool, status="succeeded"),)
        self._answered = True
        return (Message(part.removeprefix("> ")),)

    def _complained(self, part: str) -> Sequence[Event]:
        spent = _CREDITS.match(part)
        if spent:
            self._credits = float(spent["credits"])
            return (Usage(credits=self._credits),)
        return super().feed("err", part)
