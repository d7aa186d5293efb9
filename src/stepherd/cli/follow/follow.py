"""Carrying a run to its end: on another's engine or on one of our own, and never leaving it orphaned."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from stepherd.backends.client import Call, EngineGone
from stepherd.backends.home.background import hand_on
from stepherd.backends.home.engines import gone
from stepherd.backends.kept_work import Kept, until_kept
from stepherd.backends.sources import Elsewhere, OwnSource, Source
from stepherd.cli.follow.execution import follow, wait_for
from stepherd.cli.follow.notices import NewNotices
from stepherd.cli.follow.outcome import describe, finish
from stepherd.cli.follow.signals import Happening, Happenings
from stepherd.cli.follow.views import View, make_view
from stepherd.cli.output import Output
from stepherd.history.progress import Progress
from stepherd.runs.kept import KEPT_ENDS

if TYPE_CHECKING:
    from stepherd.engine.local import LocalEngine

__all__ = ["INTERRUPTED", "Begin", "carry", "left_running", "say_which"]

Before = Callable[[Source], Awaitable[None]]
"""What must be over before a run begins."""
Begin = Callable[[Call], str]
"""Starts, redrives or picks a run on an engine, and gives its id. Called again when that engine ended."""

INTERRUPTED = {
    Happening.INTERRUPTED: 130,
    Happening.CONTINUE: 130,
    Happening.TERMINATED: 143,
    Happening.HUNG_UP: 129,
}
"""Exit codes of commands that did not see the run's end: 128 and the signal, as a shell has it."""
_LOOKS = 10
_QUESTION = "[s]top the run, [c]ontinue it in the background, or [w]atch on?"


