"""A frame runs one ``States`` object: a body, a branch, an iteration. A visit is one stay in a state."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from stepherd.engine.asl.definition import State, States
from stepherd.engine.asl.expressions import EvaluationError, Variables
from stepherd.engine.asl.templates import Template
from stepherd.engine.asl.values import MAX_BYTES, Document, byte_length, compact
from stepherd.engine.interpreter.failures import StateFailed
from stepherd.engine.journal.history import entered, exited
from stepherd.engine.journal.records import Event
from stepherd.text.moments import iso_text

if TYPE_CHECKING:
    from stepherd.engine.interpreter.run import ExecutionRun

__all__ = ["Frame", "Transition", "Visit", "iso_time"]

EVALUATION_FAILED_FOLLOWS_ENTERED = True
"""Whether EvaluationFailed points at what came before it in its state, as in every recording since December
2024. All of those are of Wait states. With False it points at the event before the StateEntered, as in the
recordings of Pass, Task and Map, which are older than the feature's launch (facts/histories.md 1.2)."""
_MAX_VARIABLE_BYTES = 10 * 1024 * 1024
"""Of all variables of an execution [docs]."""


class Transition(NamedTuple):
    """Where a state leads: the next state's name, None at the end, and its output."""

    next: str | None
    document: Document


def iso_time(seconds: float) -> str:
    """A time as the context object writes it: ``2019-03-26T20:14:13.192Z``."""
    return iso_text(datetime.fromtimestamp(seconds, UTC))


class Frame:
    """One chain of states with its own events' chain and its own variables.

    ``path`` tells frames apart in the journal: the id of the Started event of the Parallel or Map attempt
    and the index of the branch or item, joined to the outer frame's path.
    """

    __slots__ = ("_sizes", "body", "head", "item", "path", "run", "variables", "visit")

    def __init__(
        self, run: ExecutionRun, path: str, body: States, variables: Mapping[str, Any], head: int
    ) -> None:
        self.run = run
        self.path = path
        self.body = body
        self.variables = dict(variables)
        self.head = head
        self.item: dict[str, Any] | None = None
        self.visit: Visit | None = None
        self._sizes: dict[str, int] = {}

    def emit(self, kind: str, details: dict[str, Any] | None = None, *, advance: bool = True) -> int:
        """Write an event that points at the chain's head, and move the head unless told not to."""
        number = self.run.recorder.emit(kind, details, self.head, self.path)
        if advance:
            self.head = number
        return number

    def enter(self, name: str, document: Document) -> Visit:
        """Enter a state with its input."""
        state, before = self.body.states[name], self.head
        number = self.emit(f"{state.type}StateEntered", entered(name, document))
        self.visit = Visit(self, state, number, document, self.run.clock.time(), before)
        return self.visit

    def has_room_for(self, written: Mapping[str, str]) -> bool:
        """Whether variables, as JSON text by name, keep to the limits of one Assign and of the execution."""
        new = sum(byte_length(text) for text in written.values())
        kept = self.run.variable_bytes - sum(self._sizes.get(name, 0) for name in written)
        return new <= MAX_BYTES and kept + new <= _MAX_VARIABLE_BYTES

    def assign(self, name: str, value: Any, text: str) -> None:
        """Set a variable of this frame to a value, whose JSON text is also given."""
        size = byte_length(text)
        self.run.variable_bytes += size - self._sizes.get(name, 0)
        self._sizes[name] = size
        self.variables[name] = value

    def forget(self) -> None:
        """The frame has ended, and its own variables with it."""
        self.run.variable_bytes -= sum(self._sizes.values())
        self._sizes.clear()

    def inner(self, started: int, index: int, body: States, head: int) -> Frame:
        """The frame of a branch or item; it reads this frame's variables and keeps its own."""
        prefix = f"{self.path}/" if self.path else ""
        frame = Frame(self.run, f"{prefix}{started}.{index}", body, self.variables, head)
        frame.item = self.item
        return frame


