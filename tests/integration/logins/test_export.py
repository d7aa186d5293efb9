"""Tokens for other programs: as JSON, and for the streaming client."""

import importlib
import json
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.identity_provider import IdentityProvider
from tests.login_files import a_login, a_registration, a_token, query, stored

import stepherd.logins
from stepherd.errors import ConfigurationError
from stepherd.logins.database import read_login, write_login
from stepherd.logins.export import exported, kind_of, token_provider
from stepherd.logins.failures import LoginNeeded
from stepherd.logins.kinds import LoginKind, login_kind
from stepherd.logins.login import Login, Profile

ARN = "arn:aws:codewhisperer:eu-central-1:123456789012:profile/TEAM"
SDK = Path(__file__).parents[3] / "sdk/src"


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The streaming client of this checkout; it needs pydantic, as tests of its own do."""
    monkeypatch.syspath_prepend(str(SDK))
    return pytest.importorskip("amazon_q_streaming_client._login")


def test_what_is_exported_is_all_that_a_call_needs() -> None:
    assert exported(a_login()) == {
        "accessToken": "access-one",
        "refreshToken": "refresh-one",
        "expiresAt": "2026-11-21T13:00:00Z",
        "tokenType": "BEARER",
        "profileArn": None,
        "region": "us-east-1",
        "service": "q",
    }
    with pytest.raises(LoginNeeded, match="No one"):
        exported(Login(login_kind("kiro")))


def test_the_profile_of_identity_center_is_exported_with_its_region_and_one_left_for_builder_id_is_not() -> (
    None
):
    profile = Profile(ARN, "team")
    company = exported(a_login(profile=profile, start_url="https://company.awsapps.com/start"))
    assert (company["profileArn"], company["region"]) == (ARN, "eu-central-1")
    personal = exported(a_login(profile=profile))
    assert (personal["profileArn"], personal["region"]) == (None, "us-east-1")


def test_the_client_calls_with_the_profile_of_the_login(
    client: Any, provider: IdentityProvider, kind: LoginKind, tmp_path: Path
) -> None:
    login = provider.login(kind)
    assert login.token is not None
    token = replace(login.token, start_url="https://company.awsapps.com/start")
    path = stored(tmp_path / "db", replace(login, token=token, profile=Profile(ARN, "team")))
    given = client.from_cli_database(path).get_token()
    assert (given.value, given.profile_arn, given.region, given.service) == (
        token.access_token,
        ARN,
        "eu-central-1",
        "q",
    )


def with_other_token(path: Path, row: str, *, hours: float = 1, **fields: object) -> Path:
    """A database of kiro-cli in which somebody is logged in with ``row`` only."""
    stored(path, Login(login_kind("kiro")))
    ends = (datetime.now(UTC) + timedelta(hours=hours)).isoformat()
    document = {"access_token": "other", "expires_at": ends, "refresh_token": "r", **fields}
    query(path, "INSERT INTO auth_kv VALUES (?, ?)", row, json.dumps(document))
    return path


@pytest.mark.parametrize(
    ("row", "kind_of_token"),
    [("kirocli:social:token", "BEARER"), ("kirocli:external-idp:token", "EXTERNAL_IDP")],
)
def test_a_token_that_only_the_cli_can_renew_is_given_with_its_kind_and_profile(
    client: Any, tmp_path: Path, row: str, kind_of_token: str
) -> None:
    path = with_other_token(tmp_path / "kiro-cli/data.sqlite3", row, profile_arn=ARN, provider="github")
    token = client.from_cli_database(path).get_token()
    assert (token.value, token.kind, token.profile_arn, token.service) == (
        "other",
        kind_of_token,
        ARN,
        "kiro",
    )
    named = token_provider(str(path), kind="kiro").get_token()
    assert named == token


def test_the_chosen_profile_goes_with_a_token_that_has_none(client: Any, tmp_path: Path) -> None:
    path = with_other_token(tmp_path / "db", "kirocli:external-idp:token")
    chosen = json.dumps({"arn": ARN, "profile_name": "team"})
    query(path, "INSERT INTO state VALUES (?, ?)", "api.codewhisperer.profile", chosen)
    assert client.from_cli_database(path).get_token().profile_arn == ARN


def test_a_token_that_cannot_be_renewed_and_has_ended_or_is_refused_names_the_cli(
    client: Any, tmp_path: Path
) -> None:
    errors = importlib.import_module("amazon_q_streaming_client")
    ended = with_other_token(tmp_path / "ended", "kirocli:social:token", hours=-1)
    with pytest.raises(errors.TokenError, match="has expired") as caught:
        client.from_cli_database(ended).get_token()
    assert "kiro-cli" in caught.value.remedy
    provider = client.from_cli_database(with_other_token(tmp_path / "refused", "kirocli:social:token"))
    provider.get_token()
    with pytest.raises(errors.TokenError, match="has expired"):
        provider.get_token(refresh=True)


@pytest.mark.parametrize("field", ["access_token", "expires_at", "profile_arn"])
def test_another_token_that_no_cli_writes_is_called_damaged(client: Any, tmp_path: Path, field: str) -> None:
    errors = importlib.import_module("amazon_q_streaming_client")
    path = with_other_token(tmp_path / "db", "kirocli:social:token", **{field: ["secret-value"]})
    with pytest.raises(errors.TokenError, match="not a token") as caught:
        client.from_cli_database(path).get_token()
    assert "secret-value" not in str(caught.value)


def test_the_kind_of_a_database_is_found_by_its_folder_and_its_rows(tmp_path: Path) -> None:
    kiro = Login(login_kind("kiro"), a_token(), a_registration())
    assert kind_of(stored(tmp_path / "db", kiro)).name == "kiro"
    both = stored(tmp_path / "kiro-cli/data.sqlite3")
    write_login(both, kiro)
    assert kind_of(both).name == "kiro"
    assert kind_of(stored(tmp_path / "kiro-cli/only-q")).name == "q"
    with pytest.raises(LoginNeeded):
        kind_of(stored(tmp_path / "nobody", Login(login_kind("q"))))


def test_the_streaming_client_gets_our_provider(client: Any, tmp_path: Path) -> None:
    provider = client.from_cli_database(tmp_path / "db")
    assert type(provider).__module__ == "stepherd.logins.export"
    assert provider.get_token.__name__ == "get_token"


def test_an_expired_token_is_renewed_and_stored(
    client: Any, provider: IdentityProvider, kind: LoginKind, tmp_path: Path
) -> None:
    path = stored(tmp_path / "db", provider.login(kind, seconds=10))
    tokens = client.from_cli_database(path)
    token = tokens.get_token()
    assert not token.expired()
    assert provider.knows(token.value)
    kept = read_login(path, kind).token
    assert kept is not None
    assert (kept.access_token, kept.expires_at) == (token.value, token.expires_at)
    assert tokens.get_token() == token
    assert len(provider.calls) == 1


def test_a_refused_token_is_replaced_once_by_whoever_comes_first(
    client: Any, provider: IdentityProvider, kind: LoginKind, tmp_path: Path
) -> None:
    path = stored(tmp_path / "db", provider.login(kind))
    one, two = client.from_cli_database(path), client.from_cli_database(path)
    refused = one.get_token()
    assert two.get_token() == refused
    renewed = one.get_token(refresh=True)
    assert renewed != refused
    assert two.get_token(refresh=True) == renewed
    assert len(provider.calls) == 1
    assert client.from_cli_database(path).get_token(refresh=True) != renewed


def test_without_a_login_the_clients_own_error_says_what_to_do(
    client: Any, provider: IdentityProvider, kind: LoginKind, tmp_path: Path
) -> None:
    errors = importlib.import_module("amazon_q_streaming_client")
    path = stored(tmp_path / "db", provider.login(kind, seconds=0))
    provider.script("CreateToken", "invalid_grant")
    for reference in (path, tmp_path / "none"):
        with pytest.raises(errors.TokenError) as caught:
            client.from_cli_database(reference).get_token()
        assert isinstance(caught.value.message, str)
    provider.script("CreateToken", "invalid_grant")
    with pytest.raises(errors.TokenError) as caught:
        client.from_cli_database(path).get_token()
    assert caught.value.remedy == "Log in with: stepherd login --agent q"


def test_without_the_streaming_client_it_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "amazon_q_streaming_client", None)
    with pytest.raises(ConfigurationError, match="not installed"):
        token_provider(stored(tmp_path / "db")).get_token()


def test_the_package_loads_nothing_before_it_is_asked() -> None:
    assert stepherd.logins.token_provider is token_provider
    with pytest.raises(AttributeError):
        _ = stepherd.logins.nothing
