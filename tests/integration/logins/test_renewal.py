"""A login that is good for use: renewed where it must be, and stored at once."""

from datetime import UTC, datetime

import pytest
from tests.identity_provider import IdentityProvider

from stepherd.errors import TemporaryError
from stepherd.logins import renewal
from stepherd.logins.failures import LoginNeeded
from stepherd.logins.kinds import LoginKind
from stepherd.logins.location import LoginLocation
from stepherd.logins.login import Login
from stepherd.logins.refresh import refresh
from stepherd.logins.renewal import ensure_fresh


def now() -> datetime:
    return datetime.now(UTC)


def test_a_good_login_is_given_without_any_call(
    provider: IdentityProvider, place: LoginLocation, kind: LoginKind
) -> None:
    saved = place.save(provider.login(kind), None)
    assert ensure_fresh(place, now()) == saved
    assert provider.calls == []


def test_an_expired_login_is_renewed_and_stored(
    provider: IdentityProvider, place: LoginLocation, kind: LoginKind
) -> None:
    place.save(provider.login(kind, seconds=59), None)
    fresh = ensure_fresh(place, now())
    assert fresh == place.load()
    assert fresh.login.token is not None
    assert provider.knows(fresh.login.token.access_token)
    assert ensure_fresh(place, now()) == fresh
    assert len(provider.calls) == 1


def test_a_refused_token_is_renewed_though_it_has_not_ended(
    provider: IdentityProvider, place: LoginLocation, kind: LoginKind
) -> None:
    login = provider.login(kind)
    place.save(login, None)
    assert login.token is not None
    provider.token_seconds = 600
    fresh = ensure_fresh(place, now(), refused=login.token.access_token)
    assert fresh.login.token is not None
    assert fresh.login.token.access_token != login.token.access_token
    assert ensure_fresh(place, now(), refused=login.token.access_token) == fresh
    assert len(provider.calls) == 1


def test_nobody_is_logged_in_where_there_is_nothing(place: LoginLocation, kind: LoginKind) -> None:
    with pytest.raises(LoginNeeded, match="No one"):
        ensure_fresh(place, now())
    place.save(Login(kind), None)
    with pytest.raises(LoginNeeded, match="No one"):
        ensure_fresh(place, now())


def test_a_damaged_login_needs_a_person_and_stays(place: LoginLocation) -> None:
    place.folder.put("data.sqlite3", b"rot")
    with pytest.raises(LoginNeeded, match="SQLite database"):
        ensure_fresh(place, now())
    assert place.folder.get("data.sqlite3").body == b"rot"


@pytest.mark.parametrize("answer", ["500", "slow_down", "drop", "invalid_grant"])
def test_a_failed_renewal_changes_nothing_that_is_stored(
    answer: str, provider: IdentityProvider, place: LoginLocation, kind: LoginKind
) -> None:
    saved = place.save(provider.login(kind, seconds=0), None)
    provider.script("CreateToken", *[answer] * (2 if answer in {"500", "drop"} else 1))
    with pytest.raises(LoginNeeded if answer == "invalid_grant" else TemporaryError):
        ensure_fresh(place, now())
    assert place.load() == saved
    assert not ensure_fresh(place, now()).login.expired(now())


def test_who_loses_the_race_for_a_refresh_token_uses_what_the_winner_stored(
    provider: IdentityProvider, place: LoginLocation, kind: LoginKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process renews between our load and our call: our refresh token is used up by then."""
    place.save(provider.login(kind, seconds=0), None)
    winners = []

    def late(login: Login, *, now: datetime) -> Login:
        if not winners:
            winners.append(refresh(login, now=now))
            loaded = place.load()
            assert loaded is not None
            place.save(winners[0], loaded.etag)
        return refresh(login, now=now)

    monkeypatch.setattr(renewal, "refresh", late)
    fresh = ensure_fresh(place, now())
    assert fresh.login == winners[0]
    assert len(provider.calls) == 2


def test_a_winner_who_has_not_stored_yet_is_waited_for(
    provider: IdentityProvider, place: LoginLocation, kind: LoginKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Our refresh token is used up, and the new login comes while we look for it."""
    saved = place.save(provider.login(kind, seconds=0), None)
    monkeypatch.setattr(renewal, "_GRACE_SECONDS", 60)
    winner = refresh(saved.login, now=now())
    monkeypatch.setattr(renewal.time, "sleep", lambda _: place.save(winner, saved.etag))
    assert ensure_fresh(place, now()).login == winner


def test_a_provider_whose_tokens_have_ended_at_once_is_not_asked_without_end(
    provider: IdentityProvider, place: LoginLocation, kind: LoginKind
) -> None:
    place.save(provider.login(kind, seconds=0), None)
    provider.token_seconds = 30
    with pytest.raises(TemporaryError, match="expires as soon as it is renewed"):
        ensure_fresh(place, now())
    assert len(provider.calls) == 3
