"""A login that is good for use: renewed where it must be, and stored at once."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Final

from stepherd.errors import TemporaryError
from stepherd.logins.failures import DamagedDatabase, LoginNeeded, login_command
from stepherd.logins.location import LoginLocation, StoredLogin
from stepherd.logins.oidc import OidcError
from stepherd.logins.refresh import refresh

__all__ = ["ensure_fresh"]

_TRIES: Final = 3
_GRACE_SECONDS: Final = 2.0
_PAUSE_SECONDS: Final = 0.2


def ensure_fresh(location: LoginLocation, now: datetime, *, refused: str | None = None) -> StoredLogin:
    """The login at ``place`` with an access token that is good for a minute at least.

    ``refused`` is an access token that a service did not accept: it counts as expired. Raises LoginNeeded
    when there is no login, it is damaged or cannot be renewed; TemporaryError when the same can succeed later
    (the stored login is then as it was); and what the store raises.
    """
    for _ in range(_TRIES):
        stored = _load(location)
        if not _is_used_up(stored, now, refused):
            return stored
        try:
            renewed = refresh(stored.login, now=now)
        except LoginNeeded as error:
            if not isinstance(error.__cause__, OidcError) or not _is_replaced(location, stored.etag):
                raise
            continue  # another process renewed it, and used up the refresh token that we had
        saved = location.save(renewed, stored.etag)
        if not _is_used_up(saved, now, refused):
            return saved
    raise TemporaryError(
        f"The login in {location.reference} expires as soon as it is renewed.",
        remedy="Check this machine's clock.",
    )


def _is_replaced(location: LoginLocation, etag: str) -> bool:
    """Whether another process stores a login within the grace that it needs after using up our token."""
    end = time.monotonic() + _GRACE_SECONDS
    while _load(location).etag == etag:
        if time.monotonic() > end:
            return False
        time.sleep(_PAUSE_SECONDS)
    return True


def _is_used_up(stored: StoredLogin, now: datetime, refused: str | None) -> bool:
    token = stored.login.token
    return token is None or token.expired(now) or token.access_token == refused


def _load(location: LoginLocation) -> StoredLogin:
    remedy = login_command(location.kind.name)
    try:
        stored = location.load()
    except DamagedDatabase as error:
        raise LoginNeeded(f"The stored login cannot be used: {error.message}", remedy=remedy) from error
    if stored is None or stored.login.token is None:
        raise LoginNeeded(f"No one is logged in to {location.kind.title}.", remedy=remedy)
    return stored
