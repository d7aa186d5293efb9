"""Faults 35 and 36: no one uses the code.

Expected: a new one is issued, three codes in all; then the end, with the command to try again. The whole wait
has an end of its own, too, however the codes behave.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.logins_machine.rig import FastPace, Rig

from stepherd.logins.asking import LoginNotApproved


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    with Rig.at(tmp_path, monkeypatch) as made:
        yield made


MACHINE = Path(__file__).parents[2] / "statemachines/login.asl.json"


def test_three_codes_then_the_command_to_try_again(rig: Rig) -> None:
    codes = []
    for number in (1, 2, 3):
        asked = rig.start()
        codes.append(asked["user_code"])
        assert asked["code"] == number
        rig.machine.open_tokens = {"t1"}
        rig.provider.expire()
        assert rig.complete(asked) == "expired"
        assert rig.machine.answers[-1][1] == "LoginCodeExpired"
    with pytest.raises(LoginNotApproved) as caught:
        rig.start()
    assert caught.value.remedy == "Try again with: stepherd redrive run_1"
    assert len(set(codes)) == 3
    assert rig.statuses() == ["asked", "expired"] * 3
    # AND a redrive begins again with the first code
    assert rig.start(rig.wanted(redrives=1))["code"] == 1


def test_the_client_is_registered_once_for_all_codes(rig: Rig) -> None:
    for _ in range(2):
        asked = rig.start()
        rig.provider.expire()
        rig.machine.open_tokens = {"t1"}
        rig.complete(asked)
    assert len(rig.provider.calls_of("RegisterClient")) == 1


def test_polling_stops_when_the_codes_time_is_over_whatever_the_provider_says(rig: Rig) -> None:
    rig.provider.interval, rig.provider.expires_in = 5, 31
    asked = rig.start()
    rig.provider.expires_in = 600
    for device in rig.provider._devices.values():
        device.expires_at += 600
    pace = FastPace()
    assert rig.complete(asked, pace) == "expired"
    assert sum(pace.slept) <= 40


def test_the_wait_itself_has_an_end() -> None:
    machine = json.loads(MACHINE.read_text())
    waiting = machine["States"]["AwaitLoginApproval"]
    assert waiting["HeartbeatSeconds"] < waiting["TimeoutSeconds"] <= machine["TimeoutSeconds"]
