"""Faults 45 and 41: a notice is delivered twice, late, or its function died.

Expected: one poller at a time and the same code; a code that was superseded is not polled for; a dead
poller's claim holds no one up for longer than it lasts.
"""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.integration.logins_machine.rig import FastPace, Rig

from stepherd.logins import claims
from stepherd.logins.claims import Claim, NotClaimed
from stepherd.processes.table import began, boot_id


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    with Rig.at(tmp_path, monkeypatch) as made:
        yield made


def test_a_second_delivery_does_not_poll(rig: Rig) -> None:
    asked = rig.start()
    second: list[str] = []
    pace = FastPace(then={2: lambda: second.append(rig.complete(asked)), 3: rig.provider.approve})
    assert rig.complete(asked, pace) == "approved"
    assert second == ["another poller has it"]
    assert len(rig.machine.answers) == 1


def test_deliveries_at_the_same_moment_give_one_poller(rig: Rig) -> None:
    asked = rig.start()
    barrier = threading.Barrier(4)
    outcomes: list[str] = []

    def deliver() -> None:
        barrier.wait()
        outcomes.append(rig.complete(asked, FastPace(then={4: rig.provider.approve})))

    threads = [threading.Thread(target=deliver) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count("approved") == 1
    assert len(rig.machine.answers) == 1


def test_start_login_again_gives_the_same_code(rig: Rig) -> None:
    first, second = rig.start(), rig.start()
    assert first == second
    assert len(rig.provider.calls_of("StartDeviceAuthorization")) == 1
    assert rig.statuses() == ["asked"]


def test_two_starts_at_the_same_moment_give_one_code(rig: Rig) -> None:
    answers: list[str] = []
    barrier = threading.Barrier(2)

    def start() -> None:
        barrier.wait()
        answers.append(rig.start()["user_code"])

    threads = [threading.Thread(target=start) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(answers)) == 1


def test_a_code_that_is_about_to_end_is_not_sent_again(rig: Rig) -> None:
    first = rig.start()
    assert rig.start(later=560)["user_code"] == first["user_code"]
    second = rig.start(later=580)
    assert (second["code"], second["user_code"] != first["user_code"]) == (2, True)
    # AND the notice of the first one, late, finds it superseded
    assert rig.complete(first) == "its code was superseded"
    assert rig.polls() == 0


def test_a_poller_whose_code_was_superseded_meanwhile_ends(rig: Rig) -> None:
    asked = rig.start()
    pace = FastPace(then={3: lambda: rig.start(later=600)})
    assert rig.complete(asked, pace) == "another poller has taken it over"
    assert rig.machine.answers == []


def test_a_claim_lapses_and_one_of_a_machine_that_waits_anew_counts(rig: Rig) -> None:
    asked = rig.start()
    name, now = asked["attempt"], datetime.now(UTC)
    assert isinstance(Claim.take(rig.place, name, 1, "t1", now), Claim)
    assert isinstance(Claim.take(rig.place, name, 1, "t1", now), NotClaimed)
    assert isinstance(Claim.take(rig.place, name, 1, "t1", now + timedelta(seconds=62)), Claim)
    assert isinstance(Claim.take(rig.place, name, 1, "t2", now), Claim)


def test_a_claim_of_a_process_of_this_machine_that_died_does_not_count() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    owner = f"{boot_id()}/{child.pid}/{began(child.pid)}/x"
    assert not claims._is_gone(owner)
    child.communicate()
    assert claims._is_gone(owner)
    assert not claims._is_gone(f"another-machine/{child.pid}/1/x")
    assert not claims._is_gone(claims._this_process())
    # AND a process that has the number of a dead one is another one
    assert claims._is_gone(f"{boot_id()}/{os.getpid()}/1/x")
