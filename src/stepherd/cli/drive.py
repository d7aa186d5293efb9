"""From a started run to its end at this terminal: followed, handed over or stopped, never orphaned."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import click

from stepherd.cli.client import execution_arn
from stepherd.cli.engines import attach_or_acquire, background_engine
from stepherd.cli.follow import Ending, follow
from stepherd.cli.outcome import EXIT_CODES, outcome_fields, show_outcome
from stepherd.cli.output import Output
from stepherd.cli.progress import Progress
from stepherd.cli.sources import OwnSource, RemoteSource, Source, new_events
from stepherd.engine.local import LocalEngine
from stepherd.engine.lock import EngineAddress

__all__ = ["drive", "on_engine", "snapshot"]

Begin = Callable[[Source], Awaitable[str]]
"""Starts, redrives or picks a run on an engine, and gives its id."""


def drive(home: Path, output: Output, begin: Begin) -> int:
    """Begin a run on the home's engine, show it to its end, and give the exit code."""
    found = attach_or_acquire(home)
    if isinstance(found, EngineAddress):
        return asyncio.run(_drive_remote(found, home, output, begin))
    return asyncio.run(_drive_own(found, home, output, begin))


def on_engine(home: Path, act: Callable[[Source], Awaitable[Any]]) -> Any:
    """Do something short on the home's live engine, or on one of our own that goes on in the background."""
    found = attach_or_acquire(home)
    if isinstance(found, EngineAddress):
        return asyncio.run(_awaited(act(RemoteSource(found))))

    async def here() -> tuple[Any, bool]:
        found.open()
        try:
            result = await act(OwnSource(found))
            await found.engine.quiet()
            return result, bool(found.engine.running())
        finally:
            await found.close(leave_tasks=True)

    result, busy = asyncio.run(here())
    if busy:
        background_engine(home)
    return result


async def _awaited(work: Awaitable[Any]) -> Any:
    return await work


async def snapshot(source: Source, home: Path, run_id: str) -> dict[str, Any]:
    """What is known of a run now, as ``--json`` prints it."""
    described = await source.call("DescribeExecution", {"executionArn": execution_arn(run_id)})
    progress = Progress()
    progress.feed(await new_events(source, run_id, 0))
    return outcome_fields(home, run_id, described, progress)


async def _finish(source: Source, home: Path, output: Output, run_id: str) -> int:
    fields = await snapshot(source, home, run_id)
    if output.as_json:
        output.json(fields)
    else:
        show_outcome(output, home, fields)
        output.data(str(fields["branch"] or run_id))
    return EXIT_CODES[fields["status"]]


async def _drive_remote(address: EngineAddress, home: Path, output: Output, begin: Begin) -> int:
    source = RemoteSource(address)
    run_id = await begin(source)
    ending = await follow(source, run_id, output, Progress())
    if ending is Ending.ENDED:
        return await _finish(source, home, output, run_id)
    return _detached(output, run_id)


def _detached(output: Output, run_id: str) -> int:
    output.note(f"Detached: {run_id} goes on in the background.")
    output.note(f"  follow   stepherd watch {run_id}\n  stop     stepherd stop {run_id}")
    return 0


async def _drive_own(engine: LocalEngine, home: Path, output: Output, begin: Begin) -> int:
    engine.open()
    stopping, hand_over, code = False, False, 0
    try:
        source = OwnSource(engine)
        run_id = await begin(source)
        progress = Progress()
        while True:
            ending = await follow(source, run_id, output, progress)
            _raise_failure(engine)
            if ending is Ending.ENDED:
                code = await _finish(source, home, output, run_id)
                break
            choice = _choose(output, ending)
            if choice == "stop":
                stopping, code = True, await _stop_here(source, home, output, run_id)
                break
            if choice == "continue":
                hand_over, code = True, 0
                break
        hand_over = hand_over or bool(engine.engine.running())
    finally:
        # What was told to stop is waited for; what goes on is left for the background engine to adopt.
        with contextlib.suppress(asyncio.CancelledError):
            await engine.close(leave_tasks=hand_over)
    if hand_over:
        background_engine(home)
        if not stopping and progress.status == "RUNNING":
            return _detached(output, run_id)
    return code


def _raise_failure(engine: LocalEngine) -> None:
    if engine.engine.failure:
        raise engine.engine.failure


def _choose(output: Output, ending: Ending) -> str:
    """What to do with a run that this process carries: a person is asked, a script stops it."""
    if ending is Ending.HUNG_UP:
        return "continue"
    if not output.can_ask:
        return "stop"
    words = "This process carries the run. [s]top it, [c]ontinue it in the background, or [w]atch on?"
    try:
        answer = click.prompt(words, default="w", err=True, show_default=False)
    except click.exceptions.Abort:
        return "stop"
    return {"s": "stop", "c": "continue"}.get(str(answer).strip().lower()[:1], "watch")


async def _stop_here(source: OwnSource, home: Path, output: Output, run_id: str) -> int:
    output.note("Stopping the run and what it started…")
    request = {
        "executionArn": execution_arn(run_id),
        "error": "Stopped",
        "cause": "interrupted at the terminal",
    }
    await source.call("StopExecution", request)
    await source.engine.engine.quiet()
    await _finish(source, home, output, run_id)
    return 130
