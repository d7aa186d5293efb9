"""Following a run to its end: on another's engine or on one of our own, and never leaving it orphaned."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from stepherd.backends.beginning import Begin
from stepherd.backends.client import Call, EngineGone
from stepherd.backends.home.background import hand_on
from stepherd.backends.home.engines import gone
from stepherd.backends.kept_work import Kept, until_kept
from stepherd.backends.sources import OwnSource, RemoteSource, Source
from stepherd.cli.follow.execution import follow_execution, wait_for
from stepherd.cli.follow.notices import NewNotices
from stepherd.cli.follow.outcome import described, finish
from stepherd.cli.follow.signals import Signal, Signals
from stepherd.cli.follow.views import View, make_view
from stepherd.cli.invocation import Invocation
from stepherd.history.progress import Progress
from stepherd.runs.kept import KEPT_ENDS

if TYPE_CHECKING:
    from stepherd.backends.beginning import Beginning
    from stepherd.engine.local import LocalEngine

__all__ = ["INTERRUPTED", "follow", "follow_beginning", "left_running", "say_which"]

Before = Callable[[Source], Awaitable[None]]
"""A wait that must be over before a run begins."""

INTERRUPTED = {
    Signal.INTERRUPTED: 130,
    Signal.CONTINUE: 130,
    Signal.TERMINATED: 143,
    Signal.HUNG_UP: 129,
}
"""Exit codes of commands that did not see the run's end: 128 and the signal, as a shell has it."""
_LOOKS = 10
_QUESTION = "[s]top the run, [c]ontinue it in the background, or keep [w]atching?"


def follow(
    call: Invocation,
    begin: Begin,
    *,
    engine: LocalEngine | None = None,
    progress: Progress | None = None,
    remark: str = "",
    before: Before | None = None,
) -> int:
    """Begin a run, show it to its end, and give the exit code. ``before`` is waited for first.

    ``engine`` is one of our own that was warmed up; ``progress`` what is known of the run already; ``remark``
    is said below the run's id.
    """
    return asyncio.run(_Follower(call, begin, progress or Progress(), remark, before).follow(engine))


def follow_beginning(call: Invocation, beginning: Beginning) -> int:
    """Begin a run that was prepared and follow it to its end; the exit code."""
    return follow(call, beginning, engine=beginning.take_engine(), remark=beginning.remark)


def left_running(call: Invocation, run_id: str) -> None:
    """Say that a run continues without us, and how to follow and stop it."""
    call.output.note(f"{run_id} continues {call.backend.background}.")
    call.output.note(f"  follow   {call.command('watch', run_id)}")
    call.output.note(f"  stop     {call.command('stop', run_id)}")


def say_which(call: Invocation, run_id: str) -> None:
    """The head of what is shown of a run: its id, and where it is when that is not this machine."""
    where = call.backend.where
    call.output.note(f"Run {run_id}{f' in {where}' if where else ''}", bold=True)
    if address := call.backend.console(run_id):
        call.output.note(f"  console  {address}", fg="bright_black")


