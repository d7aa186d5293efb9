"""Writing history events in AWS's shape (facts/histories.md 1)."""

from __future__ import annotations

import asyncio
from typing import Any

from stepherd.engine.asl.turns import TURN
from stepherd.engine.asl.values import Document, compact, unicode_text
from stepherd.engine.journal.clock import Clock
from stepherd.engine.journal.database import Journal
from stepherd.engine.journal.records import Event

__all__ = [
    "CONFIGURATIONS",
    "ITEMS",
    "MAX_EVENTS",
    "RETRIED",
    "HistoryFull",
    "Recorder",
    "details_key",
    "wire_event",
]

MAX_EVENTS = 25_000
RETRIED = "retried"
"""A key that only the journal sees: which failure a Parallel or Map was started again after."""
ITEMS = "items"
"""Another one: the items of a Map whose ``Items`` is an expression, which might not give the same again."""
CONFIGURATIONS = "configurations"
"""And the configurations that the state machine had when the execution started, where it had some."""
_LARGE = 10_000
_SECONDS_PER_CHARACTER = 1e-8
"""The time to write a large event: of thousands of branches with large inputs, not all may in one turn."""
_NOT_TRUNCATED = {"truncated": False}
_WITHOUT_DETAILS = frozenset(
    {
        *("ParallelStateStarted", "ParallelStateSucceeded", "ParallelStateFailed", "ParallelStateAborted"),
        *("MapStateSucceeded", "MapStateFailed", "MapStateAborted"),
        *("TaskStateAborted", "WaitStateAborted", "LambdaFunctionStarted"),
    }
)


class HistoryFull(Exception):
    """The next event would be the 25,000th, which is kept for the execution's end."""


class Recorder:
    """Numbers an execution's events and hands them to the journal."""

    def __init__(self, journal: Journal, clock: Clock, execution: int, last: int = 0) -> None:
        self._journal = journal
        self._clock = clock
        self._execution = execution
        self.last = last
        self.sealed = False
        """Set when the execution has ended or the engine leaves it: nothing may follow in its history."""

    def emit(
        self, kind: str, details: dict[str, Any] | None, previous: int, frame: str, *, final: bool = False
    ) -> int:
        """Append an event and return its id. Raises HistoryFull where only the end would fit.

        A branch that was woken in the same turn in which its execution ended is cancelled here.
        """
        if self.sealed:
            raise asyncio.CancelledError
        if self.last >= MAX_EVENTS - 1 and not final:
            raise HistoryFull
        self.last += 1
        stamp = round(self._clock.time(), 3)
        text = None if details is None else compact(details)
        if text is not None and len(text) > _LARGE:
            TURN.spend(len(text) * _SECONDS_PER_CHARACTER)
        self._journal.append((self._execution, self.last, previous, stamp, kind, text, frame))
        return self.last


def entered(name: str, document: Document) -> dict[str, Any]:
    """Details of a StateEntered event."""
    return {"name": name, "input": document.text, "inputDetails": _NOT_TRUNCATED}


def exited(name: str, document: Document, assigned: dict[str, str]) -> dict[str, Any]:
    """Details of a StateExited event; assignments, as JSON text by name, only when there are some."""
    details: dict[str, Any] = {"name": name, "output": document.text, "outputDetails": _NOT_TRUNCATED}
    if assigned:
        details["assignedVariables"] = assigned
        details["assignedVariablesDetails"] = _NOT_TRUNCATED
    return details


def output_details(text: str) -> dict[str, Any]:
    """The pair ``output`` and ``outputDetails``."""
    return {"output": text, "outputDetails": _NOT_TRUNCATED}


def input_details(text: str) -> dict[str, Any]:
    """The pair ``input`` and ``inputDetails``."""
    return {"input": text, "inputDetails": _NOT_TRUNCATED}


def failure_details(error: str | None, cause: str | None) -> dict[str, Any]:
    """Error and cause as far as they exist, cut to the service's lengths, as text that a file can hold."""
    details: dict[str, Any] = {}
    if error is not None:
        details["error"] = unicode_text(error)[:256]
    if cause is not None:
        details["cause"] = unicode_text(cause)[:32_768]
    return details


def details_key(kind: str) -> str:
    """The name of the details object of an event type."""
    if kind.endswith("StateEntered"):
        return "stateEnteredEventDetails"
    if kind.endswith("StateExited"):
        return "stateExitedEventDetails"
    return f"{kind[0].lower()}{kind[1:]}EventDetails"


def wire_event(event: Event, *, data: bool = True) -> dict[str, Any]:
    """An event as GetExecutionHistory answers it; ``data`` False leaves inputs and outputs out."""
    wire: dict[str, Any] = {"timestamp": event.timestamp, "type": event.type, "id": event.id}
    wire["previousEventId"] = event.previous
    if event.type in _WITHOUT_DETAILS:
        return wire
    details = event.facts
    if event.type == "MapStateStarted":
        details = {"length": details["length"]}
    elif CONFIGURATIONS in details and event.type == "ExecutionStarted":
        details = {key: value for key, value in details.items() if key != CONFIGURATIONS}
    if not data:
        hidden = ("input", "inputDetails", "output", "outputDetails", "parameters", "assignedVariables")
        details = {key: value for key, value in details.items() if key not in hidden}
    wire[details_key(event.type)] = details
    return wire
