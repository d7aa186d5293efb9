"""Taking up a frame where its events end (facts/histories.md 6.5 for what a redrive keeps)."""

from __future__ import annotations

from dataclasses import dataclass

from stepherd.engine.asl.values import Document
from stepherd.engine.interpreter.frame import Frame, Visit, take_assigned
from stepherd.engine.journal.records import Attempt, Event

__all__ = ["Position", "aborted_attempts", "restore"]


@dataclass(frozen=True, slots=True)
class Position:
    """Where a frame stands: in a state, or at its end with an output. Neither: it has not begun."""

    visit: Visit | None = None
    output: Document | None = None


def restore(frame: Frame, events: list[Event], redriven_at: int) -> Position:
    """Rebuild a frame's variables, chain and place from the events that were committed.

    A state's Exited event and the next one's Entered event are always committed together, so a frame whose
    last state event is Exited has ended.
    """
    last_entered = last_exited = None
    inside: list[Event] = []
    for event in events:
        if event.state == "Entered":
            last_entered, last_exited, inside = event, None, []
        elif event.state == "Exited":
            last_exited = event
            take_assigned(frame, event)
        elif last_entered is not None:
            inside.append(event)
    if last_entered is None:
        if events:
            frame.head = events[0].id
        return Position()
    frame.head = _chain_end(last_exited or last_entered, inside)
    if last_exited is not None:
        return Position(output=Document(text=last_exited.facts["output"]))
    return Position(visit=_visit(frame, last_entered, inside, redriven_at))


def _chain_end(state_event: Event, inside: list[Event]) -> int:
    """The event that the next one points at; aborts and child ends do not move the chain."""
    if state_event.state == "Exited":
        return state_event.id
    moving = [
        event for event in inside if not event.type.endswith(("Aborted", "Succeeded", "IterationFailed"))
    ]
    succeeded = [event for event in inside if event.type in ("TaskSucceeded", "LambdaFunctionSucceeded")]
    return max([state_event.id, *(event.id for event in moving + succeeded)])


def _visit(frame: Frame, entered: Event, inside: list[Event], redriven_at: int) -> Visit:
    facts = entered.facts
    state = frame.body.states[facts["name"]]
    document = Document(text=facts["input"])
    visit = Visit(frame, state, entered.id, document, entered.timestamp, entered.previous)
    visit.prior = inside
    visit.redriven_at = redriven_at
    frame.visit = visit
    return visit


def aborted_attempts(events: list[Event], opened: list[Attempt]) -> list[Attempt]:
    """Those attempts whose branch or item, or one around it, was aborted after they had begun."""
    frames = {event.id: event.frame for event in events}
    last_abort: dict[str, int] = {}
    for event in events:
        if event.type.endswith("Aborted") and event.frame:
            last_abort[event.frame] = event.id

    def aborted(attempt: Attempt) -> bool:
        parts = frames.get(attempt.event_id, "").split("/")
        around = ("/".join(parts[: depth + 1]) for depth in range(len(parts)))
        return any(last_abort.get(path, 0) > attempt.event_id for path in around)

    return [attempt for attempt in opened if aborted(attempt)]
