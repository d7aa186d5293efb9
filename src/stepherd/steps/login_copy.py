"""A copy of a login database that an agent works with, and may renew."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from stepherd.logins.database import read_login
from stepherd.logins.kinds import LoginKind
from stepherd.logins.live import LiveDatabase
from stepherd.logins.opening import open_location

__all__ = ["LoginCopy", "fetched_copy"]

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
def fetched_copy(kind: LoginKind, reference: str, path: Path) -> Iterator[LoginCopy | None]:
    """The login at ``reference``, copied to ``path``; None when there is none."""
    path.parent.mkdir(mode=0o700, parents=True)
    if not open_location(kind, reference, None).download(path):
        yield None
        return
    path.chmod(0o600)
    with LoginCopy.at(path, kind) as copy:
        yield copy
