"""The device authorization, through the real boto3 client and a real HTTP identity provider."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from tests.identity_provider import IdentityProvider

from stepherd.errors import CredentialsError, ProtocolError, TemporaryError, UsageError
from stepherd.logins.device import DeviceCode, PollAnswer, poll, register, start_authorization
from stepherd.logins.hosts import ForeignAddress
from stepherd.logins.kinds import LoginKind
from stepherd.logins.login import Registration, Token
from stepherd.logins.oidc import OidcError
from stepherd.logins.refresh import refresh


def now() -> datetime:
    return datetime.now(UTC)


def asked(provider: IdentityProvider, kind: LoginKind) -> tuple[Registration, DeviceCode]:
    registration = register(kind, "us-east-1")
    return registration, start_authorization(registration, provider.start_url, now=now())


def test_a_client_registers_as_the_cli_does(provider: IdentityProvider, kind: LoginKind) -> None:
    registration = register(kind, "us-east-1")
    [call] = provider.calls
    assert call.body == {
        "clientName": "Amazon Q Developer for command line",
        "clientType": "public",
        "scopes": list(kind.scopes),
    }
    assert "authorization" not in call.headers
    assert registration.serves(kind, "us-east-1", now())
    assert not registration.serves(kind, "us-east-1", now() + timedelta(days=91))


def test_a_code_is_approved_and_becomes_a_token(provider: IdentityProvider, kind: LoginKind) -> None:
    registration, code = asked(provider, kind)
    assert code.verification_uri_complete == f"{provider.url}/device?user_code={code.user_code}"
    assert timedelta(seconds=590) < code.expires_at - now() < timedelta(seconds=601)
    assert poll(registration, code.device_code, provider.start_url, now=now()) is PollAnswer.PENDING
    provider.approve(code.user_code)
    token = poll(registration, code.device_code, provider.start_url, now=now())
    assert isinstance(token, Token)
    assert provider.knows(token.access_token)
    assert (token.start_url, token.region, token.scopes) == (provider.start_url, "us-east-1", kind.scopes)
    assert timedelta(minutes=59) < token.expires_at - now() <= timedelta(hours=1)


def test_the_token_of_a_builder_id_names_no_start_url(provider: IdentityProvider, kind: LoginKind) -> None:
    provider.approves_at_once = True
    registration = register(kind, "us-east-1")
    code = start_authorization(registration, now=now())
    assert provider.calls[-1].body["startUrl"] == "https://view.awsapps.com/start"
    token = poll(registration, code.device_code, now=now())
    assert isinstance(token, Token)
    assert token.start_url is None


def test_an_interval_that_makes_no_sense_becomes_one_second(
    provider: IdentityProvider, kind: LoginKind
) -> None:
    provider.interval = -3
    assert asked(provider, kind)[1].interval == 1
    provider.interval = 10**9
    assert asked(provider, kind)[1].interval == 300


@pytest.mark.parametrize("answer", ["invalid_grant", "invalid_client", "unauthorized_client"])
def test_other_refusals_are_errors_with_the_reason(
    answer: str, provider: IdentityProvider, kind: LoginKind
) -> None:
    registration, code = asked(provider, kind)
    provider.script("CreateToken", answer)
    with pytest.raises(OidcError) as caught:
        poll(registration, code.device_code, provider.start_url, now=now())
    assert caught.value.code.lower() == answer.replace("_", "")
    assert isinstance(caught.value, CredentialsError)


@pytest.mark.parametrize("answer", ["500", "503", "throttled", "drop"])
def test_what_is_broken_for_now_is_temporary_and_asked_once(
    answer: str, provider: IdentityProvider, kind: LoginKind
) -> None:
    registration, code = asked(provider, kind)
    provider.script("CreateToken", answer)
    with pytest.raises(TemporaryError) as caught:
        poll(registration, code.device_code, provider.start_url, now=now())
    assert caught.value.retryable
    assert len(provider.calls_of("CreateToken")) == 1
    assert registration.client_secret not in f"{caught.value!r}{caught.value.__context__!r}"
    assert code.device_code not in f"{caught.value!r}{caught.value.__cause__!r}"


def test_an_identity_provider_that_hangs_is_given_up(
    provider: IdentityProvider, kind: LoginKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    registration, code = asked(provider, kind)
    provider.script("CreateToken", "hang")
    monkeypatch.setattr("stepherd.logins.oidc._READ_SECONDS", 0.3)
    started = time.monotonic()
    with pytest.raises(TemporaryError):
        poll(registration, code.device_code, provider.start_url, now=now())
    assert time.monotonic() - started < 5


def test_nobody_listening_is_temporary_too(
    aws_settings: None, kind: LoginKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SSO_OIDC", "http://127.0.0.1:9")
    monkeypatch.setattr("stepherd.logins.oidc._ATTEMPTS", 1)
    with pytest.raises(TemporaryError):
        register(kind, "us-east-1")


def test_an_answer_that_is_not_of_an_identity_provider_is_told_so(
    provider: IdentityProvider, kind: LoginKind
) -> None:
    for answer in ("garbage", "list", "null", "nothing", "no_text"):
        provider.script("RegisterClient", *[answer] * 2)
        with pytest.raises((ProtocolError, TemporaryError)):
            register(kind, "us-east-1")
        provider.recover()


@pytest.mark.parametrize("answer", ["redirect", "proxy"])
def test_what_answers_in_its_place_ends_no_login(
    provider: IdentityProvider, kind: LoginKind, answer: str
) -> None:
    """The login page of a network, or a proxy that wants a password."""
    login = provider.login(kind, seconds=-10)
    provider.script("CreateToken", answer)
    with pytest.raises(TemporaryError, match="in place of the identity provider"):
        refresh(login, now=now())
    assert provider.calls_of("elsewhere") == []
    assert refresh(login, now=now()).token != login.token


@pytest.mark.parametrize("region", ["", "us-east-1.evil.example", "US-EAST-1", "../..", "us-east-1\n"])
def test_what_is_no_region_is_refused_before_any_call(
    region: str, provider: IdentityProvider, kind: LoginKind
) -> None:
    with pytest.raises(UsageError, match="not an AWS region"):
        register(kind, region)
    assert provider.calls == []


def test_a_foreign_identity_provider_is_refused_before_any_call(
    provider: IdentityProvider, kind: LoginKind
) -> None:
    registration = register(kind, "us-east-1")
    with pytest.raises(ForeignAddress):
        start_authorization(registration, "https://login.evil.example/start", now=now())
    assert provider.calls_of("StartDeviceAuthorization") == []
