"""Renewing an access token without asking anybody (CreateToken with the refresh grant).

Unlike the CLI, nothing here ends a login that the identity provider did not end: 5xx, throttling, SlowDown
and time-outs are temporary (facts/q-cli.md 2). Every other refusal means that a person has to log in again,
whatever the provider calls it: in practice a dead refresh token is also answered with InvalidRequest or
AccessDenied. The stored login stays as it is until the new one takes its place.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from stepherd.errors import TemporaryError
from stepherd.logins.device import token_of
from stepherd.logins.failures import LoginNeeded, login_command
from stepherd.logins.login import Login, Registration, Token
from stepherd.logins.oidc import OidcError, call

__all__ = ["check_refreshable", "refresh"]


def refresh(login: Login, *, now: datetime) -> Login:
    """``login`` with a new access token; its refresh token stays where the answer names none.

    Raises LoginNeeded when only a person can help, before any call where that is known before; TemporaryError
    when the same call can succeed later; ProtocolError for an answer that is no token.
    """
    token, registration = check_refreshable(login, now)
    request = {
        "clientId": registration.client_id,
        "clientSecret": registration.client_secret,
        "grantType": "refresh_token",
        "refreshToken": token.refresh_token,
    }
    try:
        answer = call("create_token", registration.region, request)
    except OidcError as error:
        raise _judged(error, login) from error
    new = token_of(answer, registration, token.start_url, now=now)
    return replace(
        login,
        token=replace(
            new, refresh_token=new.refresh_token or token.refresh_token, scopes=token.scopes or new.scopes
        ),
    )


def _judged(error: OidcError, login: Login) -> Exception:
    if error.code == "SlowDown":
        return TemporaryError(
            "The identity provider asks for fewer calls.",
            remedy="Try again in a minute; the stored login is unchanged.",
        )
    return _needed(login, f"the identity provider no longer renews it ({error.code})")


def check_refreshable(login: Login, now: datetime) -> tuple[Token, Registration]:
    """The token and its client, when the CLI's own rules let them be used (facts/q-cli.md 2).

    Raises LoginNeeded, without asking anybody.
    """
    token, registration = login.token, login.registration
    if token is None:
        raise _needed(login, "no one is logged in")
    if token.refresh_token is None:
        raise _needed(login, "it came without a refresh token")
    if registration is None:
        raise _needed(login, "the client that it was issued to is unknown")
    if registration.expired(now):
        raise _needed(login, "the client that it was issued to has expired")
    if token.region not in {None, registration.region} or token.oauth_flow != registration.oauth_flow:
        raise _needed(login, "the client that it was issued to is for another region or flow")
    return token, registration


def _needed(login: Login, why: str) -> LoginNeeded:
    return LoginNeeded(
        f"The login of {login.kind.title} cannot be used: {why}.", remedy=login_command(login.kind.name)
    )
