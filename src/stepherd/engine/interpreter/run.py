"""One execution, from its first state to its end."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

from stepherd.engine.asl.definition import (
    ChoiceState,
    FailState,
    GuardedState,
    MapState,
    ParallelState,
    Resource,
    StateMachine,
    TaskState,
    WaitState,
)
from stepherd.engine.asl.turns import TURN
from stepherd.engine.asl.values import Document, parse
from stepherd.engine.callbacks import Tokens
from stepherd.engine.integrations.contract import Integration
from stepherd.engine.integrations.services import SERVICES
from stepherd.engine.interpreter.failures import StateFailed
from stepherd.engine.interpreter.frame import Frame, Transition, Visit, iso_time
from stepherd.engine.interpreter.parallel import run_map, run_parallel
from stepherd.engine.interpreter.restore import restore
from stepherd.engine.interpreter.simple import run_choice, run_fail, run_pass, run_wait
from stepherd.engine.interpreter.task import run_task
from stepherd.engine.journal.clock import Clock
from stepherd.engine.journal.database import Journal
from stepherd.engine.journal.history import (
    CONFIGURATIONS,
    HistoryFull,
    Recorder,
    failure_details,
    input_details,
    output_details,
)
from stepherd.engine.journal.records import Attempt, Event, Execution

__all__ = ["ExecutionRun", "Surroundings"]

_STATES_PER_TURN = 64
"""After so many states the event loop gets its turn, so that one execution cannot starve the others."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The parts of an engine that all its runs share."""

    journal: Journal
    clock: Clock
    tokens: Tokens
    integrations: dict[str, Integration]
    region: str
    stop_later: Callable[[Integration, Attempt], None]
    at_end: Callable[[Execution], None]
    """Told of an end before it is committed."""


