"""Watching a run: following it on whichever engine has its home, until it ends."""

from __future__ import annotations

import asyncio

from stepherd.backends.client import Call, EngineGone
from stepherd.backends.home.engines import PATIENCE_SECONDS
from stepherd.backends.sources import learn
from stepherd.cli.follow.execution import follow_execution
from stepherd.cli.follow.follow import INTERRUPTED, left_running, say_which
from stepherd.cli.follow.outcome import described, finish
from stepherd.cli.follow.signals import Signal, Signals
from stepherd.cli.follow.views import View, make_view
from stepherd.cli.invocation import Invocation
from stepherd.errors import StepherdError, TemporaryError
from stepherd.history.progress import Progress
from stepherd.remedies import Remedy

__all__ = ["SOON_SECONDS", "watch"]

SOON_SECONDS = 1.0
"""How long an engine that is on its way may take before a run counts as abandoned."""


def watch(call: Invocation, run_id: str) -> int:
    """Follow a run until it ends; return its exit code, or that of the signal that ended the watching.

    Raises TemporaryError for a run that is not finished and has no engine.
    """
    arn = call.backend.execution_arn(run_id)
    with call.backend.reading() as ask:
        status = ask("DescribeExecution", {"executionArn": arn})["status"]
    say_which(call, run_id)
    progress, view = Progress(), make_view(call.output)
    try:
        signal = Signal.ENDED
        if status == "RUNNING":
            signal = asyncio.run(_watch(call, run_id, progress, view))
        with call.backend.reading() as ask:
            view.update(progress, learn(ask, arn, progress))
            view.close()
            return _end(call, ask, run_id, progress, signal)
    finally:
        view.close()


def _end(call: Invocation, ask: Call, run_id: str, progress: Progress, signal: Signal) -> int:
    if signal is Signal.ENDED:
        return finish(call, ask, run_id, progress)
    if call.output.as_json:
        call.output.json(described(call, ask, run_id, progress))
    left_running(call, run_id)
    return INTERRUPTED[signal]


async def _watch(call: Invocation, run_id: str, progress: Progress, view: View) -> Signal:
    """Follow on whichever engine has the home: when one ends before the run, the next one continues it."""
    signals = Signals()
    patience, arn = SOON_SECONDS, call.backend.execution_arn(run_id)
    with signals.listening():
        while True:
            source = await call.backend.find(patience)
            if source is None:
                raise _abandoned(call, run_id)
            source.tell = view.announce
            view.say("Ctrl-C stops watching, not the run.")
            try:
                return await follow_execution(source, arn, view, progress, signals)
            except EngineGone:
                patience = PATIENCE_SECONDS
                with call.backend.reading() as ask:
                    view.update(progress, learn(ask, arn, progress))
                if progress.status != "RUNNING":
                    return Signal.ENDED


def _abandoned(call: Invocation, run_id: str) -> StepherdError:
    words = f"{run_id} is not finished, and no engine is running on {call.home}."
    return TemporaryError(words, remedy=Remedy("Continue it: ", ("resume", run_id)))
