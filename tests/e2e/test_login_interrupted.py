"""Deaths while a person is being waited for: the engine, the function that polls, the run itself."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.aftermath import await_end, no_process_left, one_terminal_status
from tests.e2e.inside import Inside
from tests.e2e.lender import Lender, login_executions, states_of, wait_until

from stepherd.engine.journal.clock import TurnableClock
from stepherd.processes.table import table

pytestmark = pytest.mark.exhaustive


@pytest.fixture
def lender(tmp_path: Path) -> Iterator[Lender]:
    with Lender.at(tmp_path / "place") as made:
        yield made


def _detached(lender: Lender) -> None:
    words = lender.place.run_words("touch done.txt", "--agent", "borrower", "--detach")
    lender.place.cli(*words).ok()


def _completing() -> list[int]:
    """The processes of CompleteLogin that an engine in this process has started."""
    children = [pid for pid, row in table().items() if row.parent == os.getpid()]
    return [pid for pid in children if Path(f"/proc/{pid}/cwd").readlink().name == "complete_login"]


@pytest.mark.parametrize("approved", ["before", "after"])
def test_a_run_whose_engine_is_killed_goes_on_after_resume(lender: Lender, approved: str) -> None:
    """Fails when a kept notice is not delivered again, or a dead function's claim is honoured."""
    # GIVEN a run that waits for a person
    _detached(lender)
    lender.await_polls()
    # WHEN its engine is killed, and with it everybody who waits
    pid = int(json.loads((lender.place.home / "engine.json").read_text())["pid"])
    os.kill(pid, signal.SIGKILL)
    assert await_end(pid, 10)
    no_process_left(lender.place.root)
    # AND the person approves, sooner or later
    if approved == "before":
        lender.approve()
    resumed = lender.place.start("resume", "--json")
    if approved == "after":
        polls = len(lender.provider.calls_of("CreateToken", "device"))
        lender.await_polls(polls + 1)
        lender.approve()
    lender.place.end_of(resumed).ok()
    # THEN the run continues, with the code that the person has had
    lender.place.cli("watch", "run_1").ok()
    one_terminal_status(lender.place, "run_1", "SUCCEEDED")
    assert len(lender.notices()) == 1
    assert len(lender.provider.calls_of("StartDeviceAuthorization")) == 1
    assert lender.statuses() == ["asked", "approved"]


def test_a_polling_function_that_dies_is_replaced_by_one_with_the_same_code(lender: Lender) -> None:
    with lender.inside() as inside:
        inside.start("run_1", **lender.request())
        inside.meanwhile(lender.await_polls)
        (pid,) = _completing()
        os.kill(pid, signal.SIGKILL)
        before = len(lender.provider.calls_of("CreateToken", "device"))
        inside.meanwhile(lambda: lender.await_polls(before + 1))
        assert pid not in _completing()
        inside.meanwhile(lender.approve)
        assert inside.ended("run_1") == "SUCCEEDED"
    assert len(lender.provider.calls_of("StartDeviceAuthorization")) == 1


def test_a_missed_heartbeat_gives_the_same_code_out_again(lender: Lender) -> None:
    """Faults 41 and 45. Fails when StartLogin makes a new code, or the first poller keeps its claim."""
    clock = TurnableClock()
    with lender.inside(clock=clock) as inside:
        lender.provider.script("CreateToken", "hang")
        inside.start("run_1", **lender.request())
        inside.meanwhile(lender.await_polls)
        # WHEN CompleteLogin hangs with the provider, and the time of its heartbeats is over
        inside._runner.run(clock.advance(121))
        # THEN the login is checked again and the same code goes out again
        first = lender.await_notice()
        inside.meanwhile(lambda: lender.approve(2))
        assert lender.await_notice(2) == first
        assert inside.ended("run_1") == "SUCCEEDED"
        (execution,) = login_executions(inside)
        states = states_of(inside, execution)
        assert states[states.index("AwaitLoginApproval") + 1] == "CheckLogin"
        assert states.count("StartLogin") == 2
    assert len(lender.provider.calls_of("StartDeviceAuthorization")) == 1


def test_a_run_that_is_stopped_while_it_waits_leaves_nobody_polling_and_no_lease(lender: Lender) -> None:
    with lender.inside() as inside:
        inside.start("run_1", **lender.request())
        inside.meanwhile(lender.await_polls)
        assert inside.stop("run_1") == "ABORTED"
        assert [e.status for e in login_executions(inside)] == ["ABORTED"]
        # THEN the next run is asked for, at once and with a new code
        inside.start("run_2", **lender.request())
        inside.meanwhile(lambda: lender.approve(2))
        assert inside.ended("run_2") == "SUCCEEDED"
        inside.meanwhile(lambda: _idle(lender, inside))
    assert "held" not in lender.statuses("run_2")


def _idle(lender: Lender, inside: Inside) -> None:
    """Wait until no poller is left: that of run_1 learns with its next heartbeat that it is over."""
    wait_until(lambda: not list(lender.place.home.glob("deliveries/*")), "end of all deliveries", 40)
