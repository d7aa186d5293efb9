"""Keeping a login that an agent's run has renewed: the step ``persist``.

The database that an agent leaves behind is checked and its rows are read; the file itself is never adopted.
Of its rows only the tokens of the same login count, and only when they end later than the stored ones: the
agent could have written anything, and somebody may have renewed the login or logged in again in the meantime.
The worst that a malicious agent can do to the login is to store a token that does not work: then a person is
asked again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Literal

from stepherd.errors import NotFoundError
from stepherd.logins.database import read_login
from stepherd.logins.failures import DamagedDatabase, NewerDatabase
from stepherd.logins.location import LoginLocation
from stepherd.logins.login import Login, Registration, Token, plain_start_url
from stepherd.logins.merging import is_newer

__all__ = ["Kept", "keep_login"]

_MOST_LIFE: Final = timedelta(days=7)
"""No access token lives longer; one that claims to would never be renewed again."""


@dataclass(frozen=True, slots=True)
class Kept:
    """The result of keeping the login that a run used."""

    status: Literal["unchanged", "kept", "rejected", "in_memory"]
    """``in_memory``: the token in the file has ended, so the agent renewed it without writing it down."""
    reason: str
    """For people; without a token in it."""


def keep_login(location: LoginLocation, left_behind: Path, now: datetime | None = None) -> Kept:
    """Take over into ``place`` what the agent renewed in the database ``left_behind``.

    A damaged file, a token of another login and a worse token change nothing. Raises DamagedDatabase when
    it is the stored database that is damaged, TemporaryError when the same can succeed later, and what the
    store raises.
    """
    now = now or datetime.now(UTC)
    try:
        left = read_login(left_behind, location.kind)
    except NotFoundError:
        return Kept("unchanged", "the agent left no database")
    except (DamagedDatabase, NewerDatabase) as error:
        return Kept("rejected", error.message)
    return _keep(location, left, now)


def _keep(location: LoginLocation, left: Login, now: datetime) -> Kept:
    stored = location.load()
    if fault := _fault(left, Login(location.kind) if stored is None else stored.login, now):
        return Kept("rejected", fault)
    if stored is not None and is_newer(left, stored.login):
        saved = location.save(_renewed(stored.login, left), None)
        if _access_token(saved.login) == _access_token(left):
            return Kept("kept", "the agent renewed the login")
    elif stored is not None and left.token == stored.login.token and left.expired(now):
        return Kept("in_memory", "the agent did not store the tokens it renewed; the stored login stays")
    return Kept("unchanged", "the stored login is as new or newer")


def _renewed(stored: Login, left: Login) -> Login:
    """``stored`` with what a renewal changes: the tokens and when they end. The rest, and the profile above
    all, which says where the next runs send their work, is as a person chose it."""
    assert stored.token is not None
    assert left.token is not None
    changed = {name: getattr(left.token, name) for name in ("access_token", "expires_at", "refresh_token")}
    return replace(stored, token=replace(stored.token, **changed))


def _fault(left: Login, stored: Login, now: datetime) -> str | None:
    """Why what was left behind cannot be a renewal of the stored login; None when it can."""
    if stored.token is None:
        alone = "only the CLI renews a login of this kind, and what it renewed in a run is not taken over"
        return "there is no stored login to compare with" if left.token else alone
    if left.token is None:
        return "the agent's database no longer has a token"
    if left.token.expires_at > now + _MOST_LIFE:
        return "its token claims to be valid for too long"
    if _provider(left.token) != _provider(stored.token):
        return "its token is of another identity provider"
    if _client(left.registration or stored.registration) != _client(stored.registration):
        return "its token is of another login"
    return None


def _provider(token: Token) -> tuple[str | None, str | None, str]:
    return token.region, plain_start_url(token.start_url), token.oauth_flow


def _client(registration: Registration | None) -> tuple[str, str] | None:
    return None if registration is None else (registration.client_id, registration.client_secret)


def _access_token(login: Login) -> str | None:
    return None if login.token is None else login.token.access_token
