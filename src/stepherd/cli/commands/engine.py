"""``stepherd engine``: the embedded Step Functions as a process of its own."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING

import click

from stepherd.backends.backend import only_local
from stepherd.backends.home.engines import attach_or_acquire, new_engine
from stepherd.backends.home.runner import chosen_runner, runner_options
from stepherd.backends.home.runner_selection import default_runner
from stepherd.cli.number_options import WholeNumber
from stepherd.cli.options import command as declared
from stepherd.cli.output import Output
from stepherd.engine.identity import REGION
from stepherd.engine.journal.lock import EngineAddress
from stepherd.engine.runners.choice import CONTAINER_RUNNERS
from stepherd.errors import CannotCreateError

if TYPE_CHECKING:
    from stepherd.engine.local import LocalEngine
    from stepherd.engine.runners.choice import RunnerChoice

__all__ = ["command"]

_IDLE_SECONDS = 3.0


@declared("engine", examples=("stepherd engine --keep --port 8083",))
@click.option("--keep", is_flag=True, help="Stay when nothing runs; the default is to end after a moment.")
@click.option(
    "--port", type=WholeNumber(0, 65_535), default=0, help="Port on 127.0.0.1. Default: any free one."
)
@click.option(
    "--access-key", metavar="KEY", help="Access key id that callers sign with. Default: a random one."
)
@runner_options
@click.option("--go-fd", type=WholeNumber(), hidden=True, help="Take the home when this pipe is closed.")
@click.option("--ready-fd", type=WholeNumber(), hidden=True, help="Close this pipe when the engine answers.")
def command(
    output: Output,
    keep: bool,
    port: int,
    access_key: str | None,
    runner: str | None,
    image: str | None,
    go_fd: int | None,
    ready_fd: int | None,
) -> int:
    """Serve the embedded Step Functions for boto3 and the AWS CLI.

    Continues every run that a dead engine left. Prints the endpoint and its access key as shell exports.
    --runner is for executions that are started here; those of 'stepherd run' have their own.
    """
    only_local(output, "engine", "Name it: stepherd engine --context local")
    choice = chosen_runner(runner, image) or default_runner(output.home)[0]
    if choice.runner in CONTAINER_RUNNERS:
        from stepherd.backends.home.container_runtime import RuntimeCheck

        RuntimeCheck(choice.runner).check()
    engine = _engine(output, access_key, port, choice)
    if go_fd is not None:
        with os.fdopen(go_fd) as go:
            go.read()
    asyncio.run(_serve(engine, output, keep=keep, ready_fd=ready_fd))
    return 0


def _engine(output: Output, access_key: str | None, port: int, runner: RunnerChoice) -> LocalEngine:
    try:
        return new_engine(output.home, access_key, port, runner, shows_notices=True)
    except OSError as error:
        words = f"The port {port} on 127.0.0.1 cannot be used: {error.strerror}."
        raise CannotCreateError(words, remedy="Choose another --port, or leave it out.") from error


async def _serve(engine: LocalEngine, output: Output, *, keep: bool, ready_fd: int | None) -> None:
    found = await attach_or_acquire(output.home, engine)
    if isinstance(found, EngineAddress):
        if ready_fd is not None:
            return  # In the background: whoever was quicker carries the runs.
        words = f"An engine runs on {output.home} already, in process {found.pid}."
        raise CannotCreateError(words, remedy=f"Its endpoint is in {output.home / 'engine.json'}.")
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    engine.open()
    if ready_fd is None:
        _announce(engine, output)
    else:
        os.close(ready_fd)
    await _until_idle(engine, ended, keep=keep)
    left = len(engine.engine.running())
    await engine.close()
    if engine.engine.failure:
        raise engine.engine.failure
    if left:
        output.note(f"{left} unfinished. Go on with: {output.command('resume')}")


def _announce(engine: LocalEngine, output: Output) -> None:
    if output.as_json:
        output.json({"endpoint": engine.endpoint, "access_key_id": engine.access_key, "region": REGION})
        return
    output.data(f"export AWS_ENDPOINT_URL_SFN={engine.endpoint}")
    output.data(
        f"export AWS_ACCESS_KEY_ID={engine.access_key} AWS_SECRET_ACCESS_KEY=local "
        f"AWS_DEFAULT_REGION={REGION}"
    )


async def _until_idle(engine: LocalEngine, ended: asyncio.Event, *, keep: bool) -> None:
    """Wait for a signal, for the engine's failure, for the end of its home, or, unless told to stay, for a
    time without runs."""
    waiting = asyncio.ensure_future(ended.wait())
    idle_since: float | None = None
    loop = asyncio.get_running_loop()
    while not waiting.done() and engine.engine.failure is None and engine.has_home:
        if engine.unfinished():
            idle_since = None
        elif idle_since is None:
            idle_since = loop.time()
        elif not keep and loop.time() - idle_since > _IDLE_SECONDS:
            break
        await asyncio.wait({waiting}, timeout=0.5)
    waiting.cancel()
