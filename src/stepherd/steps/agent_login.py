"""The login database of an agent: put where its CLI looks for it, and taken back when it has ended."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from stepherd.errors import DataError, StepherdError
from stepherd.logins.kinds import login_kind, user_database
from stepherd.runs.folder import DATABASE

if TYPE_CHECKING:
    from stepherd.agents.contract import Agent
    from stepherd.steps.agent_folders import AgentFolders
    from stepherd.steps.contract import StepContext
    from stepherd.steps.login_copy import LoginCopy

__all__ = ["keep_login_database", "place_login_database"]

_BESIDE: Final = ("", "-wal", "-shm", "-journal")


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
    from stepherd.logins.database import check_database, copy_database

    source = user_database(login_kind(agent.login), folders.home)
    copy = folders.private / "database.sqlite3"
    try:
        _check_is_plain(source, folders.home)
        copy_database(source, copy)
        check_database(copy)
    except (StepherdError, OSError) as error:
        return f"The agent's login database is not kept: {error}"
    step.folder.store.upload(copy, DATABASE)
    return None


def _check_is_plain(path: Path, home: Path) -> None:
    """The agent owned these folders: a link in its place could lead to another's file."""
    if Path(os.path.realpath(path)) != Path(os.path.realpath(home)) / path.relative_to(home):
        raise DataError(f"{path.name} is reached through a link.")
    for end in _BESIDE:
        beside = path.with_name(path.name + end)
        try:
            facts = beside.lstat()
        except FileNotFoundError:
            continue
        if not stat.S_ISREG(facts.st_mode) or facts.st_nlink != 1:
            raise DataError(f"{beside.name} is not a plain file.")
