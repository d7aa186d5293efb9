"""Fault 50 (logins): a token cannot be refreshed, for now or for good; two refresh it at once.

Expected: temporary trouble deletes nothing and asks no one; an end that the identity provider declared needs
a person, once; of two processes that refresh one rotating token, both continue with the same new one.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.identity_provider import IdentityProvider
from tests.login_writers import at_once, renew

from stepherd.errors import StepherdError, TemporaryError
from stepherd.logins.failures import LoginNeeded
from stepherd.logins.kinds import login_kind
from stepherd.logins.opening import open_location
from stepherd.logins.renewal import ensure_fresh

Q = login_kind("q")


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Any:
    with IdentityProvider() as provider:
        for name, value in provider.environment.items():
            monkeypatch.setenv(name, value)
        yield provider


@pytest.mark.parametrize("answer", ["500", "503", "slow_down", "throttled", "drop", "garbage"])
def test_trouble_for_now_deletes_nothing_and_asks_nobody(
    answer: str, provider: IdentityProvider, tmp_path: Path
) -> None:
    place = open_location(Q, f"{tmp_path}/")
    saved = place.save(provider.login(Q, seconds=-5), None)
    provider.script("CreateToken", answer, answer)
    with pytest.raises(StepherdError) as caught:
        ensure_fresh(place, datetime.now(UTC))
    assert not isinstance(caught.value, LoginNeeded)
    assert place.load() == saved
    provider._scripts.clear()
    assert not ensure_fresh(place, datetime.now(UTC)).login.expired(datetime.now(UTC))


def test_an_end_for_good_is_found_with_one_call(provider: IdentityProvider, tmp_path: Path) -> None:
    place = open_location(Q, f"{tmp_path}/")
    saved = place.save(provider.login(Q, seconds=-5), None)
    provider.script("CreateToken", "invalid_grant")
    with pytest.raises(LoginNeeded):
        ensure_fresh(place, datetime.now(UTC))
    assert len(provider.calls_of("CreateToken")) == 1
    assert place.load() == saved


def test_an_answer_that_got_lost_ends_in_asking_a_person_not_in_a_loop(
    provider: IdentityProvider, tmp_path: Path
) -> None:
    """The provider used up the refresh token, and no one has the new one."""
    place = open_location(Q, f"{tmp_path}/")
    place.save(provider.login(Q, seconds=-5), None)
    provider.script("CreateToken", "lost")
    with pytest.raises((LoginNeeded, TemporaryError)):
        ensure_fresh(place, datetime.now(UTC))
    with pytest.raises(LoginNeeded):
        ensure_fresh(place, datetime.now(UTC))
    assert len(provider.calls_of("CreateToken")) <= 3


def test_processes_that_refresh_one_rotating_token_at_once_all_go_on(
    provider: IdentityProvider, tmp_path: Path
) -> None:
    place = open_location(Q, f"{tmp_path}/")
    place.save(provider.login(Q, seconds=-5), None)
    found = at_once(renew, [(place.reference, provider.environment)] * 3)
    stored = place.load()
    assert stored is not None
    assert stored.login.token is not None
    assert set(found) == {stored.login.token.access_token}
    assert provider.can_refresh(stored.login.token.refresh_token)