class Visit:
    """One stay in a state, over all its attempts."""

    __slots__ = (
        "_context",
        "at",
        "before",
        "document",
        "entered",
        "failed",
        "frame",
        "prior",
        "redriven_at",
        "retries",
        "state",
        "token",
    )

    def __init__(
        self, frame: Frame, state: State, number: int, document: Document, at: float, before: int
    ) -> None:
        self.frame = frame
        self.state = state
        self.entered = number
        self.before = before
        """The event that the StateEntered points at."""
        self.document = document
        self.at = at
        self.retries = 0
        self.token: str | None = None
        self.failed: StateFailed | None = None
        """The failure that the attempt under way follows."""
        self.prior: list[Event] = []
        """Events of this visit that an earlier engine wrote."""
        self.redriven_at = 0
        """The id of the last ExecutionRedriven event: what failed before it does not count."""

    @property
    def run(self) -> ExecutionRun:
        """The execution that it belongs to."""
        return self.frame.run

    def bindings(self, item: dict[str, Any] | None = None, **members: Any) -> Variables:
        """The variables, and ``$states`` with input, context and what else the field may use."""
        states = {"input": self.document.value, "context": self._context_object(item), **members}
        return Variables({**self.frame.variables, "states": states})

    def _context_object(self, item: dict[str, Any] | None) -> dict[str, Any]:
        own: dict[str, Any] = {"Name": self.state.name, "EnteredTime": iso_time(self.at)}
        if self.state.type == "Task":
            own["RetryCount"] = self.retries
        context = {**self.run.context, "State": own}
        if self.token is not None:
            context["Task"] = {"Token": self.token}
        current = item or self.frame.item
        if current is not None:
            context["Map"] = {"Item": current}
        return context

    def evaluate(self, template: Template, bindings: Mapping[str, Any] | None = None) -> Any:
        """A field's value; on failure writes EvaluationFailed and raises StateFailed."""
        try:
            return template.evaluate(self.bindings() if bindings is None else bindings)
        except EvaluationError as error:
            raise self.evaluation_failed(error) from error

    def evaluation_failed(self, error: EvaluationError, frame: Frame | None = None) -> StateFailed:
        """Write EvaluationFailed, in the state's own frame unless told another; the failure to raise."""
        cause = self.prefixed(error.cause)
        details = {"error": "States.QueryEvaluationError", "cause": cause}
        if error.location is not None:
            details["location"] = error.location
        chain = frame or self.frame
        if not EVALUATION_FAILED_FOLLOWS_ENTERED and chain.head == self.entered:
            chain.head = self.before
        number = chain.emit("EvaluationFailed", {**details, "state": self.state.name})
        return StateFailed("States.QueryEvaluationError", cause, number, at=self.run.clock.time())

    def prefixed(self, words: str) -> str:
        """A cause with AWS's beginning: which state, entered at which event."""
        place = f"the state '{self.state.name}' (entered at the event id #{self.entered})"
        return f"An error occurred while executing {place}. {words}"

    def runtime_failure(self, words: str) -> StateFailed:
        """A States.Runtime failure, which ends the execution."""
        return StateFailed("States.Runtime", self.prefixed(words), self.frame.head)

    def output_too_large(self, event_id: int, at: float) -> StateFailed:
        """The failure of a state whose data are over a limit: its output, its arguments, what it assigns.

        No event of its own says so.
        """
        return StateFailed("States.DataLimitExceeded", too_large(self.state.name), event_id, at=at)

    def failed_before(self) -> StateFailed | None:
        """The evaluation failure of a Pass, Wait, Choice or Fail that an engine before this one wrote."""
        for event in self.prior:
            if event.type == "EvaluationFailed" and event.id > self.redriven_at:
                return StateFailed.recorded(event)
        return None

    def finish(self, default: Document, *, result: Any = None, with_result: bool = False) -> Transition:
        """Evaluate the state's own Assign and Output, write the Exited event, continue."""
        state = self.state
        if state.output is None and state.assign is None:
            return self.leave(default, {}, state.next)
        bindings = self.bindings(result=result) if with_result else self.bindings()
        return self.leave_with(state.output, state.assign, bindings, default, state.next)

    def leave_with(
        self,
        output: Template | None,
        assign: Template | None,
        bindings: Mapping[str, Any],
        default: Document,
        target: str | None,
    ) -> Transition:
        """Evaluate an Assign and an Output, both with the values from the state's entry, then leave."""
        assigned = {} if assign is None else self.evaluate(assign, bindings)
        document = default if output is None else Document(self.evaluate(output, bindings))
        return self.leave(document, assigned, target)

    def leave(self, document: Document, assigned: dict[str, Any], target: str | None) -> Transition:
        """Write the Exited event and let the assignments take effect."""
        written = {name: compact(value) for name, value in assigned.items()}
        if document.too_large or (written and not self.frame.has_room_for(written)):
            raise self.output_too_large(self.frame.head, self.run.clock.time())
        self.frame.emit(f"{self.state.type}StateExited", exited(self.state.name, document, written))
        for name, value in assigned.items():
            self.frame.assign(name, value, written[name])
        return Transition(target, document)


def too_large(name: str) -> str:
    """AWS's words for a result over the limit."""
    return (
        f"The state/task '{name}' returned a result with a size exceeding "
        "the maximum number of bytes service limit."
    )


def take_assigned(frame: Frame, event: Event) -> None:
    """Set the variables that an Exited event assigned."""
    for name, text in event.facts.get("assignedVariables", {}).items():
        frame.assign(name, json.loads(text), text)
