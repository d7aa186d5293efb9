"""The login database of an agent: put where its CLI looks for it, and taken back when it has ended."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from stepherd.errors import DataError, StepherdError
from stepherd.logins.database import check_database, copy_database, read_login
from stepherd.logins.kinds import LoginKind, login_kind
from stepherd.logins.live import LiveDatabase
from stepherd.logins.opening import open_location
from stepherd.runs.folder import DATABASE

if TYPE_CHECKING:
    from stepherd.agents.contract import Agent
    from stepherd.steps.agent_folders import Place
    from stepherd.steps.contract import StepContext

__all__ = ["LoginCopy", "keep_login_database", "place_login_database"]

_BESIDE: Final = ("", "-wal", "-shm", "-journal")
Learn = Callable[[Iterable[str]], None]


@dataclass(slots=True)
class LoginCopy:
    """The agent's login database, and what is in it of secrets, while the agent may renew them."""

    secrets: tuple[str, ...]
    _live: LiveDatabase

    @classmethod
    @contextmanager
    def at(cls, path: Path, kind: LoginKind) -> Iterator[LoginCopy]:
        """The database at ``path``. Raises what ``read_login`` does."""
        secrets = read_login(path, kind).secrets()
        live = LiveDatabase(path)
        try:
            found = live.look()
            yield cls((*secrets, *(found.secrets if found else ())), live)
        finally:
            live.close()

    def look(self, learn: Learn) -> bool:
        """Tell ``learn`` the secrets when the database has changed; whether it is certain that these are all
        that have been in it. Whatever was printed before this call is masked only after it."""
        found = self._live.look()
        if found is None:
            return True
        learn(found.secrets)
        return found.certain


@contextmanager
def place_login_database(agent: Agent, place: Place) -> Iterator[LoginCopy | None]:
    """Put the login database below the agent's home. None for an agent without a login, or when the run goes
    without one."""
    reference = os.environ.get("STEPHERD_LOGIN", "")
    if agent.login is None or not reference:
        yield None
        return
    kind = login_kind(agent.login)
    path = database_path(place.home, kind.folder)
    path.parent.mkdir(mode=0o700, parents=True)
    if not open_location(kind, reference, None).download(path):
        yield None
        return
    path.chmod(0o600)
    with LoginCopy.at(path, kind) as copy:
        yield copy


def keep_login_database(step: StepContext, agent: Agent, place: Place) -> str | None:
    """Copy the database that the agent left behind to the run folder, whole and checked. Returns why it is
    not kept, when it is not; then what the store holds stays as it is."""
    if agent.login is None or not os.environ.get("STEPHERD_LOGIN"):
        return None
    source = database_path(place.home, login_kind(agent.login).folder)
    copy = place.private / "database.sqlite3"
    try:
        _check_is_plain(source, place.home)
        copy_database(source, copy)
        check_database(copy)
    except (StepherdError, OSError) as error:
        return f"The agent's login database is not kept: {error}"
    step.folder.store.upload(copy, DATABASE)
    return None


def database_path(home: Path, folder: str) -> Path:
    """Where a CLI on Linux keeps its data (dirs::data_local_dir without XDG_DATA_HOME)."""
    return home / ".local" / "share" / folder / "data.sqlite3"


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
            raise DataError(f"{beside.name} is no plain file.")
