"""A person's login by the client, at the stand-in of an identity provider."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.lender import Lender
from tests.integration.client.conftest import live_in

from stepherd import Client, Waiting
from stepherd.errors import CredentialsError, UsageError


@pytest.fixture
def lender(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lender]:
    with Lender.at(tmp_path / "place") as made:
        live_in(made.place, monkeypatch)
        yield made


def test_a_person_approves_the_code_that_is_shown(lender: Lender) -> None:
    shown: list[Waiting] = []

    def show(waiting: Waiting) -> None:
        shown.append(waiting)
        lender.provider.approve(waiting.user_code)

    with Client(home=lender.place.home) as client:
        login = client.login("q", show=show)
        assert [one.kind for one in shown] == ["person"]
        assert shown[0].url.startswith(lender.provider.url)
        assert (login.agent, login.account, login.asked) == ("q", "Builder ID", True)
        assert lender.stored().token is not None
        # AND a second one asks no one
        again = client.login("q", show=shown.append)
        assert (again.asked, again.expires_at, len(shown)) == (False, login.expires_at, 1)


def test_a_login_that_is_declined_and_one_that_is_malformed(lender: Lender) -> None:
    with Client(home=lender.place.home) as client:
        with pytest.raises(UsageError, match="does not go with"):
            client.login("q", show=lambda _: None, license="free", region="us-east-1")
        with pytest.raises(CredentialsError):
            client.login("q", show=lambda waiting: lender.provider.decline(waiting.user_code))
