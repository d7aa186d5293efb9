"""Where the logins of a backend are, and whether a run uses one just now. Nothing is asked of anybody."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from stepherd.backends.client import LOGIN
from stepherd.errors import NotFoundError, StepherdError
from stepherd.logins.kinds import login_kind
from stepherd.logins.lease import is_of_one_place, lease_holder
from stepherd.logins.opening import open_location

if TYPE_CHECKING:
    from stepherd.backends.backend import Backend
    from stepherd.logins.location import LoginLocation

__all__ = ["Lease", "lease_of", "login_location"]


def login_location(backend: Backend, kind: str, database: str | None) -> LoginLocation:
    """Where a kind of login is kept, which need not exist."""
    reference = backend.login_database(kind, database)
    return open_location(login_kind(kind), reference or None, None if reference else backend.store())


@dataclass(frozen=True, slots=True)
class Lease:
    """The run that took the login last."""

    execution: str
    run_id: str
    running: bool | None
    """Whether it still uses it; None where that cannot be known from here."""
    is_login: bool = False
    """Whether it is a person who logs in, not a run."""
    elsewhere: bool = False
    """Whether it is an execution of another place: of a stack, another account, or another home."""

    @property
    def held(self) -> bool:
        """Whether the login may be in use: what is not known counts as such."""
        return self.running is not False


def lease_of(backend: Backend, login: LoginLocation) -> Lease | None:
    """The lease of a login; None when no one ever took it."""
    holder = lease_holder(login)
    if holder is None:
        return None
    arn = holder.execution_arn
    if not backend.knows(arn) or not is_of_one_place(arn, backend.machine_arn(LOGIN)):
        return Lease(arn, holder.run_id, None, elsewhere=True)  # Asking there needs rights, and time.
    by_person = arn.split(":")[6:7] == backend.machine_arn(LOGIN).split(":")[6:7]
    try:
        with backend.reading() as call:
            running = bool(call("DescribeExecution", {"executionArn": arn})["status"] == "RUNNING")
    except NotFoundError:
        # A login of this place alone was last used by one of its own executions, which is forgotten by now.
        shared = not login.reference.startswith(f"{backend.store().reference}/")
        return Lease(arn, holder.run_id, running=False, is_login=by_person, elsewhere=shared)
    except StepherdError:
        return Lease(arn, holder.run_id, None, by_person)
    return Lease(arn, holder.run_id, running, by_person)