def carry(
    output: Output,
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
    return asyncio.run(_Carrier(output, begin, progress or Progress(), remark, before).carry(engine))


def left_running(output: Output, run_id: str) -> None:
    """Say that a run goes on without us, and how to follow and stop it."""
    output.note(f"{run_id} goes on {output.place.background}.")
    output.note(f"  follow   {output.command('watch', run_id)}")
    output.note(f"  stop     {output.command('stop', run_id)}")


def say_which(output: Output, run_id: str) -> None:
    """The head of what is shown of a run: its id, and where it is when that is not this machine."""
    where = output.place.where
    output.note(f"Run {run_id}{f' in {where}' if where else ''}", bold=True)
    if address := output.place.console(run_id):
        output.note(f"  console  {address}", fg="bright_black")


class _Carrier:
    def __init__(
        self, output: Output, begin: Begin, progress: Progress, remark: str, before: Before | None
    ) -> None:
        self._output = output
        self._begin = begin
        self._progress = progress
        self._remark = remark
        self._before = before
        self._happenings = Happenings()
        self._run_id = ""
        self._view: View | None = None
        self._asking = False

    async def carry(self, engine: LocalEngine | None) -> int:
        with self._happenings.listening():
            while True:
                found = await self._output.place.attach(engine)
                engine = None
                try:
                    if isinstance(found, Elsewhere):
                        return await self._on_another(found)
                    return await self._on_our_own(found)
                except EngineGone:
                    continue  # It has ended or is about to: another one has the home, or we do.
                finally:
                    self._close_view()

    # -- on the engine of another process, or on a stack ---------------------------------------------

    async def _on_another(self, source: Elsewhere) -> int:
        if not await self._may_begin(source):
            return INTERRUPTED[Happening.INTERRUPTED]
        view = self._start(source.call)
        source.tell = view.announce
        view.say("Ctrl-C leaves it running.")
        happening = await follow(source, self._arn, view, self._progress, self._happenings)
        if happening is Happening.TERMINATED:
            self._stop(source.call, happening)
            await self._see_the_end(source)
        if self._progress.status in KEPT_ENDS:
            await self._kept(source, view)
        self._close_view()
        code = self._code(source.call, happening)
        if self._progress.status == "RUNNING":
            left_running(self._output, self._run_id)
        return code

    async def _see_the_end(self, source: Elsewhere) -> None:
        """Take the events of a stop: at once from an engine, a moment later from AWS."""
        for _ in range(_LOOKS):
            self._progress.feed(await source.news(self._arn, self._progress.last_event))
            if self._progress.status != "RUNNING":
                return
            await source.changed()

    # -- on the engine of this process ---------------------------------------------------------------

    async def _on_our_own(self, engine: LocalEngine) -> int:
        notices = NewNotices(self._output.home)
        engine.open()
        go_on = False
        try:
            source = OwnSource(engine)
            if not await self._may_begin(source):
                return INTERRUPTED[Happening.INTERRUPTED]
            view = self._start(source.call)
            view.say("Ctrl-C asks whether to stop it.")
            happening = await self._until_decided(source, view, notices)
            if happening in (Happening.STOP, Happening.TERMINATED):
                happening = await self._stopped(engine, source.call, view, happening)
            elif self._progress.status in KEPT_ENDS:
                await self._kept(source, view)
            self._close_view()
            code = self._code(source.call, happening)
            go_on = happening is Happening.CONTINUE
        finally:
            await hand_on(engine, go_on=go_on)
        if self._progress.status == "RUNNING":
            left_running(self._output, self._run_id)
        return code

    def _code(self, call: Call, happening: Happening) -> int:
        if self._progress.status != "RUNNING":
            code = finish(self._output, call, self._run_id, self._progress)
            return INTERRUPTED.get(happening, code)
        if self._output.as_json:
            self._output.json(describe(self._output, call, self._run_id, self._progress))
        return INTERRUPTED[happening]

    async def _until_decided(self, source: OwnSource, view: View, notices: NewNotices) -> Happening:
        """Follow until the run has ended, or somebody said what is to become of it."""
        while True:
            happening = await follow(source, self._arn, view, self._progress, self._happenings, notices)
            if happening is Happening.WATCH:
                self._ask(view, False)
            elif happening is not Happening.INTERRUPTED:
                return happening
            elif self._asking or not self._output.can_ask:
                return Happening.STOP
            else:
                self._ask(view, True)

    def _ask(self, view: View, wanted: bool) -> None:
        self._asking = wanted
        if wanted:
            self._happenings.ask_for_keys()
        else:
            self._happenings.forget_keys()
        view.say(_QUESTION if wanted else "Ctrl-C asks whether to stop it.")

    async def _stopped(self, engine: LocalEngine, call: Call, view: View, why: Happening) -> Happening:
        """Stop the run and wait for its processes; another Ctrl-C leaves that to the background."""
        self._happenings.forget_keys()
        self._stop(call, why)
        view.say("Stopping what it started. Ctrl-C leaves that to the background.")
        source = OwnSource(engine)
        view.update(
            self._progress, self._progress.feed(await source.news(self._arn, self._progress.last_event))
        )
        quiet = asyncio.ensure_future(gone(engine, self._arn))
        if await wait_for(quiet, view, self._happenings):
            if not await self._kept(source, view):
                return Happening.CONTINUE
            return Happening.INTERRUPTED if why is Happening.STOP else why
        quiet.cancel()
        return Happening.CONTINUE

    async def _kept(self, source: Source, view: View) -> bool:
        """Wait until what a run did is kept that was ended from outside; whether nobody lost patience. Who
        does leaves it to the background."""
        view.say("Keeping what it did. Ctrl-C leaves that to the background.")
        place = self._output.place
        keeping = asyncio.ensure_future(
            until_kept(source.call, place, self._run_id, source.changed, source.unfinished)
        )
        patient = await wait_for(keeping, view, self._happenings)
        keeping.cancel()
        kept = keeping.result() if patient else Kept("", self._run_id)
        view.close()  # What is drawn over a line that it does not know of is lost.
        if kept is not None:
            self._output.note(self._output.advice(kept.words()))
        return patient

    async def _may_begin(self, source: Source) -> bool:
        """Wait for what comes first; False when a signal came before."""
        if self._before is None:
            return True
        waiting, happened = (
            asyncio.ensure_future(self._before(source)),
            asyncio.ensure_future(self._happenings.next()),
        )
        try:
            ends: set[asyncio.Future[Any]] = {waiting, happened}
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            if not waiting.done():
                return False
            waiting.result()
            return True
        finally:
            waiting.cancel()
            happened.cancel()

    # -- both ------------------------------------------------------------------------------------------

    @property
    def _arn(self) -> str:
        return self._output.place.execution_arn(self._run_id)

    def _start(self, call: Call) -> View:
        new = not self._run_id
        self._run_id = self._begin(call)
        if new:
            say_which(self._output, self._run_id)
            if self._remark:
                self._output.note(self._remark)
        self._view = make_view(self._output)
        return self._view

    def _stop(self, call: Call, why: Happening) -> None:
        cause = "by SIGTERM" if why is Happening.TERMINATED else "at the terminal"
        reason = {"error": "Stopped", "cause": cause}
        call("StopExecution", {"executionArn": self._arn, **reason})

    def _close_view(self) -> None:
        if self._view:
            self._view.close()
            self._view = None
