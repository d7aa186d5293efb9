"""The engine: executions started, resumed, stopped and redriven on one journal."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path

from stepherd.engine.asl.definition import StateMachine
from stepherd.engine.asl.loading import load
from stepherd.engine.asl.values import parse
from stepherd.engine.callbacks import Tokens
from stepherd.engine.identity import ACCOUNT, JOURNAL, REGION
from stepherd.engine.integrations.contract import Integration
from stepherd.engine.interpreter.restore import aborted_attempts
from stepherd.engine.interpreter.run import ExecutionRun, Surroundings
from stepherd.engine.journal.clock import Clock, SystemClock
from stepherd.engine.journal.database import Journal
from stepherd.engine.journal.history import Recorder, failure_details
from stepherd.engine.journal.records import INTERRUPTED, STOPPING, Attempt, Execution, Machine
from stepherd.engine.threads import EXHAUSTED, shortage
from stepherd.errors import StepherdError

__all__ = ["ACCOUNT", "REGION", "Engine"]

_LOOK_SECONDS = 1.0


class Engine:
    """A durable interpreter of state machines on the journal ``home/journal.sqlite3``.

    One engine at a time may open a home: ``journal/lock.py`` sees to that. All methods belong to one event
    loop.
    """

    def __init__(
        self,
        home: Path,
        *,
        clock: Clock | None = None,
        journal: Journal | None = None,
        region: str = REGION,
        account: str = ACCOUNT,
        check: bool = False,
    ) -> None:
        """Open the journal, which ``check`` has read through first. Raises DataError, StorageError."""
        self.home = home
        self.region = region
        self.account = account
        self.clock: Clock = clock or SystemClock()
        self.journal = journal or Journal(home / JOURNAL, check=check)
        self.tokens = Tokens(self.journal, self.clock)
        self.integrations: dict[str, Integration] = {}
        self.failure: StepherdError | None = None
        """Why the engine gave up: the journal could not be written."""
        self._runs: dict[str, tuple[ExecutionRun, asyncio.Task[None]]] = {}
        self._background: set[asyncio.Task[None]] = set()
        self._changed: set[asyncio.Future[None]] = set()
        self._machines: dict[str, StateMachine] = {}
        self._leaving = False
        self.at_end: Callable[[Execution], None] = lambda _execution: None
        """Called with an execution that ends, before that is committed: what must be done after it, and must
        not be forgotten when this engine dies, is written down then."""
        self.at_removal: Callable[[str], None] = lambda _arn: None
        """Called with the ARN of an execution that was removed: its name may be another's from now on."""
        self.changes = 0
        """How often something was committed."""
        self.closing = False
        """Whether executions are being left, for another engine to resume."""

    # -- life --------------------------------------------------------------------------------------

    def open(self, integrations: Mapping[str, Integration]) -> list[str]:
        """Begin work: reap what ended executions left, resume the running ones. Gives their ARNs."""
        self.integrations.update(integrations)
        self.journal.on_dirty = self._await_end_of_turn
        for attempt in self.journal.orphans():
            self._reap(attempt)
        running = self.journal.running()
        for execution in running:
            self._reap_aborted(execution)
            self._take_over(execution)
        return [execution.arn for execution in reversed(running) if execution.running]

    async def close(self, *, leave_tasks: bool = False) -> None:
        """End work. Running executions stay RUNNING in the journal, for the next engine to resume.

        ``leave_tasks`` leaves their processes alive for it to adopt; otherwise they are stopped first.
        """
        self._leaving, self.closing = leave_tasks, True
        self._wake()  # Whoever waits for a change here is to look for the next engine.
        runs = [task for _, task in self._runs.values()]
        for run, task in self._runs.values():
            run.recorder.sealed = True
            task.cancel()
        await asyncio.gather(*runs, return_exceptions=True)
        if leave_tasks:
            for stopping in self._background:
                stopping.cancel()  # The next engine finishes it: the attempt is still open in the journal.
        await self.quiet()
        self.journal.on_dirty = None
        if self.failure is None:
            self.journal.close()
        else:
            self.journal.abandon()

    async def quiet(self) -> None:
        """Wait until everything that was told to stop has stopped."""
        while self._background:
            await asyncio.gather(*self._background, return_exceptions=True)

    def _await_end_of_turn(self) -> None:
        asyncio.get_running_loop().call_soon(self._end_of_turn)

    def _end_of_turn(self) -> None:
        try:
            self.journal.flush()
        except StepherdError as error:
            self._give_up(error)
        self.changes += 1
        self._wake()

    def _wake(self) -> None:
        waiting, self._changed = self._changed, set()
        for future in waiting:
            if not future.done():
                future.set_result(None)

    async def changed(self, seconds: float) -> None:
        """Wait until something was committed, at most so long in real time."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._changed.add(future)
        await asyncio.wait({future}, timeout=seconds)
        self._changed.discard(future)

    def _give_up(self, error: StepherdError) -> None:
        """The journal cannot be written: stop acting, keep what is committed."""
        if self.failure is None:
            self.failure = error
            for run, task in self._runs.values():
                run.recorder.sealed = True
                task.cancel()

    # -- executions --------------------------------------------------------------------------------

    def machine_arn(self, name: str) -> str:
        """The ARN of a state machine of this engine."""
        return f"arn:aws:states:{self.region}:{self.account}:stateMachine:{name}"

    def execution_arn(self, machine_arn: str, name: str) -> str:
        """The ARN of an execution."""
        return f"{machine_arn.replace(':stateMachine:', ':execution:')}:{name}"

    def put_machine(self, name: str, definition: str, role_arn: str, settings: str | None = None) -> Machine:
        """Create a state machine, or change one, which keeps its creation date, and its settings where none
        are given; raises InvalidDefinition."""
        load(definition)
        arn = self.machine_arn(name)
        existing = self.journal.machine(arn)
        created = existing.created if existing else round(self.clock.time(), 3)
        if settings is None:
            settings = existing.settings if existing else "{}"
        machine = Machine(arn, name, definition, role_arn, created, str(uuid.uuid4()), settings)
        self._keep_machine(machine)
        return machine

    def keep_settings(self, machine: Machine, settings: str) -> None:
        """Change what a machine carries without an effect here, and so no revision of it."""
        self._keep_machine(replace(machine, settings=settings))

    def _keep_machine(self, machine: Machine) -> None:
        self.journal.add_machine(machine)
        self.journal.flush()

    def start(self, machine: Machine, name: str, text: str, *, trace_header: str | None = None) -> Execution:
        """Start an execution whose name is free; committed on return. Raises ValueError for an input that is
        no JSON, before anything is written: what is written is run by each engine that opens the home."""
        parse(text)
        execution = Execution(
            arn=self.execution_arn(machine.arn, name),
            machine_arn=machine.arn,
            name=name,
            role_arn=machine.role_arn,
            definition=machine.definition,
            input=text,
            started=round(self.clock.time(), 3),
            trace_header=trace_header,
        )
        self.journal.add_execution(execution)
        run = self._launch(execution, taken_over=False)
        run.begin(machine.configurations)
        self.journal.flush()
        return execution

    def stop(self, execution: Execution, error: str | None, cause: str | None) -> float:
        """Abort a running execution and stop its tasks; the stop date in seconds since the epoch."""
        entry = self._runs.get(execution.arn)
        if not execution.running or entry is None:
            return execution.stopped or 0.0
        run, task = entry
        run.end("ABORTED", "ExecutionAborted", 0, error=error, cause=cause)
        self.journal.flush()
        task.cancel()
        return run.execution.stopped or 0.0

    def redrive(self, execution: Execution) -> float:
        """Run again what did not succeed; the caller has checked that it may. Gives the redrive date."""
        execution.redrives += 1
        execution.redriven = round(self.clock.time(), 3)
        execution.status, execution.stopped, execution.error, execution.cause = "RUNNING", None, None, None
        last = self.journal.events(execution.number, reverse=True, limit=1)[0].id
        recorder = Recorder(self.journal, self.clock, execution.number, last)
        recorder.emit("ExecutionRedriven", {"redriveCount": execution.redrives}, last, "")
        self.journal.save_execution(execution)
        self.journal.flush()
        self._take_over(execution)
        return execution.redriven

    async def ended(self, arn: str) -> Execution:
        """Wait until an execution has ended."""
        while True:
            entry = self._runs.get(arn)
            if entry is None:
                execution = self.journal.execution(arn)
                assert execution is not None
                return execution
            await asyncio.wait({entry[1]})
            await asyncio.sleep(0)

    def _ending(self, execution: Execution) -> None:
        self.at_end(execution)

    async def over(self, arn: str, redrives: int) -> bool:
        """Wait until an execution has ended for good and its jobs with it; False when it was redriven after
        that end, or is not known."""
        while True:
            execution = self.journal.execution(arn)
            if execution is None or execution.redrives != redrives:
                return False
            jobs = (
                attempt
                for attempt in self.journal.attempts_of(arn)
                if STOPPING in attempt.handle or ("service" in attempt.handle and not attempt.closed)
            )
            if not execution.running and not any(jobs):
                return True
            await self.changed(_LOOK_SECONDS)

    def running(self) -> list[str]:
        """The ARNs of executions that this engine runs now: those that have ended and are on their way out
        do not count."""
        return [arn for arn, (run, _) in self._runs.items() if run.execution.running]

    @property
    def on_their_way(self) -> Collection[str]:
        """The ARNs of executions that run or have not quite left."""
        return self._runs.keys()

    def _take_over(self, execution: Execution) -> None:
        """Continue an execution. One that cannot be read ends in words: it must not keep an engine from all
        others, at this start and at each one after it."""
        try:
            self._launch(execution, taken_over=True)
        except StepherdError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, see above
            cause = f"The engine cannot read this execution: {type(error).__name__}: {error}"
            events = self.journal.events(execution.number, reverse=True, limit=1)
            last = events[0].id if events else 0
            details = failure_details("States.Runtime", cause)
            recorder = Recorder(self.journal, self.clock, execution.number, last)
            recorder.emit("ExecutionFailed", details, last, "", final=True)
            execution.status, execution.stopped = "FAILED", round(self.clock.time(), 3)
            execution.error, execution.cause = details["error"], details["cause"]
            self._ending(execution)
            self.journal.save_execution(execution)

    def _launch(self, execution: Execution, *, taken_over: bool) -> ExecutionRun:
        around = Surroundings(
            self.journal,
            self.clock,
            self.tokens,
            self.integrations,
            self.region,
            self._stop_later,
            self._ending,
        )
        run = ExecutionRun(execution, self._machine(execution.definition), around)
        if taken_over:
            run.take_over(self.journal.events(execution.number))
        task = asyncio.ensure_future(self._drive(run))
        self._runs[execution.arn] = (run, task)
        # One that is stopped before it began never comes to a line of its own.
        task.add_done_callback(lambda _: self._forget(run))
        return run

    def _machine(self, definition: str) -> StateMachine:
        """A definition that was accepted before, compiled once."""
        machine = self._machines.get(definition)
        if machine is None:
            if len(self._machines) >= 64:
                self._machines.clear()
            machine = self._machines[definition] = load(definition, accepted=True)
        return machine

    async def _drive(self, run: ExecutionRun) -> None:
        try:
            await run.run()
        except StepherdError as error:
            self._give_up(error)
        except asyncio.CancelledError:
            pass  # Stopped, or the engine closes: what there is to say has been written.
        except Exception as error:  # noqa: BLE001 - whatever it is, the execution must not stay RUNNING
            self._fault(run, error)

    def _forget(self, run: ExecutionRun) -> None:
        entry = self._runs.get(run.execution.arn)
        if entry and entry[0] is run:  # A redrive may have put another in its place.
            del self._runs[run.execution.arn]

    def _fault(self, run: ExecutionRun, error: Exception) -> None:
        """A fault of the engine itself ends the execution in words instead of leaving it RUNNING for ever."""
        if isinstance(error, EXHAUSTED):
            cause = f"The engine could not continue: {shortage(error)}."
        else:
            asyncio.get_running_loop().call_exception_handler(
                {"message": "state machine fault", "exception": error}
            )
            cause = f"The engine failed: {type(error).__name__}: {error}"
        last = run.recorder.last
        run.end("FAILED", "ExecutionFailed", last, error="States.Runtime", cause=cause)

    # -- stopping tasks ----------------------------------------------------------------------------

    def _stop_later(self, integration: Integration, attempt: Attempt) -> None:
        if not self._leaving and self.failure is None:
            self._spawn_stop(integration, attempt)

    def _spawn_stop(self, integration: Integration, attempt: Attempt) -> None:
        if "service" in attempt.handle and not self.closing:
            # Committed with whatever ended the task: should this engine die, the next one stops the job.
            attempt.handle[STOPPING] = True
            self.journal.save_attempt(attempt)
        task = asyncio.ensure_future(self._stop_attempt(integration, attempt))
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _stop_attempt(self, integration: Integration, attempt: Attempt) -> None:
        for_good = not self.closing or STOPPING in attempt.handle
        await integration.stop(attempt)
        attempt.handle.pop(STOPPING, None)
        if for_good:
            attempt.closed = True
        else:
            attempt.handle[INTERRUPTED] = True
        if self.failure is None and self.journal.on_dirty:
            self.journal.save_attempt(attempt)

    def _reap(self, attempt: Attempt) -> None:
        service = attempt.handle.get("service")
        if service in self.integrations:
            self._spawn_stop(self.integrations[service], attempt)

    def _reap_aborted(self, execution: Execution) -> None:
        """Stop what a branch left that was aborted just before its engine died."""
        opened = [a for a in self.journal.open_attempts(execution.number) if STOPPING not in a.handle]
        if opened:
            for attempt in aborted_attempts(self.journal.events(execution.number), opened):
                self._reap(attempt)
