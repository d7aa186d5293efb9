"""A login tells when it ends and whose it is, and nothing shows its secrets."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.login_files import NOW, Q, a_login, a_registration

from stepherd.logins.login import Login, Profile, plain_start_url


@pytest.mark.parametrize(("seconds", "expired"), [(61, False), (60, False), (59, True), (-1, True)])
def test_what_ends_within_a_minute_has_ended(seconds: int, expired: bool) -> None:
    login = a_login(ends=timedelta(seconds=seconds))
    assert login.expired(NOW) is expired
    ends = NOW + timedelta(seconds=seconds)
    assert replace(a_registration(), client_secret_expires_at=ends).expired(NOW) is expired


def test_nobody_has_an_expired_login_and_no_secrets() -> None:
    assert Login(Q).expired(NOW)
    assert Login(Q).secrets() == ()
    assert Login(Q).account == "nobody"


def test_a_client_without_an_end_counts_as_expired() -> None:
    assert replace(a_registration(), client_secret_expires_at=None).expired(NOW)


@pytest.mark.parametrize(
    ("start_url", "account"),
    [
        (None, "Builder ID"),
        ("https://view.awsapps.com/start", "Builder ID"),
        ("https://view.awsapps.com/start/", "Builder ID"),
        ("https://view.awsapps.com/start/#/", "Builder ID"),
        ("https://d-1.awsapps.com/start", "IAM Identity Center (https://d-1.awsapps.com/start)"),
    ],
)
def test_the_start_url_says_whose_login_it_is(start_url: str | None, account: str) -> None:
    login = a_login(start_url=start_url)
    assert login.account == account
    assert login.is_identity_center is account.startswith("IAM")


def test_no_repr_shows_a_secret() -> None:
    login = a_login(profile=Profile("arn:x", "x"))
    assert set(login.secrets()) == {"access-one", "refresh-one", "secret-one"}
    assert [secret for secret in login.secrets() if secret in f"{login!r}{login!s}"] == []


@pytest.mark.parametrize(
    ("fields", "serves"),
    [
        ({}, True),
        ({"region": "eu-west-1"}, False),
        ({"oauth_flow": "Pkce"}, False),
        ({"scopes": Q.scopes[:2]}, False),
        ({"scopes": tuple(reversed(Q.scopes))}, True),
        ({"client_secret_expires_at": NOW}, False),
    ],
)
def test_a_client_is_used_again_by_the_rules_of_the_cli(fields: dict[str, object], serves: bool) -> None:
    assert a_registration(**fields).serves(Q, "us-east-1", NOW) is serves


@pytest.mark.parametrize("end", ["", "/", "//", "#", "/#", "/#/", "/#/device?user_code=X"])
def test_a_start_url_is_the_same_with_what_a_browser_adds(end: str) -> None:
    assert plain_start_url(f"https://d-1.awsapps.com/start{end}") == "https://d-1.awsapps.com/start"


@pytest.mark.parametrize(("days", "serves"), [(90, True), (89, True), (88.9, False), (8, False), (-1, False)])
def test_a_client_that_ends_before_a_new_login_would_is_replaced(days: float, serves: bool) -> None:
    client = replace(a_registration(), client_secret_expires_at=NOW + timedelta(days=days))
    assert client.serves(Q, "us-east-1", NOW) is serves


def test_a_client_whose_secret_was_forgotten_serves_nothing() -> None:
    client = replace(a_registration(), client_secret_expires_at=NOW + timedelta(days=90))
    assert client.serves(Q, "us-east-1", NOW)
    assert not replace(client, client_secret="").serves(Q, "us-east-1", NOW)
