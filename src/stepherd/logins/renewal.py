"""A login that is good for use: renewed where it must be, and stored at once."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from stepherd.errors import TemporaryError
from stepherd.logins.failures import DamagedDatabase, LoginNeeded, login_command
from stepherd.logins.place import LoginPlace, StoredLogin
from stepherd.logins.refresh import refresh

__all__ = ["ensure_fresh"]

_TRIES: Final = 3


def ensure_fresh(place: LoginPlace, now: datetime, *, refused: str | None = None) -> StoredLogin:
    """The login at ``place`` with an access token that is good for a minute at least.

    ``refused`` is an access token that a service did not accept: it counts as expired. Raises LoginNeeded
    when there is no login, it is damaged or cannot be renewed; TemporaryError when the same can succeed later
    (the stored login is then as it was); and what the store raises.
    """
    for _ in range(_TRIES):
        stored = _load(place)
        if not _is_used_up(stored, now, refused):
            return stored
        try:
            renewed = refresh(stored.login, now=now)
        except LoginNeeded:
            if _load(place).etag == stored.etag:
                raise
            continue  # another process renewed it, and used up the refresh token that we had
        saved = place.save(renewed, stored.etag)
        if not _is_used_up(saved, now, refused):
            return saved
    raise TemporaryError(
        f"The login in {place.reference} does not stay renewed.", remedy="Check this machine's clock."
    )


def _is_used_up(stored: StoredLogin, now: datetime, refused: str | None) -> bool:
    token = stored.login.token
    return token is None or token.expired(now) or token.access_token == refused


def _load(place: LoginPlace) -> StoredLogin:
    remedy = login_command(place.kind.name)
    try:
        stored = place.load()
    except DamagedDatabase as error:
        raise LoginNeeded(f"The stored login cannot be used: {error.message}", remedy=remedy) from error
    if stored is None or stored.login.token is None:
        raise LoginNeeded(f"Nobody is logged in to {place.kind.title}.", remedy=remedy)
    return stored
