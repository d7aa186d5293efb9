"""``stepherd engine``: the embedded Step Functions as a process of its own."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING

import click

from stepherd.backends.home.container_runtime import RuntimeCheck
from stepherd.backends.home.engines import attach_or_acquire, new_engine, until_idle
from stepherd.backends.home.home_check import check_home
from stepherd.backends.home.runner import chosen_runner
from stepherd.backends.home.runner_selection import default_runner
from stepherd.cli.invocation import Invocation
from stepherd.cli.number_options import WholeNumber
from stepherd.cli.options import command as declared
from stepherd.cli.runner_options import runner_options
from stepherd.engine.identity import REGION
from stepherd.engine.journal.lock import EngineAddress
from stepherd.engine.runners.choice import CONTAINER_RUNNERS
from stepherd.errors import CannotCreateError

if TYPE_CHECKING:
    from stepherd.engine.local import LocalEngine
    from stepherd.engine.runners.choice import RunnerChoice

__all__ = ["command"]


@declared("engine", examples=("stepherd engine --keep --port 8083",), contexts=False, any_home=True)
@click.option(
    "--keep", is_flag=True, help="Keep serving when nothing runs; by default the engine ends after a moment."
)
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
    call: Invocation,
    keep: bool,
    port: int,
    access_key: str | None,
    runner: str | None,
    image: str | None,
    go_fd: int | None,
    ready_fd: int | None,
) -> int:
    """Serve the embedded Step Functions for boto3 and the AWS CLI.

    Continues every run that was interrupted. Prints the endpoint and its access key as shell exports.
    --runner is for executions started through this endpoint; those of 'stepherd run' have their own.
    """
    if go_fd is None:
        check_home(call.home)  # Else whoever starts it in the background has looked, and for whose it may be.
    choice = chosen_runner(runner, image) or default_runner(call.home)[0]
    if choice.runner in CONTAINER_RUNNERS:
        RuntimeCheck(choice.runner).check()
    engine = _engine(call, access_key, port, choice)
    if go_fd is not None:
        with os.fdopen(go_fd) as go:
            go.read()
    asyncio.run(_serve(engine, call, keep=keep, ready_fd=ready_fd))
    return 0


def _engine(call: Invocation, access_key: str | None, port: int, runner: RunnerChoice) -> LocalEngine:
    try:
        return new_engine(call.home, access_key, port, runner, shows_notices=True)
    except OSError as error:
        words = f"The port {port} on 127.0.0.1 cannot be used: {error.strerror}."
        raise CannotCreateError(words, remedy="Choose another --port, or leave it out.") from error


async def _serve(engine: LocalEngine, call: Invocation, *, keep: bool, ready_fd: int | None) -> None:
    found = await attach_or_acquire(call.home, engine)
    if isinstance(found, EngineAddress):
        if ready_fd is not None:
            return  # In the background: whoever was quicker carries the runs.
        words = f"An engine runs on {call.home} already, in process {found.pid}."
        raise CannotCreateError(words, remedy=f"Its endpoint is in {call.home / 'engine.json'}.")
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    engine.open()
    if ready_fd is None:
        _announce(engine, call)
    else:
        os.close(ready_fd)
    await until_idle(engine, ended, keep=keep)
    left = len(engine.engine.running())
    await engine.close()
    if engine.engine.failure:
        raise engine.engine.failure
    if left:
        call.output.note(f"{left} unfinished. Continue with: {call.command('resume')}")


def _announce(engine: LocalEngine, call: Invocation) -> None:
    if call.output.as_json:
        call.output.json({"endpoint": engine.endpoint, "access_key_id": engine.access_key, "region": REGION})
        return
    call.output.data(f"export AWS_ENDPOINT_URL_SFN={engine.endpoint}")
    call.output.data(
        f"export AWS_ACCESS_KEY_ID={engine.access_key} AWS_SECRET_ACCESS_KEY=local "
        f"AWS_DEFAULT_REGION={REGION}"
    )
