"""Fault 10: a redriven run whose task is killed says so, and not why the attempt before it had failed."""

from __future__ import annotations

import os
import signal

from tests.e2e.gate import Gate
from tests.e2e.inside import Inside
from tests.e2e.place import Place


def test_a_task_that_is_killed_after_a_redrive_is_the_reason(place: Place) -> None:
    # GIVEN an agent that fails at first, and whose second attempt has begun
    gate = Gate(place)
    here, go = gate.pipes
    command = place.script(
        f"echo begun >> {place.root}/count\n"
        f'if [ "$(wc -l < {place.root}/count)" = 1 ]; then\n'
        'echo x > x.txt; echo "it cannot compile" >&2; exit 3; fi\n'
        f"echo here > {here}; read word < {go}"
    )
    with Inside.at(place) as inside:
        inside.start("run_1", command=command)
        assert inside.ended("run_1") == "FAILED"
        first = place.folder().read_report()
        assert first is not None
        assert "cannot compile" in first["error"]["message"]
        # WHEN everything of its task is killed at once
        inside.redrive("run_1")
        inside.meanwhile(gate.await_agent)
        newest = max(place.home.glob("tasks/*/agent/pid"), key=lambda path: path.stat().st_mtime_ns)
        os.killpg(int(newest.read_text()), signal.SIGKILL)
        assert inside.ended("run_1") == "FAILED"
    # THEN that is the reason, and the other is called what was before
    report = place.folder().read_report()
    assert report is not None
    assert "137" in report["error"]["message"]
    assert "cannot compile" not in report["summary"]
    assert report["said"] is None
    assert [note for note in report["notes"] if "cannot compile" in note] == [
        f"Before that, RunAgent had failed: {first['error']['message']}"
    ]
