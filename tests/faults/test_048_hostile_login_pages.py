"""Faults 47 and 48: the provider's answer names a page that is not its own, and what a notice may hold.

Expected: nothing is sent or kept; and what is sent never holds the device code or the client's secret.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.logins_machine.rig import Rig

from stepherd.logins.hosts import ForeignAddress


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    with Rig.at(tmp_path, monkeypatch) as made:
        yield made


@pytest.mark.parametrize("host", ["https://evil.example", "http://device.sso.us-east-1.amazonaws.com"])
def test_a_page_of_somebody_else_is_not_sent(rig: Rig, host: str) -> None:
    rig.provider.verification_host = host
    with pytest.raises(ForeignAddress):
        rig.start()
    assert rig.events() == []
    assert not list(rig.folder.glob("logins/q/attempts/*"))


def test_what_people_and_the_machine_are_told_holds_no_secret(rig: Rig) -> None:
    asked = rig.start()
    attempt = rig.attempt(asked)
    told = json.dumps([asked, rig.events()])
    assert attempt.device.device_code not in told
    assert attempt.registration.client_secret not in told
    assert attempt.device.device_code not in repr(attempt)
    assert attempt.registration.client_secret not in repr(attempt)
