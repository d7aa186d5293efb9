"""Fault 79 (login): CompleteLogin is killed around each of its writes.

Expected: the stored login is the old one or the new one, whole; and the machine, which checks again and gives
a code out again, ends with a login that works.
"""

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from tests.faults.test_079_kill_during_store_write import killed
from tests.integration.logins_machine.rig import Machine, Rig

from stepherd.logins.login import Login


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    with Rig.at(tmp_path, monkeypatch) as made:
        yield made


def _recovered(rig: Rig) -> Login:
    """Do as the machine does after a missed heartbeat, until the login is good."""
    for number in range(4):
        wanted = rig.wanted(force=True)
        if rig.check(wanted)["status"] == "valid":
            return rig.stored()
        asked = rig.start(wanted)
        rig.provider.approve()
        rig.machine = Machine({f"again-{number}"})
        rig.complete(asked, token=f"again-{number}")
    raise AssertionError("no login after four codes")


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_killed_function_leaves_the_old_or_the_new_login(
    rig: Rig, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails when the answer or the attempt's end comes before the login is stored."""
    # Each write of the store takes effect with its rename; SQLite's own writes are tried with the database.
    calls = {os: ["rename"]}
    monkeypatch.setattr("tests.faults.test_079_kill_during_store_write.CALLS", calls)
    root, seen, ends = rig.folder, [], 0
    for nth in range(1, 400):
        rig.folder = root / str(nth)
        old = rig.give_login()
        rig.machine = Machine()
        asked = rig.start(rig.wanted(force=True))
        rig.provider.approve()
        was_killed = killed(partial(rig.complete, asked), nth, moment)
        found = rig.stored()
        is_old = found == old
        assert is_old or rig.provider.knows(found.token.access_token)  # type: ignore[union-attr]
        seen.append(is_old)
        login = _recovered(rig)
        assert login != old
        assert login.token is not None
        assert rig.provider.can_refresh(login.token.refresh_token)
        ends += not was_killed
        if not was_killed:
            break
    assert ends == 1
    assert len(seen) > 4
    assert seen == sorted(seen, reverse=True)  # one moment of change, then never back
    assert (seen[0], seen[-1]) == (True, False)
