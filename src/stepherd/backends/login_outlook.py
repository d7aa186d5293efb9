"""How long a backend's stored logins will do, judged by the stored data: no identity provider is asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from stepherd.backends.login_locations import Lease, lease_of, login_location
from stepherd.errors import StepherdError
from stepherd.logins.failures import LoginNeeded
from stepherd.logins.kinds import login_kinds
from stepherd.logins.other_tokens import OtherToken, other_token
from stepherd.logins.refresh import check_refreshable

if TYPE_CHECKING:
    from stepherd.backends.backend import Backend
    from stepherd.logins.location import LoginLocation
    from stepherd.logins.login import Login

__all__ = ["Outlook", "outlook", "outlooks"]

Next = Literal["passes", "refreshes", "asks"]


@dataclass(frozen=True, slots=True)
class Outlook:
    """One kind of login: whose, until when, and what the next run does about it."""

    agent: str
    title: str
    database: str
    """The reference of where it is kept."""
    account: str | None = None
    """None: no one is logged in."""
    profile: str | None = None
    expires_at: datetime | None = None
    refresh_until: datetime | None = None
    """When the registration of its client ends, and with it every renewal; None when it cannot be renewed. A
    session of IAM Identity Center may end sooner, which only the company knows."""
    is_identity_center: bool = False
    why_no_refresh: str | None = None
    lease: Lease | None = None
    next_run: Next = "asks"
    error: StepherdError | None = None
    """Why the database cannot be read."""

    def to_json(self, now: datetime) -> dict[str, Any]:
        """As ``--json`` shows it: stable names, null where there is nothing."""
        left = self.expires_at and round((self.expires_at - now).total_seconds())
        lease, fault = self.lease, self.error
        return {
            "agent": self.agent,
            "title": self.title,
            "account": self.account,
            "profile": self.profile,
            "expires_at": _text(self.expires_at),
            "seconds_left": left,
            "database": self.database,
            "refresh": {
                "possible": self.refresh_until is not None,
                "until": _text(self.refresh_until),
                "reason": self.why_no_refresh,
            },
            "lease": lease
            and {"run_id": lease.run_id, "execution": lease.execution, "running": lease.running},
            "next_run": self.next_run,
            "error": fault and {"category": fault.category, "message": fault.message},
        }


def outlooks(backend: Backend, agent: str | None, database: str | None) -> Iterator[Outlook]:
    """Of one kind of login, or of all."""
    for kind in (agent,) if agent else login_kinds():
        yield outlook(backend, kind, database, datetime.now(UTC))


def outlook(backend: Backend, kind: str, database: str | None, now: datetime) -> Outlook:
    """The stored login of a kind, judged by the rules that the login machine itself goes by."""
    kept = login_location(backend, kind, database)
    title = kept.kind.title
    try:
        lease = lease_of(backend, kept)
        stored = kept.load()
    except StepherdError as error:
        return Outlook(kind, title, kept.reference, error=error)
    if stored is None or (stored.login.token is None and not kept.kind.other_rows):
        return Outlook(kind, title, kept.reference, lease=lease)
    login = stored.login
    if (login.expired(now) and _renewable(login, now)[0] is None) and (other := _other(kept, now)):
        why = f"Only {kept.kind.program} renews it."
        base = Outlook(kind, title, kept.reference, lease=lease, why_no_refresh=why, next_run="passes")
        return replace(base, account=other.account, expires_at=other.expires_at)
    if login.token is None:
        return Outlook(kind, title, kept.reference, lease=lease)
    until, why_not = _renewable(login, now)
    return Outlook(
        kind,
        title,
        kept.reference,
        account=login.account,
        profile=login.profile.name if login.profile else None,
        expires_at=login.token.expires_at,
        refresh_until=until,
        is_identity_center=login.is_identity_center,
        why_no_refresh=why_not,
        lease=lease,
        next_run=_next_run(login, renewable=until is not None, now=now),
    )


def _other(location: LoginLocation, now: datetime) -> OtherToken | None:
    """A good token that only the CLI renews."""
    try:
        return other_token(location, now)
    except StepherdError:
        return None


def _next_run(login: Login, *, renewable: bool, now: datetime) -> Next:
    if not login.expired(now):
        return "passes"
    return "refreshes" if renewable else "asks"


def _renewable(login: Login, now: datetime) -> tuple[datetime | None, str | None]:
    try:
        check_refreshable(login, now)
    except LoginNeeded as error:
        return None, error.message
    return (login.registration.client_secret_expires_at if login.registration else None), None


def _text(moment: datetime | None) -> str | None:
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
