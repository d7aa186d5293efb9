"""``stepherd engine``: the embedded Step Functions as a process of its own."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stepherd.cli.engines import new_engine
from stepherd.cli.options import home_option, home_path
from stepherd.cli.output import Output
from stepherd.errors import CannotCreateError

if TYPE_CHECKING:
    from stepherd.engine.local import LocalEngine

__all__ = ["command"]

_IDLE_SECONDS = 3.0


@click.command("engine", short_help="Serve the embedded Step Functions on loopback.")
@click.option("--keep", is_flag=True, help="Stay when nothing runs; the default is to end after a moment.")
@click.option("--port", type=int, default=0, help="Port on 127.0.0.1. Default: any free one.")
@click.option(
    "--access-key", metavar="KEY", help="Access key id that callers sign with. Default: a random one."
)
@click.option("--ready-fd", type=int, hidden=True)
@home_option
def command(home: Path | None, keep: bool, port: int, access_key: str | None, ready_fd: int | None) -> int:
    """Serve the embedded Step Functions for boto3 and the AWS CLI.

    Continues every run that a dead engine left. Prints the endpoint and its access key as shell exports.
    """
    place, output = home_path(home), Output()
    engine = new_engine(place, access_key, port)
    if not engine.acquire():
        words = f"An engine runs on {place} already."
        raise CannotCreateError(words, remedy=f"Its endpoint is in {place / 'engine.json'}.")
    asyncio.run(_serve(engine, output, keep=keep, ready_fd=ready_fd))
    if engine.engine.failure:
        raise engine.engine.failure
    return 0


async def _serve(engine: LocalEngine, output: Output, *, keep: bool, ready_fd: int | None) -> None:
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    engine.open()
    if ready_fd is not None:
        os.close(ready_fd)
    output.data(f"export AWS_ENDPOINT_URL_SFN={engine.endpoint}")
    output.data(
        f"export AWS_ACCESS_KEY_ID={engine.access_key} AWS_SECRET_ACCESS_KEY=local AWS_REGION=us-east-1"
    )
    await _until_idle(engine, ended, keep=keep)
    await engine.close()


async def _until_idle(engine: LocalEngine, ended: asyncio.Event, *, keep: bool) -> None:
    """Wait for a signal, for the engine's failure, or, unless told to stay, for a time without runs."""
    waiting = asyncio.ensure_future(ended.wait())
    idle_since: float | None = None
    loop = asyncio.get_running_loop()
    while not waiting.done() and engine.engine.failure is None:
        if engine.engine.running():
            idle_since = None
        elif idle_since is None:
            idle_since = loop.time()
        elif not keep and loop.time() - idle_since > _IDLE_SECONDS:
            break
        await asyncio.wait({waiting}, timeout=0.5)
    waiting.cancel()
