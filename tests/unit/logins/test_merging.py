"""Which login stays when two meet."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.login_files import Q, a_login, a_registration

from stepherd.logins.login import Login, Profile, plain_start_url
from stepherd.logins.merging import merge

SOONER, LATER = timedelta(hours=1), timedelta(hours=2)


def test_the_token_that_ends_later_wins_in_either_order() -> None:
    old, new = a_login("old", ends=SOONER), a_login("new", ends=LATER)
    assert merge(old, new) == new
    assert merge(new, old) == new


def test_with_equal_ends_what_is_stored_stays() -> None:
    stored, other = a_login("stored"), a_login("other")
    assert merge(stored, other) == stored


def test_a_login_without_a_token_takes_nothing_away() -> None:
    stored = a_login(profile=Profile("arn", "p"))
    assert merge(stored, Login(Q)) == stored
    assert merge(stored, Login(Q, None, a_registration("other")), replaces=True) == stored


def test_a_missing_refresh_token_registration_or_profile_deletes_nothing() -> None:
    stored = a_login("old", profile=Profile("arn", "p"))
    left = Login(Q, replace(a_login("new", ends=LATER).token, refresh_token=None))
    merged = merge(stored, left)
    assert merged.token is not None
    assert (merged.token.access_token, merged.token.refresh_token) == ("access-new", "refresh-old")
    assert (merged.registration, merged.profile) == (stored.registration, stored.profile)


def test_a_token_of_another_client_takes_neither_refresh_token_nor_profile() -> None:
    stored = a_login("old", profile=Profile("arn", "p"))
    other = a_login("new", ends=LATER, client="two", refresh_token=None)
    assert merge(stored, other) == other


@pytest.mark.parametrize("ends", [SOONER / 2, SOONER, LATER])
def test_a_login_anew_counts_whatever_ends_later(ends: timedelta) -> None:
    stored, anew = a_login("stored"), a_login("anew", ends=ends, client="two")
    assert merge(stored, anew, replaces=True) == anew


PROVIDERS = (
    None,
    "https://a.awsapps.com/start",
    "https://a.awsapps.com/start/#/",
    "https://b.awsapps.com/start",
)
LOGINS = st.builds(
    a_login,
    st.sampled_from(["one", "two"]),
    ends=st.sampled_from([SOONER, LATER]),
    client=st.sampled_from(["one", "two"]),
    start_url=st.sampled_from(PROVIDERS),
    profile=st.sampled_from([None, Profile("arn:1", "one"), Profile("arn:2", "two")]),
)


@given(stored=LOGINS, other=LOGINS, replaces=st.booleans())
def test_a_profile_is_never_used_with_the_token_of_another_provider(
    stored: Login, other: Login, replaces: bool
) -> None:
    merged = merge(stored, other, replaces=replaces)
    assert merged.token is not None
    company = plain_start_url(merged.token.start_url)
    came_with = [
        plain_start_url(one.token.start_url)
        for one in (stored, other)
        if one.profile == merged.profile
        if one.token
    ]
    assert merged.profile is None or company in came_with


@pytest.mark.parametrize("client", ["one", "two"])
def test_a_person_who_logs_in_again_at_the_same_company_keeps_its_profile(client: str) -> None:
    stored = a_login("stored", start_url=PROVIDERS[1], profile=Profile("arn:1", "one"))
    again = a_login("again", client=client, start_url=PROVIDERS[2])
    assert merge(stored, again, replaces=True).profile == stored.profile
