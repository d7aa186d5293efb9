"""Stopping a run of the embedded engine, and waiting until its processes have gone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from stepherd.backends.client import EngineGone, execution_arn
from stepherd.backends.home.background import hand_on
from stepherd.backends.home.engines import attach_or_acquire, gone
from stepherd.backends.home.logs import TaskLogs
from stepherd.backends.kept_work import Kept, until_kept
from stepherd.backends.sources import EndpointSource, OwnSource, events_after
from stepherd.engine.journal.lock import EngineAddress
from stepherd.engine.runners.processes import LocalProcess

if TYPE_CHECKING:
    from stepherd.backends.home.backend import HomeBackend

__all__ = ["stop_at_home"]

Tell = Callable[[str], None]


def stop_at_home(backend: HomeBackend, run_id: str, request: Mapping[str, str], tell: Tell) -> Kept | None:
    """Stop a run and everything it started (SIGTERM, the stop timeout, SIGKILL), and have its work kept."""
    return asyncio.run(_stop(backend, run_id, request, tell))


async def _stop(backend: HomeBackend, run_id: str, request: Mapping[str, str], tell: Tell) -> Kept | None:
    while True:
        found = await attach_or_acquire(backend.home)
        try:
            if isinstance(found, EngineAddress):
                return await _stop_there(backend, EndpointSource(found), run_id, request, tell)
        except EngineGone:
            continue
        found.open()
        try:
            await asyncio.sleep(0)  # The run takes up what it had started; only so it stops that, too.
            source = OwnSource(found)
            source.call("StopExecution", request)
            await gone(found, execution_arn(run_id))
            return await _keep(backend, source, run_id, tell)
        finally:
            # Opening an engine resumes what else is unfinished; Ctrl-C leaves the keeping to the background.
            await hand_on(found)


async def _stop_there(
    backend: HomeBackend, source: EndpointSource, run_id: str, request: Mapping[str, str], tell: Tell
) -> Kept | None:
    """Stop it on another process's engine, and wait until its processes have gone."""
    source.call("StopExecution", request)
    logs = TaskLogs(backend.home)
    logs.learn(events_after(source.call, execution_arn(run_id), 0))
    while any(LocalProcess(folder, folder.parent.name).alive() for folder in logs.folders()):
        await asyncio.sleep(0.1)  # Nothing tells another process when a task has gone.
    return await _keep(backend, source, run_id, tell)


async def _keep(
    backend: HomeBackend, source: OwnSource | EndpointSource, run_id: str, tell: Tell
) -> Kept | None:
    tell("Stopped. Keeping its work; Ctrl-C leaves that to the background.")
    return await until_kept(source.call, backend, run_id, source.changed, source.unfinished)
