"""Faults 42 and 43: the provider says pending, slow_down, or that the person declined.

Expected: the interval is kept, five seconds more after each slow_down, also by a poller that takes over; a
refusal ends the wait with "You declined".
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.logins_machine.rig import FastPace, Rig


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    with Rig.at(tmp_path, monkeypatch) as made:
        yield made


def test_slow_down_makes_every_later_pause_five_seconds_longer(rig: Rig) -> None:
    asked = rig.start()
    rig.provider.script("CreateToken", "pending", "slow_down", "pending", "slow_down", "pending")
    pace = FastPace(then={5: rig.provider.approve})
    assert rig.complete(asked, pace) == "approved"
    assert pace.slept == [1, 1, 6, 6, 11, 11]


def test_who_takes_over_keeps_the_longer_pause(rig: Rig) -> None:
    asked = rig.start()
    rig.provider.script("CreateToken", "slow_down")
    pace = FastPace(then={3: lambda: rig.machine.open_tokens.clear()})
    rig.complete(asked, pace)
    rig.machine.open_tokens = {"t2"}
    rig.provider.approve()
    after = FastPace()
    assert rig.complete(rig.start(), after, token="t2") == "approved"
    assert after.slept[0] == 6


def test_a_broken_provider_is_asked_less_and_less_often(rig: Rig) -> None:
    asked = rig.start()
    rig.provider.script("CreateToken", *["500"] * 4)
    rig.provider.approve()
    pace = FastPace()
    assert rig.complete(asked, pace) == "approved"
    assert pace.slept == [1, 2, 4, 8, 16]


def test_a_person_who_declines_ends_the_wait(rig: Rig) -> None:
    asked = rig.start()
    rig.provider.decline()
    assert rig.complete(asked) == "declined"
    ((kind, error, cause),) = rig.machine.answers
    assert (kind, error) == ("failed", "LoginDeclined")
    assert cause.startswith("You declined the login of Amazon Q Developer.")
    assert "stepherd redrive run_1" in cause
    assert rig.statuses() == ["asked", "declined"]
    assert rig.place.load() is None
