"""The login database of an agent: put where its CLI looks for it, and taken back when it has ended."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from stepherd.errors import DataError, StepherdError
from stepherd.logins.kinds import login_kind, user_database
from stepherd.runs.folder import DATABASE
from stepherd.services.removal import temporary_folder

if TYPE_CHECKING:
    from stepherd.agents.contract import Agent
    from stepherd.steps.agent_folders import AgentFolders
    from stepherd.steps.contract import StepContext
    from stepherd.steps.login_copy import LoginCopy

__all__ = ["keep_login_database", "place_login_database"]

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_BESIDE: Final = ("", "-wal", "-journal")
"""An index of the log (-shm) is made again from it."""
_ENOUGH: Final = (128 << 20) + 1
"""Bytes: whatever is as large is refused by those who read the copy."""


@contextmanager
def place_login_database(agent: Agent, folders: AgentFolders) -> Iterator[LoginCopy | None]:
    """Put the login database below the agent's home. None for an agent without a login, or when the run goes
    without one."""
    reference = os.environ.get("STEPHERD_LOGIN", "")
    if agent.login is None or not reference:
        yield None
        return
    # Only now: agents without a login can do without SQLite.
    from stepherd.steps.login_copy import fetched_copy

    kind = login_kind(agent.login)
    with fetched_copy(kind, reference, user_database(kind, folders.home)) as copy:
        yield copy


def keep_login_database(step: StepContext, agent: Agent, folders: AgentFolders) -> str | None:
    """Copy the database that the agent left behind to the run folder, whole and checked. Returns why it is
    not kept, when it is not; then what the store holds stays as it is."""
    if agent.login is None or not os.environ.get("STEPHERD_LOGIN"):
        return None
    # Only now, as above.
    from stepherd.logins.database import copy_database, read_login

    kind = login_kind(agent.login)
    source = user_database(kind, folders.home)
    copy = folders.private / "database.sqlite3"
    try:
        with temporary_folder("login-", folders.private) as brought:
            copy_database(_bring(source, folders.home, brought), copy)
        read_login(copy, kind)
    except (StepherdError, OSError) as error:
        return f"The agent's login database is not kept: {error}"
    step.folder.store.upload(copy, DATABASE)
    return None


def _bring(source: Path, home: Path, folder: Path) -> Path:
    """Copy the database and the logs beside it, byte by byte, into ``folder``, which no other process knows.

    The agent owned these folders: a link in its place could lead to another's file, and whoever it let in
    could put one there at any moment. So each folder on the way is held open. Raises DataError, OSError.
    """
    with ExitStack() as stack:
        here: int | None = None
        for part in (str(home), *source.parent.relative_to(home).parts):
            here = os.open(part, _FOLDER, dir_fd=here)
            stack.callback(os.close, here)
        for end in _BESIDE:
            with suppress(FileNotFoundError):
                name = f"{source.name}{end}"
                file = stack.enter_context(os.fdopen(os.open(name, _FILE, dir_fd=here), "rb"))
                facts = os.fstat(file.fileno())
                if not stat.S_ISREG(facts.st_mode) or facts.st_nlink != 1:
                    raise DataError(f"{name} is not a plain file.")
                (folder / name).write_bytes(file.read(_ENOUGH))
    return folder / source.name