class ExecutionRun:
    """Interprets one execution. Ends by writing the execution's final event and status, or is cancelled."""

    def __init__(self, execution: Execution, machine: StateMachine, around: Surroundings) -> None:
        self.execution = execution
        self.machine = machine
        self.journal = around.journal
        self.clock = around.clock
        self.tokens = around.tokens
        self.region = around.region
        self.stop_later = around.stop_later
        self._at_end = around.at_end
        self._integrations = around.integrations
        self._prior: dict[str, list[Event]] = {}
        self.variable_bytes = 0
        """The size of all frames' variables, in bytes of JSON."""
        self.recorder = Recorder(self.journal, self.clock, execution.number)
        self.context = self._context()

    def _context(self) -> dict[str, Any]:
        e = self.execution
        about: dict[str, Any] = {
            "Id": e.arn,
            "Input": parse(e.input),
            "StartTime": iso_time(e.started),
            "Name": e.name,
        }
        about |= {"RoleArn": e.role_arn, "RedriveCount": e.redrives}
        if e.redriven is not None:
            about["RedriveTime"] = iso_time(e.redriven)
        return {
            "Execution": about,
            "StateMachine": {"Id": e.machine_arn, "Name": e.machine_arn.rsplit(":", 1)[-1]},
        }

    def begin(self, configurations: Mapping[str, Any] | None = None) -> None:
        """Write the first event, ExecutionStarted, which keeps the machine's configurations as well."""
        e = self.execution
        details: dict[str, Any] = {**input_details(e.input), "roleArn": e.role_arn}
        if configurations:
            details[CONFIGURATIONS] = configurations
        self.recorder.emit("ExecutionStarted", details, 0, "")

    def take_over(self, events: list[Event]) -> None:
        """Continue from the events that an engine before this one committed."""
        if not events:
            self.begin()  # It died between the execution's row and its first event.
            return
        frames: dict[str, list[Event]] = defaultdict(list)
        for event in events:
            frames[event.frame].append(event)
        self._prior = dict(frames)
        self.recorder.last = events[-1].id

    # -- the whole ---------------------------------------------------------------------------------

    async def run(self) -> None:
        """Run to the end, within the machine's TimeoutSeconds."""
        try:
            if self.machine.timeout is None:
                await self._body()
            else:
                await self._within(self.machine.timeout)
        except HistoryFull:
            cause = "The execution reached the maximum number of history events (25000)."
            self._end_failed(StateFailed("States.Runtime", cause, self.recorder.last))

    async def _within(self, seconds: float) -> None:
        due = (self.execution.redriven or self.execution.started) + seconds
        timer = self.clock.timer(due - self.clock.time())
        body = asyncio.ensure_future(self._body())
        try:
            await asyncio.wait({timer, body}, return_when=asyncio.FIRST_COMPLETED)
            if body.done():
                await body
                return
            self.end("TIMED_OUT", "ExecutionTimedOut", 0, error="States.Timeout")
        finally:
            timer.cancel()
            if not body.done():
                body.cancel()
                await asyncio.gather(body, return_exceptions=True)

    async def _body(self) -> None:
        redriven_at = max((e.id for e in self._prior.get("", ()) if e.type == "ExecutionRedriven"), default=0)
        root = Frame(self, "", self.machine.body, {}, 0)
        try:
            document = await self.run_frame(root, Document(text=self.execution.input), redriven_at)
        except StateFailed as failure:
            self._end_failed(failure)
        else:
            self.end("SUCCEEDED", "ExecutionSucceeded", root.head, output=document.text)

    def _end_failed(self, failure: StateFailed) -> None:
        self.end("FAILED", "ExecutionFailed", failure.event_id, error=failure.error, cause=failure.cause)

    def end(
        self,
        status: str,
        kind: str,
        previous: int,
        *,
        output: str | None = None,
        error: str | None = None,
        cause: str | None = None,
    ) -> None:
        """Write the execution's last event and its final status, in one commit."""
        details = failure_details(error, cause) if output is None else output_details(output)
        self.recorder.emit(kind, details, previous, "", final=True)
        e = self.execution
        e.status, e.output, e.stopped = status, output, round(self.clock.time(), 3)
        said = {} if status == "TIMED_OUT" else details
        e.error, e.cause = said.get("error"), said.get("cause")
        self._at_end(e)
        self.journal.save_execution(e)
        self.recorder.sealed = True

    # -- frames ------------------------------------------------------------------------------------

    async def run_frame(self, frame: Frame, document: Document, redriven_at: int) -> Document:
        """Run a frame from its start, or from where its committed events end, to its output."""
        try:
            return await self._run_frame(frame, document, redriven_at)
        finally:
            frame.forget()

    async def _run_frame(self, frame: Frame, document: Document, redriven_at: int) -> Document:
        position = restore(frame, self.prior_events(frame.path), redriven_at)
        if position.output is not None:
            return position.output
        if TURN.used_up:
            await TURN.wait(self)
        visit = position.visit or frame.enter(frame.body.start_at, document)
        before = None if isinstance(visit.state, GuardedState) else visit.failed_before()
        if before is not None:
            raise before
        steps = 0
        while True:
            if TURN.used_up:
                await TURN.wait(self)
            outcome = self._handle(visit)
            transition = outcome if isinstance(outcome, Transition) else await outcome
            if transition.next is None:
                return transition.document
            visit = frame.enter(transition.next, transition.document)
            steps += 1
            if steps % _STATES_PER_TURN == 0:
                await asyncio.sleep(0)

    def _handle(self, visit: Visit) -> Transition | Coroutine[Any, Any, Transition]:  # noqa: PLR0911
        match visit.state:
            case TaskState() as state:
                return run_task(visit, state)
            case ChoiceState() as state:
                return run_choice(visit, state)
            case ParallelState() as state:
                return run_parallel(visit, state)
            case MapState() as state:
                return run_map(visit, state)
            case WaitState() as state:
                return run_wait(visit, state)
            case FailState() as state:
                return self._fail(visit, state)
            case _:
                return run_pass(visit)

    def _fail(self, visit: Visit, state: FailState) -> Transition:
        """A Fail state that a redrive finds is entered again, and fails again [docs]."""
        if visit.redriven_at > visit.entered:
            visit = visit.frame.enter(state.name, visit.document)
        return run_fail(visit, state)

    def prior_events(self, path: str) -> list[Event]:
        """The transitions of a frame that an earlier engine committed."""
        return self._prior.get(path, [])

    def prior_states(self, path: str) -> bool:
        """Whether a state of that frame had been entered."""
        return any(event.state for event in self.prior_events(path))

    def was_aborted(self, path: str, redriven_at: int) -> bool:
        """Whether the end of a failed or aborted child was written already."""
        ends = ("Aborted", "IterationFailed")
        return any(e.type.endswith(ends) and e.id > redriven_at for e in self.prior_events(path))

    def was_stopped(self, path: str, redriven_at: int) -> bool:
        """Whether a child was aborted because another one failed, and not by a failure of its own."""
        events = self.prior_events(path)
        own = {event.id for event in events}
        aborts = (e for e in events if e.type.endswith("Aborted") and e.id > redriven_at)
        return any(event.previous not in own for event in aborts)

    # -- what states need --------------------------------------------------------------------------

    async def sleep_until(self, moment: float) -> None:
        """Wait until a wall time; a jump of the wall clock after this call changes nothing."""
        timer = self.clock.timer(moment - self.clock.time())
        try:
            await timer
        finally:
            timer.cancel()

    def integration(self, service: str) -> Integration:
        """The integration of a service."""
        return self._integrations[service]

    def as_sent(self, resource: Resource, parameters: Any) -> Any:
        """Parameters as TaskScheduled shows them: AWS adds to those of a job that it waits for."""
        added = SERVICES[resource.service].added if resource.waits_for_job else {}
        return {**parameters, **added} if added and isinstance(parameters, dict) else parameters
