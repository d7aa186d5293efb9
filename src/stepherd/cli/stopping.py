"""Stopping a run of the embedded engine, and waiting until its processes have gone."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from stepherd.cli.background import BackgroundEngine
from stepherd.cli.client import Call, EngineGone, execution_arn
from stepherd.cli.engines import attach_or_acquire, gone
from stepherd.cli.output import Output
from stepherd.cli.sources import OwnSource, RemoteSource, events_after
from stepherd.cli.task_logs import TaskLogs
from stepherd.engine.lock import EngineAddress
from stepherd.engine.processes import LocalProcess

__all__ = ["stop_at_home"]


def stop_at_home(output: Output, run_id: str, request: Mapping[str, str]) -> None:
    """Stop a run and everything it started: SIGTERM, the stop timeout, SIGKILL."""
    asyncio.run(_stop(output, run_id, request))


async def _stop(output: Output, run_id: str, request: Mapping[str, str]) -> None:
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


async def _stop_there(output: Output, call: Call, run_id: str, request: Mapping[str, str]) -> None:
    """Stop it on another process's engine, and wait until its processes have gone."""
    call("StopExecution", request)
    logs = TaskLogs(output.home)
    logs.learn(events_after(call, execution_arn(run_id), 0))
    while any(LocalProcess(folder, folder.parent.name).alive() for folder in logs.folders()):
        await asyncio.sleep(0.1)  # Nothing tells another process when a task has gone.
