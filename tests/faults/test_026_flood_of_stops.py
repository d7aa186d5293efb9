"""Fault 26: a thousand stops of one run, as fast as they can be sent: it stops once, in flat memory."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.e2e.aftermath import one_terminal_status, open_attempts
from tests.e2e.gate import Gate
from tests.e2e.lender import wait_until
from tests.e2e.place import Place

from stepherd.backends.client import execution_arn, remote_call
from stepherd.engine.journal.lock import find_engine

STOPS = 1000
MOST_KIB = 16 * 1024


def _resident_kib(pid: int) -> int:
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1])


@pytest.mark.exhaustive
def test_a_flood_stops_the_run_once_and_costs_no_memory(place: Place) -> None:
    # GIVEN two runs on one engine, so that it stays when one of them has gone
    other, gate = Gate(place, "other"), Gate(place)
    place.run(other.command, "--detach", "--name", "run_2").ok()
    place.run(gate.command, "--detach").ok()
    other.await_agent()
    gate.await_agent()
    engine = find_engine(place.home)
    assert engine is not None
    call = remote_call(engine)
    before = _resident_kib(engine.pid)
    # WHEN everybody stops the one
    with ThreadPoolExecutor(16) as crowd:
        request = {"executionArn": execution_arn("run_1"), "error": "Stopped", "cause": "enough"}
        answers = list(crowd.map(lambda _: call("StopExecution", request), range(STOPS)))
    # THEN each is answered with the moment of the one stop, and the engine is as small as it was
    assert len(answers) == STOPS
    assert len({str(answer["stopDate"]) for answer in answers}) == 1
    assert _resident_kib(engine.pid) - before < MOST_KIB
    wait_until(lambda: not open_attempts(place, "run_1"), "end of the agent")
    one_terminal_status(place, "run_1", "ABORTED")
    assert sum(event["type"] == "ExecutionAborted" for event in place.history()) == 1
    # AND the other continues
    other.open()
    assert place.cli("watch", "run_2").ok().out == "stepherd/run_2\n"
