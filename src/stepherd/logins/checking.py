"""The state CheckLogin: whose turn it is, whether the login is good, and renewing it when it is not."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Protocol

from stepherd.logins.attempts import attempt_id, read_attempt
from stepherd.logins.events import tell
from stepherd.logins.failures import DamagedDatabase, LoginNeeded
from stepherd.logins.lease import Holder, is_of_one_place, take_lease
from stepherd.logins.location import LoginLocation
from stepherd.logins.login import Login, plain_start_url
from stepherd.logins.other_tokens import other_token
from stepherd.logins.renewal import ensure_fresh
from stepherd.logins.request import LoginRequest
from stepherd.logins.settings import LoginSettings
from stepherd.logins.subscription import with_profile
from stepherd.remedies import Remedy
from stepherd.text.moments import iso_text

__all__ = ["Running", "check_login", "valid_facts"]


class Running(Protocol):
    """Knows which executions are running."""

    def is_running(self, arn: str) -> bool:
        """Whether the execution of that ARN runs."""
        ...


def check_login(
    request: LoginRequest,
    settings: LoginSettings,
    location: LoginLocation,
    executions: Running,
    *,
    waits_for: str = "",
    now: datetime,
) -> dict[str, Any]:
    """``status`` valid, held or needed, and what the machine and people are told about it.

    The lease comes first: what is read without it may be refreshed by another run at the same time.
    ``waits_for`` is the holder that was found before, of which the events tell already. Raises
    TemporaryError where the identity provider does not answer; ProfileNeeded.
    """

    def is_running(arn: str) -> bool:
        return is_of_one_place(arn, request.execution) and executions.is_running(arn)

    other = take_lease(location, Holder(request.holder, request.name), is_running)
    if other is not None:
        return _held(request, other, waits_for)
    if request.force and not _approved(request, location):
        return _needed(request, "A new login was asked for.")
    try:
        before = location.load()
        fresh = ensure_fresh(location, now)
    except (LoginNeeded, DamagedDatabase) as error:
        return _other(request, location, now) or _needed(request, error.message)
    other_place = _is_elsewhere(fresh.login, request, settings)
    if other_place and not _approved(request, location):
        return _needed(request, other_place)
    login = with_profile(location, fresh, settings.profile).login
    refreshed = before is None or before.login.token != fresh.login.token
    facts = valid_facts(login)
    until = facts["expires_at"]
    if refreshed:
        tell(request, "refreshed", f"The login of {login.account} was renewed; it is valid until {until}.")
    else:
        tell(request, "valid", f"The login of {login.account} is valid until {until}.")
    return facts


def valid_facts(login: Login) -> dict[str, Any]:
    """The fields of a good login in the machine's output."""
    assert login.token is not None
    ends = iso_text(login.token.expires_at, "seconds")
    facts = {"status": "valid", "account": login.account, "expires_at": ends}
    return {**facts, "profile": login.profile.name} if login.profile else facts


def _other(request: LoginRequest, location: LoginLocation, now: datetime) -> dict[str, Any] | None:
    """The fields for a good token from another way to log in; None where none is there, or allowed."""
    if request.identity_provider or request.license:
        return None
    try:
        token = other_token(location, now)
    except (LoginNeeded, DamagedDatabase):
        return None
    if token is None:
        return None
    until = iso_text(token.expires_at, "seconds")
    words = f"The login of {location.kind.title} ({token.account}) is valid until {until}"
    tell(request, "valid", f"{words}; only {location.kind.program} renews it.")
    return {"status": "valid", "account": token.account, "expires_at": until}


def _held(request: LoginRequest, holder: Holder, waits_for: str) -> dict[str, Any]:
    by_person = holder.execution_arn.split(":")[6:7] == request.execution.split(":")[6:7]
    who = f"someone who is logging in ({holder.run_id})" if by_person else f"run {holder.run_id}"
    text = f"Waiting for the login held by {who}."
    if holder.execution_arn != waits_for:
        tell(request, "held", text)
    remedy = request.again if by_person else Remedy("See: ", ("status", holder.run_id))
    return {"status": "held", "holder": holder.execution_arn, "text": text, "remedy": remedy}


def _needed(request: LoginRequest, why: str) -> dict[str, Any]:
    return {"status": "needed", "text": why, "account": "", "agent": request.kind.name}


def _approved(request: LoginRequest, location: LoginLocation) -> bool:
    """Whether a person has approved what this very execution asked for."""
    found = read_attempt(location, attempt_id(request.execution, request.redrives))
    return found is not None and found.attempt.status == "approved"


def _is_elsewhere(login: Login, request: LoginRequest, settings: LoginSettings) -> str:
    """Why a good login is not the one that was asked for by name; empty when it is."""
    if not (request.identity_provider or request.license) or login.token is None:
        return ""
    here = plain_start_url(login.token.start_url) if login.is_identity_center else None
    there = settings.start_url if settings.is_identity_center else None
    return "" if here == there else f"The login is of {login.account}, but another one was asked for."
