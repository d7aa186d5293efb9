"""The engine of a home: found, or opened here; and the journal that a past one left."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stepherd.application import application_root
from stepherd.backends.client import Call, EngineGone, local_call, remote_call
from stepherd.backends.home.forks import new_fork_server
from stepherd.backends.home.runner import repository_mounts
from stepherd.engine.identity import JOURNAL
from stepherd.engine.journal.lock import EngineAddress, HomeLock, find_engine
from stepherd.errors import NotFoundError, StepherdError, TemporaryError
from stepherd.logins.kinds import DATABASE_VARIABLE
from stepherd.remedies import Remedy

if TYPE_CHECKING:
    from stepherd.engine.local import LocalEngine
    from stepherd.engine.runners.choice import RunnerChoice
    from stepherd.engine.runners.forking import ForkServer

__all__ = [
    "PATIENCE_SECONDS",
    "attach_or_acquire",
    "find_or_wait",
    "gone",
    "new_engine",
    "parameters_of",
    "reading",
    "until_idle",
]

_FROM_ENVIRONMENT = {
    "GitCredentialsSecretId": "GIT_CREDENTIALS_SECRET_ID",
    "AgentCredentialsSecretId": "AGENT_CREDENTIALS_SECRET_ID",
    "AmazonQCredentialsSecretId": "AMAZON_Q_CREDENTIALS_SECRET_ID",
    "LoginDatabaseUri": DATABASE_VARIABLE,
}
"""Parameters that the environment may name; empty where it does not: no secret, and AWS Builder ID."""
_OF_LOGINS = (
    *("STEPHERD_LOGIN_HOSTS", "STEPHERD_Q_LOGIN", "STEPHERD_KIRO_LOGIN", "AWS_Q_ENDPOINT_URL"),
    *("STEPHERD_KIRO_OUTPUT", "STEPHERD_KIRO_ENGINE"),
)
"""Of those who start a run, for the CLIs that keep logins."""
PATIENCE_SECONDS = 10.0
"""How long an engine may take from having the home to answering, and from ending to being replaced."""
_LOOK_AGAIN_SECONDS = 0.02
_IDLE_SECONDS = 3.0


def new_engine(
    home: Path,
    access_key: str | None = None,
    port: int = 0,
    runner: RunnerChoice | None = None,
    *,
    forks: ForkServer | None = None,
    shows_notices: bool = False,
) -> LocalEngine:
    """An engine of this application on a home; not yet acquired, not yet open. It takes ``forks`` over.

    Without ``shows_notices`` it only records them, because what its process shows is drawn by a view.
    ``runner`` is for executions that no one chose one for.
    """
    # For the start-up time: what only asks an engine that is there loads none.
    from stepherd.engine.local import LocalEngine, base_environment
    from stepherd.processes.account import agent_account, hide_this_process

    agent_account()  # Said now, and not by every agent that cannot start.
    # Agents run as this user, and this environment may hold the secret of env:NAME.
    hide_this_process()

    template = application_root() / "template.yaml"
    environment = base_environment(_OF_LOGINS)
    return LocalEngine(
        home,
        template,
        parameters_of(home),
        runner=runner,
        needs=repository_mounts,
        forks=forks or new_fork_server(home),
        access_key=access_key,
        environment=environment,
        port=port,
        shows_notices=shows_notices,
        # Whom a login is asked of, where it is not the person at this terminal.
        notices=os.environ.get("LOGIN_SNS_TOPIC", ""),
    )


def parameters_of(home: Path) -> dict[str, str]:
    """The values that the template's parameters have on a laptop, where they differ from those of a stack."""
    return {
        "StoreUri": (home / "store").as_uri(),
        "LoginSubscribers": "UNCHECKED",
        "DefaultAgent": "",
        # The template names a user of the image; here only the one counts that a person has set.
        "AgentUser": os.environ.get("STEPHERD_AGENT_USER", ""),
        "RequestSecrets": "ANY",
        # No one else's: a name without a host would be Docker Hub's, where anybody may register it.
        "GitImage": "localhost/stepherd/git:latest",
        "AgentImage": "localhost/stepherd/agent:latest",
        **{name: os.environ.get(variable, "") for name, variable in _FROM_ENVIRONMENT.items()},
    }


async def attach_or_acquire(home: Path, engine: LocalEngine | None = None) -> EngineAddress | LocalEngine:
    """The live engine's address, or an engine of our own that has the home: ``engine`` if it is given.

    Waits while another begins or ends; between taking the lock and listening it cannot be asked.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        address = find_engine(home)
        if address:
            if engine:
                engine.release()
            return address
        engine = engine or new_engine(home)
        if engine.acquire():
            return engine
        if time.monotonic() > deadline:
            raise _silent(home)
        await asyncio.sleep(_LOOK_AGAIN_SECONDS)


async def find_or_wait(home: Path, seconds: float) -> EngineAddress | None:
    """The live engine's address; None when none comes within so many seconds."""
    deadline = time.monotonic() + seconds
    while True:
        address = find_engine(home)
        if address or time.monotonic() > deadline:
            return address
        await asyncio.sleep(_LOOK_AGAIN_SECONDS)


@contextlib.contextmanager
def reading(home: Path, *, check: bool = False) -> Iterator[Call]:
    """Calls for commands that only look: at the live engine, or at the journal that a past one left.

    An engine that ends between two calls is not noticed: the next call goes to what there is then. ``check``
    has that journal read through first, although it was closed cleanly.
    """
    if not (home / JOURNAL).exists():
        raise NotFoundError(
            f"There are no runs in {home} yet.", remedy=Remedy("Start one: ", ("run", "--help"))
        )
    with contextlib.ExitStack() as until_read:
        yield _Reader(home, until_read, check).call


class _Reader:
    """Finds something to read from when first asked, and again when what it found has gone."""

    def __init__(self, home: Path, until_read: contextlib.ExitStack, check: bool) -> None:
        self._home = home
        self._check = check
        self._until_read = until_read
        self._call: Call | None = None

    def call(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Call an operation and return its answer."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            self._call = self._call or self._find(deadline)
            try:
                return self._call(operation, request)
            except EngineGone:
                if time.monotonic() > deadline:
                    raise
                self._call = None
                time.sleep(_LOOK_AGAIN_SECONDS)

    def _find(self, deadline: float) -> Call:
        lock = HomeLock(self._home)
        while not lock.acquire():
            address = find_engine(self._home)
            if address:
                return remote_call(address, self._home)
            if time.monotonic() > deadline:
                raise _silent(self._home)
            time.sleep(_LOOK_AGAIN_SECONDS)
        self._until_read.callback(lock.release)
        return self._journal()

    def _journal(self) -> Call:
        # For the start-up time, too: a live engine is asked, and its journal not read.
        from stepherd.engine.api.operations import Api
        from stepherd.engine.core import Engine

        engine = Engine(self._home, check=self._check)
        self._until_read.callback(engine.journal.close)
        return local_call(Api(engine), self._home)


async def gone(engine: LocalEngine, arn: str) -> None:
    """Wait until an execution that was stopped on our engine has ended, and its processes with it."""
    await engine.engine.ended(arn)
    await engine.engine.quiet()


async def until_idle(engine: LocalEngine, ended: asyncio.Event, *, keep: bool) -> None:
    """Wait until ``ended`` is set, the engine fails, its home is gone, or, unless it is told to stay,
    for a time without runs."""
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


def _silent(home: Path) -> StepherdError:
    return TemporaryError(f"Another engine holds {home} and does not answer.", remedy="Try again.")
