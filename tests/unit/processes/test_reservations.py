"""Which trees may have a user at the same time, and which users no one gets."""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from stepherd.errors import ConfigurationError
from stepherd.processes import reservations
from stepherd.processes.reservations import Cancelled, reserve_killer, reserve_user

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives users to others")
USER = random.randrange(61_300, 65_500)
"""Not that of another test process: what it runs would be seen here."""
OTHER = USER - 200


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Reservations of the test alone."""
    monkeypatch.setattr(reservations, "_FOLDERS", (tmp_path / "theirs", tmp_path / "ours"))
    return tmp_path / "ours"


@pytest.fixture
def opened() -> Iterator[list[int]]:
    descriptors: list[int] = []
    yield descriptors
    for descriptor in descriptors:
        os.close(descriptor)


def never(_seconds: float) -> bool:
    return False


@pytest.mark.parametrize(("first", "second"), [(True, True), (True, False), (False, True)])
def test_a_user_that_kill_would_empty_is_not_shared(
    first: bool, second: bool, opened: list[int], capfd: pytest.CaptureFixture[str]
) -> None:
    holder = reserve_user(USER, alone=first, pause=never)
    assert capfd.readouterr().err == ""
    with pytest.raises(Cancelled):
        reserve_user(USER, alone=second, pause=never)
    # WHEN the other one ends while it is waited for
    waits = []

    def pause(seconds: float) -> bool:
        waits.append(seconds)
        if len(waits) == 2:
            os.close(holder)
        return True

    opened.append(reserve_user(USER, alone=second, pause=pause))
    assert len(waits) == 2
    # THEN the log says once what is waited for
    said = capfd.readouterr().err.splitlines()
    assert said == 2 * [
        f"stepherd: waiting for the agent of another run, which has reserved the user '{USER}'"
    ]


def test_trees_in_namespaces_share_a_user(opened: list[int]) -> None:
    opened += [reserve_user(USER, alone=False, pause=never) for _ in range(2)]


def test_a_user_with_processes_of_its_own_is_refused(
    opened: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reservations, "_PATIENCE_SECONDS", 0)
    with subprocess.Popen(["sleep", "60"], user=OTHER, group=OTHER, extra_groups=[]) as own:
        try:
            with pytest.raises(ConfigurationError, match="other processes"):
                reserve_user(OTHER, alone=True, pause=never)
            opened.append(reserve_user(OTHER, alone=False, pause=never))
        finally:
            own.kill()


def test_what_is_just_ending_is_waited_for(opened: list[int]) -> None:
    with subprocess.Popen(["sleep", "60"], user=OTHER, group=OTHER, extra_groups=[]) as ending:

        def pause(_seconds: float) -> bool:
            ending.kill()
            ending.wait()
            return True

        opened.append(reserve_user(OTHER, alone=True, pause=pause))


def test_no_two_trees_have_the_same_killer(opened: list[int]) -> None:
    killers = set()
    for _ in range(3):
        killer, descriptor = reserve_killer()
        opened.append(descriptor)
        killers.add(killer)
    assert len(killers) == 3


def test_a_folder_that_another_user_has_made_holds_no_reservation(folder: Path, opened: list[int]) -> None:
    theirs = folder.with_name("theirs")
    theirs.mkdir()
    os.chown(theirs, USER, USER)
    opened.append(reserve_user(USER, alone=True, pause=never))
    assert list(theirs.iterdir()) == []
    assert [path.name for path in folder.iterdir()] == [f"user-{USER}"]
