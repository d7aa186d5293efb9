"""Task: schedule, submit, wait, time out (facts/histories.md 2).

An engine that takes over continues the attempt that was under way: its Scheduled event says what was sent and
how long it may take, its row in the journal which job was started. Both are committed before anything is
started outside. So at worst a request is made twice, and the integrations find the first one's job.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from stepherd.engine.asl.definition import TaskState
from stepherd.engine.asl.loading import MAX_SECONDS
from stepherd.engine.asl.templates import Computed, Literal, Template
from stepherd.engine.asl.values import Document, compact, parse
from stepherd.engine.integrations.contract import Integration, TaskCall
from stepherd.engine.interpreter.failures import StateFailed, TaskError
from stepherd.engine.interpreter.frame import Transition, Visit, too_large
from stepherd.engine.interpreter.retry import guarded
from stepherd.engine.journal.history import failure_details, input_details, output_details
from stepherd.engine.journal.records import Attempt, Event, with_next
from stepherd.engine.threads import EXHAUSTED, shortage

__all__ = ["run_task"]

_GRAIN = 0.001
"""Seconds that a timer may fire early."""


@dataclass(frozen=True, slots=True)
class Limits:
    """A task's evaluated times, in seconds; None where not declared."""

    timeout: float | None
    heartbeat: float | None


async def run_task(visit: Visit, state: TaskState) -> Transition:
    """One visit of a Task, with all its attempts."""
    prior = [event for event in visit.prior if event.id > visit.redriven_at]
    failures = _failures(visit, prior)
    last_end = max((failure.event_id for failure in failures), default=0)
    # Events behind the last failure are those of an attempt that has not ended. The first attempt here takes
    # it over, and empties the list: every later one is a retry, and begins with nothing.
    open_events = [event for event in prior if event.id > last_end]

    async def attempt() -> Transition:
        under_way = list(open_events)
        open_events.clear()
        return await _Attempt(visit, state, under_way).run()

    return await guarded(visit, state, attempt, failures)


_ENDS = frozenset(
    {"TaskFailed", "TaskTimedOut", "LambdaFunctionFailed", "LambdaFunctionTimedOut", "EvaluationFailed"}
)
_GOOD_ENDS = frozenset({"TaskSucceeded", "LambdaFunctionSucceeded"})


def _failures(visit: Visit, prior: list[Event]) -> list[StateFailed]:
    """The failures of the visit's earlier attempts, by its committed events: they spend its retries again."""
    failures = []
    for event, following in with_next(prior):
        if event.type in _ENDS:
            failure = StateFailed.recorded(event)
            failure.missed_heartbeat = event.type == "TaskTimedOut" and _missed(visit, prior, event)
            failures.append(failure)
        elif event.type in _GOOD_ENDS and getattr(following, "type", "") not in _ENDS:
            # Succeeded is committed together with Exited, or with the failure in between. Here is neither:
            # the output was too large, which has no event of its own.
            failures.append(visit.output_too_large(event.id, event.timestamp))
    return failures


def _missed(visit: Visit, prior: list[Event], ended: Event) -> bool:
    """Whether a TaskTimedOut was a missed heartbeat: the event does not tell, the attempt does."""
    scheduled = max(event.id for event in prior if event.type == "TaskScheduled" and event.id < ended.id)
    attempt = visit.run.journal.attempt_of(visit.run.execution.number, scheduled)
    return attempt is not None and bool(attempt.handle.get("missed_heartbeat"))


