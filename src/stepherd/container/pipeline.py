"""The whole pipeline inside one container: the embedded engine, with tasks as its processes."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any, Final

from stepherd.backends.home.backend import HomeBackend
from stepherd.backends.home.home_check import check_home
from stepherd.client.client import Client
from stepherd.client.outcome import EXIT_CODES
from stepherd.client.records import Run
from stepherd.container.lines import Lines, show, show_error, show_outcome
from stepherd.container.logs import TaskOutput
from stepherd.container.variables import DEFAULTS, request_of
from stepherd.errors import StepherdError, StorageError
from stepherd.processes.account import agent_account

__all__ = ["run_pipeline"]

_HOME: Final = "/tmp/stepherd"  # noqa: S108 - the container's own, and often the only place to write
_STOPPED: Final = {signal.SIGINT: 130, signal.SIGTERM: 143}
"""Exit codes of a run that was stopped by a signal: 128 and its number, as a shell has it."""


def run_pipeline(environment: MutableMapping[str, str]) -> int:
    """Run the request that the variables describe to its end; the exit code of ``stepherd run``.

    Lines of tasks go to standard output, those about the run to standard error. SIGTERM stops the run,
    keeping partial work. A wrong variable is said in one line, and is exit code 64.
    """
    for name, value in DEFAULTS.items():
        environment.setdefault(name, value)
    environment.setdefault("STEPHERD_RUNNER", "process")  # The container is the boundary.
    home = Path(environment.setdefault("STEPHERD_HOME", _HOME)).absolute()
    try:
        account = agent_account()
        check_home(home, not_of=account.user if account else None)
        request = request_of(environment)
        environment["STEPHERD_TASK_TMPDIR"] = str(_scratch(home))
        with Client.on(HomeBackend(home)) as client:
            run = client.start(request, run_id=environment.get("RUN_ID", "").strip() or None)
            show(f"Run {run.id}")
            with TaskOutput(client, run):
                signalled = asyncio.run(_until_its_end(client, run))
                if signalled is not None:
                    stopped = client.stop(run, reason=f"by {signalled.name}", tell=show)
                    if stopped.remark:
                        show(stopped.remark)
            report = client.report(run)
            show_outcome(report)
            return EXIT_CODES[report.status] if signalled is None else _STOPPED[signalled]
    except StepherdError as error:
        return show_error(error)


async def _until_its_end(client: Client, run: Run) -> signal.Signals | None:
    """Show a run until it has ended, or until a signal says that it is to be stopped."""
    loop = asyncio.get_running_loop()
    signalled: asyncio.Future[signal.Signals] = loop.create_future()
    for number in _STOPPED:
        loop.add_signal_handler(number, _settle, signalled, number)
    showing = asyncio.ensure_future(_show(client, run))
    ends: set[asyncio.Future[Any]] = {showing, signalled}
    await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    if showing.done():
        showing.result()
        return None
    showing.cancel()
    return signalled.result()


def _settle(signalled: asyncio.Future[signal.Signals], number: signal.Signals) -> None:
    if not signalled.done():
        signalled.set_result(number)


async def _show(client: Client, run: Run) -> None:
    lines = Lines()
    async for update in client.follow(run):
        lines.show(update)


def _scratch(home: Path) -> Path:
    """A folder that the agent's user may pass through: below ``home`` it may not."""
    scratch = home.with_name(f"{home.name}-work")
    try:
        scratch.mkdir(parents=True, exist_ok=True)
        scratch.chmod(0o711)
    except OSError as error:
        words = f"{scratch} cannot be made: {error.strerror}."
        raise StorageError(words, remedy="Give the container a writable /tmp: --tmpfs /tmp:exec") from error
    return scratch
