"""``stepherd watch``."""

from __future__ import annotations

import asyncio

from stepherd.backends.client import Call, EngineGone
from stepherd.backends.home.engines import PATIENCE_SECONDS
from stepherd.backends.sources import learn
from stepherd.cli.follow.execution import follow
from stepherd.cli.follow.follow import INTERRUPTED, left_running, say_which
from stepherd.cli.follow.outcome import describe, finish
from stepherd.cli.follow.signals import Happening, Happenings
from stepherd.cli.follow.views import View, make_view
from stepherd.cli.options import command as declared
from stepherd.cli.options import run_argument
from stepherd.cli.output import Output
from stepherd.errors import StepherdError, TemporaryError
from stepherd.history.progress import Progress

__all__ = ["SOON_SECONDS", "command"]

SOON_SECONDS = 1.0
"""How long an engine that is on its way may take before a run counts as abandoned."""


@declared("watch", examples=("stepherd watch RUN", "stepherd watch RUN && echo it has succeeded"))
@run_argument
def command(output: Output, run_id: str) -> int:
    """Follow a run until it ends; the exit code is the run's. Ctrl-C only stops watching."""
    arn = output.place.execution_arn(run_id)
    with output.place.reading() as call:
        status = call("DescribeExecution", {"executionArn": arn})["status"]
    say_which(output, run_id)
    progress, view = Progress(), make_view(output)
    try:
        happening = Happening.ENDED
        if status == "RUNNING":
            happening = asyncio.run(_watch(output, run_id, progress, view))
        with output.place.reading() as call:
            view.update(progress, learn(call, arn, progress))
            view.close()
            return _end(output, call, run_id, progress, happening)
    finally:
        view.close()


def _end(output: Output, call: Call, run_id: str, progress: Progress, happening: Happening) -> int:
    if happening is Happening.ENDED:
        return finish(output, call, run_id, progress)
    if output.as_json:
        output.json(describe(output, call, run_id, progress))
    left_running(output, run_id)
    return INTERRUPTED[happening]


async def _watch(output: Output, run_id: str, progress: Progress, view: View) -> Happening:
    """Follow on whichever engine has the home: when one ends before the run, the next one goes on with it."""
    happenings = Happenings()
    patience, arn = SOON_SECONDS, output.place.execution_arn(run_id)
    with happenings.listening():
        while True:
            source = await output.place.find(patience)
            if source is None:
                raise _abandoned(output, run_id)
            source.tell = view.announce
            view.say("Ctrl-C stops watching, not the run.")
            try:
                return await follow(source, arn, view, progress, happenings)
            except EngineGone:
                patience = PATIENCE_SECONDS
                with output.place.reading() as call:
                    view.update(progress, learn(call, arn, progress))
                if progress.status != "RUNNING":
                    return Happening.ENDED


def _abandoned(output: Output, run_id: str) -> StepherdError:
    words = f"{run_id} is not finished, and no engine runs on {output.home}."
    return TemporaryError(words, remedy=f"Go on with it: stepherd resume {run_id}")