class _Follower:
    def __init__(
        self, call: Invocation, begin: Begin, progress: Progress, remark: str, before: Before | None
    ) -> None:
        self._call = call
        self._output = call.output
        self._begin = begin
        self._progress = progress
        self._remark = remark
        self._before = before
        self._signals = Signals()
        self._run_id = ""
        self._view: View | None = None
        self._asking = False

    async def follow(self, engine: LocalEngine | None) -> int:
        with self._signals.listening():
            while True:
                found = await self._call.backend.attach(engine)
                engine = None
                try:
                    if isinstance(found, RemoteSource):
                        return await self._on_another(found)
                    return await self._on_our_own(found)
                except EngineGone:
                    continue  # It has ended or is about to: another one has the home, or we do.
                finally:
                    self._close_view()

    # -- on the engine of another process, or on a stack ---------------------------------------------

    async def _on_another(self, source: RemoteSource) -> int:
        if not await self._may_begin(source):
            return INTERRUPTED[Signal.INTERRUPTED]
        view = self._start(source.call)
        source.tell = view.announce
        view.say("Ctrl-C leaves it running.")
        signal = await follow_execution(source, self._arn, view, self._progress, self._signals)
        if signal is Signal.TERMINATED:
            self._stop(source.call, signal)
            await self._see_the_end(source)
        if self._progress.status in KEPT_ENDS:
            await self._kept(source, view)
        self._close_view()
        code = self._code(source.call, signal)
        if self._progress.status == "RUNNING":
            left_running(self._call, self._run_id)
        return code

    async def _see_the_end(self, source: RemoteSource) -> None:
        """Take the events of a stop: at once from an engine, a moment later from AWS."""
        for _ in range(_LOOKS):
            self._progress.feed(await source.news(self._arn, self._progress.last_event))
            if self._progress.status != "RUNNING":
                return
            await source.changed()

    # -- on the engine of this process ---------------------------------------------------------------

    async def _on_our_own(self, engine: LocalEngine) -> int:
        notices = NewNotices(self._call.home)
        engine.open()
        go_on = False
        try:
            source = OwnSource(engine)
            if not await self._may_begin(source):
                return INTERRUPTED[Signal.INTERRUPTED]
            view = self._start(source.call)
            view.say("Ctrl-C asks whether to stop it.")
            signal = await self._until_decided(source, view, notices)
            if signal in (Signal.STOP, Signal.TERMINATED):
                signal = await self._stopped(engine, source.call, view, signal)
            elif self._progress.status in KEPT_ENDS:
                await self._kept(source, view)
            self._close_view()
            code = self._code(source.call, signal)
            go_on = signal is Signal.CONTINUE
        finally:
            await hand_on(engine, go_on=go_on)
        if self._progress.status == "RUNNING":
            left_running(self._call, self._run_id)
        return code

    def _code(self, call: Call, signal: Signal) -> int:
        if self._progress.status != "RUNNING":
            code = finish(self._call, call, self._run_id, self._progress)
            return INTERRUPTED.get(signal, code)
        if self._output.as_json:
            self._output.json(described(self._call, call, self._run_id, self._progress))
        return INTERRUPTED[signal]

    async def _until_decided(self, source: OwnSource, view: View, notices: NewNotices) -> Signal:
        """Follow until the run has ended, or somebody said what is to become of it."""
        while True:
            signal = await follow_execution(source, self._arn, view, self._progress, self._signals, notices)
            if signal is Signal.WATCH:
                self._ask(view, False)
            elif signal is not Signal.INTERRUPTED:
                return signal
            elif self._asking or not self._output.can_ask:
                return Signal.STOP
            else:
                self._ask(view, True)

    def _ask(self, view: View, wanted: bool) -> None:
        self._asking = wanted
        if wanted:
            self._signals.ask_for_keys()
        else:
            self._signals.forget_keys()
        view.say(_QUESTION if wanted else "Ctrl-C asks whether to stop it.")

    async def _stopped(self, engine: LocalEngine, call: Call, view: View, why: Signal) -> Signal:
        """Stop the run and wait for its processes; another Ctrl-C leaves that to the background."""
        self._signals.forget_keys()
        self._stop(call, why)
        view.say("Stopping everything it started. Ctrl-C leaves that to the background.")
        source = OwnSource(engine)
        view.update(
            self._progress, self._progress.feed(await source.news(self._arn, self._progress.last_event))
        )
        quiet = asyncio.ensure_future(gone(engine, self._arn))
        if await wait_for(quiet, view, self._signals):
            if not await self._kept(source, view):
                return Signal.CONTINUE
            return Signal.INTERRUPTED if why is Signal.STOP else why
        quiet.cancel()
        return Signal.CONTINUE

    async def _kept(self, source: Source, view: View) -> bool:
        """Wait until the work of a run that was ended from outside is kept. False where the person stops
        waiting, which leaves it to the background."""
        view.say("Keeping its work. Ctrl-C leaves that to the background.")
        keeping = asyncio.ensure_future(
            until_kept(source.call, self._call.backend, self._run_id, source.anything, source.unfinished)
        )
        patient = await wait_for(keeping, view, self._signals)
        keeping.cancel()
        kept = keeping.result() if patient else Kept("", self._run_id)
        view.close()  # The view would draw over a line that it does not know of.
        if kept is not None:
            self._output.note(self._call.advice(kept.words()))
        return patient

    async def _may_begin(self, source: Source) -> bool:
        """Wait for what comes first; False when a signal came before."""
        if self._before is None:
            return True
        waiting, signalled = (
            asyncio.ensure_future(self._before(source)),
            asyncio.ensure_future(self._signals.next()),
        )
        try:
            ends: set[asyncio.Future[Any]] = {waiting, signalled}
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            if not waiting.done():
                return False
            waiting.result()
            return True
        finally:
            waiting.cancel()
            signalled.cancel()

    # -- both ------------------------------------------------------------------------------------------

    @property
    def _arn(self) -> str:
        return self._call.backend.execution_arn(self._run_id)

    def _start(self, call: Call) -> View:
        new = not self._run_id
        self._run_id = self._begin(call)
        if new:
            say_which(self._call, self._run_id)
            if self._remark:
                self._output.note(self._remark)
        self._view = make_view(self._output)
        return self._view

    def _stop(self, call: Call, why: Signal) -> None:
        cause = "stopped by SIGTERM" if why is Signal.TERMINATED else "stopped at the terminal"
        reason = {"error": "Stopped", "cause": cause}
        call("StopExecution", {"executionArn": self._arn, **reason})

    def _close_view(self) -> None:
        if self._view:
            self._view.close()
            self._view = None
