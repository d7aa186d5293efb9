"""Where the logins of a home are, and whether a run uses one just now. Nothing is asked of anybody."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stepherd.cli.client import execution_arn
from stepherd.cli.engines import reading
from stepherd.engine.place import ACCOUNT
from stepherd.errors import NotFoundError, StepherdError

if TYPE_CHECKING:
    from stepherd.logins.place import LoginPlace

__all__ = ["Lease", "database_reference", "lease_of", "login_place"]


def database_reference(kind: str, database: str | None) -> str:
    """The reference of the database that is meant: ``database``, else Q_DATABASE_S3_URI for ``q``.

    A path is made absolute, and one of a folder means data.sqlite3 in there. Empty: in the home's store.
    """
    given = database or (os.environ.get("Q_DATABASE_S3_URI", "") if kind == "q" else "")
    if not given or "://" in given:
        return given
    path = os.path.abspath(Path(given).expanduser())  # noqa: PTH100 - links stay, and it need not exist
    return f"{path}/" if given.endswith("/") or Path(path).is_dir() else path


def login_place(home: Path, kind: str, database: str | None) -> LoginPlace:
    """The place of a kind of login, which need not exist."""
    from stepherd.logins.kinds import login_kind
    from stepherd.logins.place import open_place
    from stepherd.services import open_store

    reference = database_reference(kind, database)
    store = None if reference else open_store((home / "store").as_uri())
    return open_place(login_kind(kind), reference or None, store)


@dataclass(frozen=True, slots=True)
class Lease:
    """Who took the login last."""

    execution: str
    run_id: str
    running: bool | None
    """Whether it still uses it; None where that cannot be known from here."""

    @property
    def held(self) -> bool:
        """Whether the login may be in use: what is not known counts as such."""
        return self.running is not False

    @property
    def is_login(self) -> bool:
        """Whether it is a person who logs in, not a run."""
        return self.execution.split(":")[6:7] == execution_arn("", "stepherd-login").split(":")[6:7]


def lease_of(home: Path, place: LoginPlace) -> Lease | None:
    """The lease of a login; None when nobody ever took it."""
    from stepherd.logins.lease import lease_holder

    holder = lease_holder(place)
    if holder is None:
        return None
    return Lease(holder.execution_arn, holder.run_id, _runs(home, holder.execution_arn))


def _runs(home: Path, arn: str) -> bool | None:
    if arn.split(":")[4:5] != [ACCOUNT]:
        return None  # On AWS: who asks there needs rights, and time.
    try:
        with reading(home) as call:
            return bool(call("DescribeExecution", {"executionArn": arn})["status"] == "RUNNING")
    except NotFoundError:
        return False
    except StepherdError:
        return None
