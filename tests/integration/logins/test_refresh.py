"""Refreshing a token, through the real boto3 client and a real HTTP identity provider."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from tests.identity_provider import IdentityProvider

from stepherd.errors import TemporaryError
from stepherd.logins.failures import LoginNeeded
from stepherd.logins.kinds import LoginKind
from stepherd.logins.login import Login
from stepherd.logins.refresh import refresh


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def login(provider: IdentityProvider, kind: LoginKind) -> Login:
    return provider.login(kind, seconds=30, start_url=provider.start_url)


def test_a_refreshed_login_has_new_tokens_and_is_else_the_same(
    login: Login, provider: IdentityProvider
) -> None:
    new = refresh(login, now=now())
    assert login.token and new.token
    assert provider.knows(new.token.access_token)
    assert new.token.refresh_token != login.token.refresh_token
    assert not new.expired(now())
    same = {"access_token": "", "refresh_token": "", "expires_at": now()}
    assert replace(new.token, **same) == replace(login.token, **{**same, "expires_at": same["expires_at"]})
    assert (new.registration, new.profile) == (login.registration, login.profile)
    assert refresh(new, now=now()).token != new.token


def test_an_answer_without_a_refresh_token_keeps_the_old_one(
    login: Login, provider: IdentityProvider
) -> None:
    provider.gives_refresh_token = False
    new = refresh(login, now=now())
    assert login.token and new.token
    assert new.token.refresh_token == login.token.refresh_token
    assert new.token.access_token != login.token.access_token


@pytest.mark.parametrize("answer", ["500", "503", "throttled", "slow_down", "drop"])
def test_a_provider_that_cannot_now_is_temporary(
    answer: str, login: Login, provider: IdentityProvider
) -> None:
    provider.script("CreateToken", answer, answer, answer)
    with pytest.raises(TemporaryError) as caught:
        refresh(login, now=now())
    assert caught.value.retryable
    assert [secret for secret in login.secrets() if secret in f"{caught.value!r}{caught.value}"] == []


@pytest.mark.parametrize(
    "answer",
    [
        *("invalid_grant", "invalid_client", "unauthorized_client", "expired"),
        *("invalid_request", "denied", "invalid_scope", "unsupported_grant"),
    ],
)
def test_a_refusal_that_stays_needs_a_person(answer: str, login: Login, provider: IdentityProvider) -> None:
    provider.script("CreateToken", answer)
    with pytest.raises(LoginNeeded) as caught:
        refresh(login, now=now())
    assert not caught.value.retryable
    assert caught.value.remedy == "Log in with: stepherd login --agent q"
    assert caught.value.exit_code == 77


def test_a_used_refresh_token_needs_a_person(login: Login) -> None:
    refresh(login, now=now())
    with pytest.raises(LoginNeeded):
        refresh(login, now=now())


def without_call(login: Login, kind: LoginKind) -> dict[str, Login]:
    token, registration = login.token, login.registration
    assert token
    assert registration
    past = now() + timedelta(seconds=59)
    return {
        "nobody": Login(kind),
        "no refresh token": replace(login, token=replace(token, refresh_token=None)),
        "no registration": replace(login, registration=None),
        "registration expired": replace(
            login, registration=replace(registration, client_secret_expires_at=past)
        ),
        "registration without end": replace(
            login, registration=replace(registration, client_secret_expires_at=None)
        ),
        "other region": replace(login, registration=replace(registration, region="eu-west-1")),
        "other flow": replace(login, registration=replace(registration, oauth_flow="Pkce")),
    }


@pytest.mark.parametrize(
    "name",
    [
        "nobody",
        "no refresh token",
        "no registration",
        "registration expired",
        "registration without end",
        "other region",
        "other flow",
    ],
)
def test_what_cannot_be_refreshed_needs_a_person_before_any_call(
    name: str, login: Login, provider: IdentityProvider, kind: LoginKind
) -> None:
    with pytest.raises(LoginNeeded):
        refresh(without_call(login, kind)[name], now=now())
    assert provider.calls == []
