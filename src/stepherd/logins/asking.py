"""The state StartLogin: a device authorization, and the words that ask a person to approve it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from stepherd.errors import CredentialsError
from stepherd.logins.attempts import Attempt, StoredAttempt, attempt_id, read_attempt, write_attempt
from stepherd.logins.device import DeviceCode, register, start_authorization
from stepherd.logins.events import tell
from stepherd.logins.failures import DamagedDatabase
from stepherd.logins.location import LoginLocation
from stepherd.logins.login import Registration
from stepherd.logins.oidc import OidcError
from stepherd.logins.request import LoginRequest
from stepherd.logins.settings import LoginSettings
from stepherd.services.store.contract import PreconditionFailed, WriteConflict
from stepherd.text.moments import iso_text

__all__ = ["MOST_CODES", "LoginNotApproved", "start_login"]

MOST_CODES: Final = 3
"""How many codes one execution gives out; each is good for some ten minutes."""
_WORTH_SENDING: Final = timedelta(seconds=30)
"""A code that ends sooner is not sent out again."""


class LoginNotApproved(CredentialsError):
    """Every code expired before a person used it."""

    category = "login_not_approved"


def start_login(
    request: LoginRequest,
    settings: LoginSettings,
    location: LoginLocation,
    *,
    warning: str = "",
    now: datetime,
) -> dict[str, Any]:
    """Ask for a code; return the message for a person and the attempt's name for CompleteLogin, no secrets.

    A code of this execution that is still good is given again. Raises LoginNotApproved after MOST_CODES
    codes; ForeignAddress for pages that are not the identity provider's; UsageError for a file that a login
    must not take the place of; TemporaryError.
    """
    location.check_target()
    name = attempt_id(request.execution, request.redrives)
    while True:
        found = read_attempt(location, name)
        if found is not None and found.attempt.usable(now + _WORTH_SENDING):
            return _asked(request, found, warning, now)
        try:
            new = _new_attempt(request, settings, location, found, now)
            stored = write_attempt(location, name, new, None if found is None else found.etag)
        except (PreconditionFailed, WriteConflict):
            continue  # The same state, run twice at once: the other's code is as good.
        facts = _asked(request, stored, warning, now)
        tell(request, "asked", facts["text"])
        return facts


def _new_attempt(
    request: LoginRequest,
    settings: LoginSettings,
    location: LoginLocation,
    found: StoredAttempt | None,
    now: datetime,
) -> Attempt:
    code = 1 if found is None else found.attempt.code + 1
    if code > MOST_CODES:
        raise LoginNotApproved(
            f"No one approved the login of {request.kind.title}: {MOST_CODES} codes have expired.",
            remedy=request.again,
        )
    registration, device = _authorization(request, settings, location, found, now)
    return Attempt(
        registration, device, settings.start_url, settings.profile, code=code, interval=device.interval
    )


def _authorization(
    request: LoginRequest,
    settings: LoginSettings,
    location: LoginLocation,
    found: StoredAttempt | None,
    now: datetime,
) -> tuple[Registration, DeviceCode]:
    """A code for the client of the code before, or of the login that is stored, else for a new one."""
    known = found.attempt.registration if found else _registration_of_login(location)
    if known is not None and known.serves(request.kind, settings.region, now):
        try:
            return known, start_authorization(known, settings.start_url, now=now)
        except OidcError:
            pass  # The provider may have forgotten this client: a new one shows whether that was the reason.
    new = register(request.kind, settings.region)
    return new, start_authorization(new, settings.start_url, now=now)


def _registration_of_login(location: LoginLocation) -> Registration | None:
    try:
        stored = location.load()
    except DamagedDatabase:
        return None  # The login that is asked for takes its place.
    return None if stored is None else stored.login.registration


def _what_follows(code: int, request: LoginRequest) -> str:
    """Say whether another code follows an unused one, and how to begin again when it is too late."""
    if code < MOST_CODES:
        return (
            f"This is code {code} of {MOST_CODES}. When it expires, another message with a new code replaces "
            f"this one. If you are too late for all of them: {request.again}"
        )
    return f"This is the last of {MOST_CODES} codes. If you are too late for it: {request.again}"


def _asked(request: LoginRequest, stored: StoredAttempt, warning: str, now: datetime) -> dict[str, Any]:
    attempt, device = stored.attempt, stored.attempt.device
    ends = iso_text(device.expires_at, "seconds")
    minutes = max(1, round((device.expires_at - now).total_seconds() / 60))
    page, code = device.verification_uri_complete, device.user_code
    lines = [
        f"{request.asker} needs a login of {request.kind.title}.",
        "",
        f"Open: {page}",
        f"Code: {code}",
        "",
        f"Check that the page shows this code, then approve it within {minutes} min (until {ends}).",
        "If you or your team did not start this, do nothing.",
        "",
        _what_follows(attempt.code, request),
    ]
    return {
        "attempt": stored.id,
        "code": attempt.code,
        "subject": f"Approve a login of {request.kind.title}"
        + (f" for {request.run_id}" * bool(request.run_id)),
        "text": "\n".join([*lines, *([f"Warning: {warning}"] if warning else [])]),
        "agent": request.kind.name,
        "user_code": code,
        "verification_uri": device.verification_uri,
        "verification_uri_complete": page,
        "expires_at": ends,
        **({"warning": warning} if warning else {}),
    }
