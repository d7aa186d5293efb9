"""The rows of the login database, as the CLIs write them."""

from datetime import UTC, datetime
from typing import Any

import pytest
from tests.login_files import a_registration, a_token

from stepherd.logins.failures import DamagedDatabase
from stepherd.logins.rows import (
    from_rfc3339,
    parse_registration,
    parse_token,
    registration_fields,
    row_object,
    row_text,
    to_rfc3339,
    token_fields,
)

TOKEN = token_fields(a_token())
REGISTRATION = registration_fields(a_registration())


def test_what_is_written_is_read_again() -> None:
    assert parse_token(TOKEN, "row") == a_token()
    assert parse_registration(REGISTRATION, "row") == a_registration()


def test_the_least_that_a_cli_writes_is_enough() -> None:
    token = parse_token(
        {"access_token": "a", "expires_at": "2026-11-21T12:00:00.123456789Z", "oauth_flow": "PKCE"}, "row"
    )
    assert (token.refresh_token, token.region, token.start_url, token.scopes) == (None, None, None, None)
    assert token.oauth_flow == "Pkce"
    assert token.expires_at == datetime(2026, 11, 21, 12, 0, 0, 123456, UTC)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("access_token", None),
        ("access_token", ""),
        ("access_token", 1),
        ("access_token", "a b"),
        ("access_token", "a\nb"),
        ("expires_at", None),
        ("expires_at", "tomorrow"),
        ("expires_at", "2026-11-21T12:00:00"),
        ("expires_at", "2026-11-21"),
        ("expires_at", "9999-12-31T23:59:59-23:59"),
        ("expires_at", "2026-02-30T00:00:00Z"),
        ("expires_at", 1_795_000_000),
        ("oauth_flow", None),
        ("oauth_flow", "Password"),
        ("oauth_flow", ["DeviceCode"]),
        ("refresh_token", 5),
        ("region", "evil.example.com/#"),
        ("region", "us-east-1\n"),
        ("scopes", "all"),
        ("scopes", [None]),
        ("start_url", "https://\x00"),
    ],
)
def test_what_no_cli_writes_is_damage_and_never_quoted(field: str, value: object) -> None:
    with pytest.raises(DamagedDatabase, match=f"'{field}'") as caught:
        parse_token({**TOKEN, field: value}, "row")
    assert "access-one" not in str(caught.value)


@pytest.mark.parametrize("field", ["access_token", "expires_at", "oauth_flow"])
def test_a_required_field_of_a_token_must_be_there(field: str) -> None:
    with pytest.raises(DamagedDatabase, match=f"'{field}' is missing"):
        parse_token({name: value for name, value in TOKEN.items() if name != field}, "row")


@pytest.mark.parametrize(
    "field", ["client_id", "client_secret", "client_secret_expires_at", "region", "oauth_flow"]
)
def test_a_required_field_of_a_registration_must_be_there(field: str) -> None:
    with pytest.raises(DamagedDatabase, match=f"'{field}'"):
        parse_registration({name: v for name, v in REGISTRATION.items() if name != field}, "row")


def test_the_end_of_a_registration_may_be_null_but_must_be_named() -> None:
    assert parse_registration({**REGISTRATION, "client_secret_expires_at": None}, "row").expired(
        datetime.now(UTC)
    )


@pytest.mark.parametrize("text", ["", "{", "[]", '"text"', "1", "[" * 100_000, b"{}"])
def test_a_row_that_is_no_object_is_damage(text: Any) -> None:
    with pytest.raises(DamagedDatabase):
        row_object(text, "row")


def test_null_and_no_row_mean_that_nobody_is_logged_in() -> None:
    assert row_object(None, "row") is None
    assert row_object("null", "row") is None


def test_unknown_fields_stay_when_a_row_is_written_anew() -> None:
    assert row_object(row_text({"a": 1}, {"a": 0, "profile_arn": "x"}), "row") == {"a": 1, "profile_arn": "x"}


@pytest.mark.parametrize(
    "text",
    ["2026-11-21T12:00:00Z", "2026-11-21T13:00:00+01:00", "2026-11-21t12:00:00.0z", "2026-11-21 12:00:00Z"],
)
def test_times_are_those_of_rfc_3339(text: str) -> None:
    time = from_rfc3339(text)
    assert to_rfc3339(time) == "2026-11-21T12:00:00Z"
