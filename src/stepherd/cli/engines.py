"""Finding the engine of a home, opening one here, or starting one in the background."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stepherd.cli.client import ApiFault, Call, no_such_run, remote_call
from stepherd.engine.lock import EngineAddress, HomeLock, find_engine
from stepherd.errors import NotFoundError, TemporaryError

if TYPE_CHECKING:
    from stepherd.engine.api import Api
    from stepherd.engine.local import LocalEngine

__all__ = ["attach_or_acquire", "background_engine", "local_call", "new_engine", "reading"]

_PATIENCE_SECONDS = 10.0


def local_call(api: Api) -> Call:
    """Calls the API of an engine in this process."""

    def call(operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        from stepherd.engine.api_errors import ApiError

        try:
            return api.call(operation, request)
        except ApiError as error:
            if error.code == "ExecutionDoesNotExist":
                raise no_such_run(error.message) from error
            raise ApiFault(error.code, error.message) from error

    return call


def new_engine(home: Path, access_key: str | None = None, port: int = 0) -> LocalEngine:
    """An engine of this application on a home; not yet acquired, not yet open."""
    from stepherd.application import application_root
    from stepherd.engine.local import LocalEngine

    parameters = {
        "StoreUri": (home / "store").as_uri(),
        "GitCredentialsSecretId": os.environ.get("GIT_CREDENTIALS_SECRET_ID", ""),
    }
    template = application_root() / "template.yaml"
    return LocalEngine(home, template, parameters, access_key=access_key, port=port)


def attach_or_acquire(home: Path) -> EngineAddress | LocalEngine:
    """The live engine's address, or one of our own that has the home. Waits while one begins or ends."""
    engine = new_engine(home)
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        if engine.acquire():
            return engine
        address = find_engine(home)
        if address:
            return address
        if time.monotonic() > deadline:
            raise TemporaryError(f"Another engine holds {home} and does not answer.", remedy="Try again.")
        time.sleep(0.02)  # Between taking the lock and listening an engine cannot be waited for.


@contextlib.contextmanager
def reading(home: Path) -> Iterator[Call]:
    """Calls for commands that only look: at the live engine, or at the journal that a past one left."""
    if not (home / "journal.sqlite3").exists():
        raise NotFoundError(f"There are no runs in {home} yet.", remedy="Start one: stepherd run --help")
    deadline = time.monotonic() + _PATIENCE_SECONDS
    lock = HomeLock(home)
    while not lock.acquire():
        address = find_engine(home)
        if address:
            yield remote_call(address)
            return
        if time.monotonic() > deadline:
            raise TemporaryError(f"Another engine holds {home} and does not answer.", remedy="Try again.")
        time.sleep(0.02)
    try:
        yield from _from_journal(home)
    finally:
        lock.release()


def _from_journal(home: Path) -> Iterator[Call]:
    from stepherd.engine.api import Api
    from stepherd.engine.core import Engine

    engine = Engine(home)
    try:
        yield local_call(Api(engine))
    finally:
        engine.journal.close()


def background_engine(home: Path) -> EngineAddress:
    """Start an engine that goes on without this terminal and ends by itself when nothing runs."""
    logs = home / "logs"
    logs.mkdir(parents=True, exist_ok=True, mode=0o700)
    read_end, write_end = os.pipe()
    command = [
        sys.executable,
        "-m",
        "stepherd.cli",
        "engine",
        "--home",
        str(home),
        "--ready-fd",
        str(write_end),
    ]
    with (logs / "engine.log").open("ab") as log:
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            pass_fds=[write_end],
        )
    os.close(write_end)
    with os.fdopen(read_end) as ready:
        ready.read()  # Ends when the engine listens, or when it died.
    address = find_engine(home)
    if address is None:
        last = (logs / "engine.log").read_text(errors="replace").strip().splitlines()[-1:]
        why = last[0].removeprefix("stepherd: ") if last else "it said nothing"
        raise TemporaryError(
            f"The background engine did not start: {why}", remedy=f"See {logs / 'engine.log'}."
        )
    return address