class _Attempt:
    """One attempt, begun now or taken over from an engine that died."""

    def __init__(self, visit: Visit, state: TaskState, under_way: list[Event]) -> None:
        self._visit = visit
        self._state = state
        self._run = visit.run
        self._under_way = under_way
        self._is_function = bool(state.resource.function)
        self._service = state.resource.service

    async def run(self) -> Transition:
        """Give the transition, or raise StateFailed after the event that says so."""
        resource = self._state.resource
        waits = resource.waits_for_token or resource.waits_for_job
        token = self._run.tokens.new()
        # The visit gets the token before the arguments are evaluated: they are to pass it on.
        scheduled = next((e for e in self._under_way if e.type.endswith("Scheduled")), None)
        if scheduled is None:
            self._visit.token = token if waits else None
            attempt, limits, parameters = self._schedule(token, waits)
        else:
            attempt = self._taken_over(scheduled)
            self._visit.token = attempt.token if waits else None
            limits, parameters = self._limits_of(scheduled), self._parameters_of(scheduled)
        call = TaskCall(
            self._run.execution.arn,
            self._state.name,
            resource,
            parameters,
            attempt,
            lambda: self._save(attempt),
        )
        clock = self._run.clock
        # Deadlines are measured on the monotonic clock: a jump of the wall clock must not end a task. But
        # only wall time outlives an engine: it tells, once, the age of an attempt that was taken over.
        began = clock.monotonic() - (max(0.0, clock.time() - scheduled.timestamp) if scheduled else 0.0)
        attempt.beat = clock.monotonic() - max(0.0, clock.time() - (attempt.heartbeat or clock.time()))
        return self._succeed(attempt, await self._outcome(call, limits, began))

    # -- beginning ---------------------------------------------------------------------------------

    def _parameters(self) -> Any:
        template = self._state.arguments
        value = self._visit.document.value if template is None else self._visit.evaluate(template)
        if not self._is_function and not isinstance(value, dict):
            if isinstance(template, Computed):
                raise self._visit.evaluation_failed(template.wrong_type("object", value))
            words = f"The parameters of a service call must be an object but were: {compact(value)}"
            raise self._visit.runtime_failure(words)
        return value

    def _parameters_of(self, scheduled: Event) -> Any:
        """The parameters that an engine before this one sent: an expression may give others now."""
        return parse(scheduled.facts["input" if self._is_function else "parameters"])

    def _limits_of(self, scheduled: Event) -> Limits:
        facts = scheduled.facts
        return Limits(facts.get("timeoutInSeconds"), facts.get("heartbeatInSeconds"))

    def _limits(self) -> Limits:
        return Limits(self._seconds(self._state.timeout), self._seconds(self._state.heartbeat))

    def _seconds(self, template: Template | None) -> float | None:
        if template is None:
            return None
        value = template.value if isinstance(template, Literal) else self._visit.evaluate(template)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= MAX_SECONDS:
            raise self._visit.evaluation_failed(template.wrong_type("positive integer", value))
        return value

    def _schedule(self, token: str, waits: bool) -> tuple[Attempt, Limits, Any]:
        """Begin a new attempt. All fields are evaluated first: if one fails, there is no Scheduled event."""
        parameters, limits = self._parameters(), self._limits()
        role = None if self._state.role is None else self._visit.evaluate(self._state.role)
        frame = self._visit.frame
        number = frame.emit(self._kind("Scheduled"), self._scheduled_details(parameters, limits, role))
        started = None if self._is_function else self._pair()
        frame.emit(self._kind("Started"), started)
        now = self._run.clock.time()
        attempt = Attempt(self._run.execution.number, number, token, waits, heartbeat=now)
        self._save(attempt)
        return attempt, limits, parameters

    def _save(self, attempt: Attempt) -> None:
        """Commit the attempt, and the events before it: no job may be started that no one would find."""
        self._run.journal.save_attempt(attempt)
        self._run.journal.flush()

    def _taken_over(self, scheduled: Event) -> Attempt:
        attempt = self._run.journal.attempt_of(self._run.execution.number, scheduled.id)
        assert attempt is not None, "an attempt is committed together with its TaskScheduled"
        return attempt

    def _kind(self, end: str) -> str:
        return f"LambdaFunction{end}" if self._is_function else f"Task{end}"

    def _pair(self) -> dict[str, Any]:
        if self._is_function:
            return {}
        return {"resourceType": self._service, "resource": self._state.resource.name}

    def _scheduled_details(self, parameters: Any, limits: Limits, role: Any) -> dict[str, Any]:
        if self._is_function:
            sent = Document(parameters)
            details: dict[str, Any] = {"resource": self._state.resource.arn, **input_details(sent.text)}
        else:
            sent = Document(self._run.as_sent(self._state.resource, parameters))
            details = {**self._pair(), "region": self._run.region, "parameters": sent.text}
        if sent.too_large:
            raise self._visit.output_too_large(self._visit.frame.head, self._run.clock.time())
        if limits.timeout is not None:
            details["timeoutInSeconds"] = limits.timeout
        if limits.heartbeat is not None and not self._is_function:
            details["heartbeatInSeconds"] = limits.heartbeat
        if role is not None:
            details["taskCredentials"] = {"roleArn": role}
        return details

    # -- working -----------------------------------------------------------------------------------

    async def _outcome(self, call: TaskCall, limits: Limits, began: float) -> Any:
        """The task's result; every way in which it can fail is written as an event here."""
        integration = self._run.integration(self._service)
        try:
            return await self._limited(call, integration, limits, began)
        except TaskError as error:
            raise self._failed(call.attempt, error.error, error.cause) from error
        except EXHAUSTED as error:
            words = f"The task could not be run: {shortage(error)}."
            raise self._failed(call.attempt, "States.TaskFailed", words) from error
        except asyncio.CancelledError:
            # The execution was stopped, or a sibling has failed: no one needs the job any more. Or the engine
            # ends: then it decides there whether to leave the job to the next one.
            self._run.stop_later(integration, call.attempt)
            raise

    async def _limited(self, call: TaskCall, integration: Integration, limits: Limits, began: float) -> Any:
        """Do the work within its limits. Where it is done as a limit passes, its result counts."""
        work = self._work(call, integration)
        if limits.timeout is None and limits.heartbeat is None:
            return await work
        async with _owned(work) as task:
            while True:
                due = self._due(call.attempt, limits, began)
                timer = self._run.clock.timer(due - self._run.clock.monotonic())
                await asyncio.wait({task, timer}, return_when=asyncio.FIRST_COMPLETED)
                timer.cancel()
                if task.done():
                    return task.result()
                # Asked again, because a heartbeat may have moved it while the timer ran.
                if self._due(call.attempt, limits, began) <= self._run.clock.monotonic() + _GRAIN:
                    break
        self._run.stop_later(integration, call.attempt)
        raise self._timed_out(call.attempt, limits, began)

    def _due(self, attempt: Attempt, limits: Limits, began: float) -> float:
        """When the first limit passes, in seconds of the monotonic clock."""
        ends = [began + limits.timeout] if limits.timeout is not None else []
        if limits.heartbeat is not None:
            ends.append(max(began, attempt.beat) + limits.heartbeat)
        return min(ends)

    async def _work(self, call: TaskCall, integration: Integration) -> Any:
        resource = self._state.resource
        waits = resource.waits_for_token or resource.waits_for_job
        # Before the request, because its receiver may answer with the token before the request has returned.
        with self._run.tokens.listen(call.attempt) as callback:
            if not any(event.type == "TaskSubmitted" for event in self._under_way):
                with self._run.clock.held():
                    answer = await self._submitted(call, integration)
                if not waits:
                    return answer
                self._visit.frame.emit("TaskSubmitted", {**self._pair(), **output_details(compact(answer))})
            if resource.waits_for_token:
                return await callback
            return await self._job_or_callback(call, integration, callback)

    async def _submitted(self, call: TaskCall, integration: Integration) -> Any:
        """The service's answer. Parameters of types that no service takes end the execution [recorded]."""
        try:
            return await integration.submit(call)
        except (TypeError, ValueError, AttributeError, LookupError) as error:
            self._close(call.attempt)
            words = f"The Parameters '{compact(call.parameters)[:1000]}' could not be used to start the Task"
            raise self._visit.runtime_failure(f"{words}: [{type(error).__name__}: {error}]") from error

    async def _job_or_callback(
        self, call: TaskCall, integration: Integration, callback: asyncio.Future[Any]
    ) -> Any:
        """Wait for a job: it ends by itself, or by SendTaskSuccess with its token [recorded]."""
        # A nested execution lives by the same clock: holding it would hold the child too.
        held = contextlib.nullcontext() if self._service == "states" else self._run.clock.held()
        with held:
            async with _owned(integration.wait(call)) as job:
                await asyncio.wait({job, callback}, return_when=asyncio.FIRST_COMPLETED)
                if job.done():
                    return job.result()
        # The answer came from elsewhere, so that the job may still run.
        self._run.stop_later(integration, call.attempt)
        return callback.result()

    # -- ending ------------------------------------------------------------------------------------

    def _succeed(self, attempt: Attempt, result: Any) -> Transition:
        document = Document(result)
        if document.too_large:
            raise self._failed(attempt, "States.DataLimitExceeded", too_large(self._service))
        self._close(attempt)
        self._visit.frame.emit(self._kind("Succeeded"), {**self._pair(), **output_details(document.text)})
        return self._visit.finish(document, result=result, with_result=True)

    def _failed(self, attempt: Attempt, error: str | None, cause: str | None) -> StateFailed:
        self._close(attempt)
        number = self._visit.frame.emit(
            self._kind("Failed"), {**self._pair(), **failure_details(error, cause)}
        )
        return StateFailed(error, cause, number, at=self._run.clock.time())

    def _timed_out(self, attempt: Attempt, limits: Limits, began: float) -> StateFailed:
        # The event does not say which of the two limits passed, but Retry and Catch tell them apart. So the
        # attempt notes a missed heartbeat, for an engine that takes over.
        missed = limits.timeout is None or began + limits.timeout > self._run.clock.monotonic() + _GRAIN
        attempt.handle["missed_heartbeat"] = missed
        self._close(attempt)
        number = self._visit.frame.emit(self._kind("TimedOut"), {**self._pair(), "error": "States.Timeout"})
        now = self._run.clock.time()
        return StateFailed("States.Timeout", None, number, at=now, missed_heartbeat=missed)

    def _close(self, attempt: Attempt) -> None:
        attempt.closed = True
        self._run.journal.save_attempt(attempt)


class _owned:
    """Run a coroutine as a task for the length of a block; on the way out it is cancelled and waited for."""

    def __init__(self, work: Coroutine[Any, Any, Any]) -> None:
        self._work = work

    async def __aenter__(self) -> asyncio.Task[Any]:
        self._task = asyncio.ensure_future(self._work)
        return self._task

    async def __aexit__(self, *_: object) -> None:
        if not self._task.done():
            self._task.cancel()
            # Waited for, so that nothing of it still runs behind the block. How it ends does not matter.
            with contextlib.suppress(asyncio.CancelledError, TaskError):
                await self._task
