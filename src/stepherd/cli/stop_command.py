"""``stepherd stop``."""

from __future__ import annotations

import asyncio

import click

from stepherd.cli.background import BackgroundEngine
from stepherd.cli.client import Call, EngineGone, execution_arn
from stepherd.cli.engines import attach_or_acquire, gone, reading
from stepherd.cli.options import command as declared
from stepherd.cli.options import run_argument
from stepherd.cli.outcome import describe
from stepherd.cli.output import Output
from stepherd.cli.progress import Progress
from stepherd.cli.sources import OwnSource, RemoteSource, new_events
from stepherd.cli.task_logs import TaskLogs
from stepherd.engine.lock import EngineAddress
from stepherd.engine.processes import LocalProcess

__all__ = ["command"]


@declared("stop", examples=("stepherd stop RUN", "stepherd stop RUN --reason 'wrong instructions'"))
@run_argument
@click.option("--reason", metavar="TEXT", default="stopped by 'stepherd stop'", help="Kept with the run.")
def command(output: Output, run_id: str, reason: str) -> int:
    """Stop a run and everything it started, and wait until it is gone: SIGTERM, the stop timeout, SIGKILL."""
    with reading(output.home) as call:
        before = call("DescribeExecution", {"executionArn": execution_arn(run_id)})["status"]
    if before == "RUNNING":
        request = {"executionArn": execution_arn(run_id), "error": "Stopped", "cause": reason[:32_000]}
        output.note(f"Stopping {run_id} and what it started.")
        asyncio.run(_stop(output, run_id, request))
    progress = Progress()
    with reading(output.home) as call:
        progress.feed(new_events(call, run_id, 0))
        fields = describe(output, call, run_id, progress)
    if output.as_json:
        output.json(fields)
    elif before != "RUNNING":
        output.note(f"{run_id} had ended before: {before}.")
    else:
        output.note(f"Stopped.\n  next     {output.command('redrive', run_id)}")
    return 0


async def _stop(output: Output, run_id: str, request: dict[str, str]) -> None:
    while True:
        found = await attach_or_acquire(output.home)
        try:
            if isinstance(found, EngineAddress):
                await _stop_there(output, RemoteSource(found).call, run_id, request)
                return
        except EngineGone:
            continue
        found.open()
        await asyncio.sleep(0)  # The run takes up what it had started; only so it stops that, too.
        OwnSource(found).call("StopExecution", request)
        await gone(found, execution_arn(run_id))
        # Opening an engine resumes what else is unfinished: that goes on.
        successor = BackgroundEngine(output.home) if found.engine.running() else None
        await found.close(leave_tasks=successor is not None)
        if successor:
            successor.take_over()
        return


async def _stop_there(output: Output, call: Call, run_id: str, request: dict[str, str]) -> None:
    """Stop it on another process's engine, and wait until its processes have gone."""
    call("StopExecution", request)
    logs = TaskLogs(output.home)
    logs.learn(new_events(call, run_id, 0))
    while any(LocalProcess(folder, folder.parent.name).alive() for folder in logs.folders()):
        await asyncio.sleep(0.1)  # Nothing tells another process when a task has gone.
