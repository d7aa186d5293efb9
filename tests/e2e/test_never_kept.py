"""The work of a stopped run where the function that hears of its end fails for good."""

from __future__ import annotations

import os
import subprocess

import pytest
from tests.e2e.gate import Gate
from tests.e2e.place import Place

BLOCKER = """
import sys

class Blocker:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == "stepherd.runs.orphans":
            raise ImportError("blocked")

sys.meta_path.insert(0, Blocker)
"""


@pytest.mark.exhaustive
def test_neither_stop_nor_redrive_wait_for_what_will_not_come(place: Place) -> None:
    """Either would wait for three minutes, longer than these tests wait for a command."""
    gate, blocker = Gate(place), place.root / "blocker/sitecustomize.py"
    blocker.parent.mkdir()
    blocker.write_text(BLOCKER)
    place.environment["PYTHONPATH"] = os.pathsep.join([str(blocker.parent), place.environment["PYTHONPATH"]])
    place.run(gate.command, "--detach").ok()
    gate.await_agent()
    # WHEN
    stopped = place.cli("stop", "run_1").ok()
    # THEN it says so, and how to take what there is
    assert "could be kept. The rest is in the run folder: stepherd pull run_1" in stopped.err
    clone = place.root / "clone"
    subprocess.run(["git", "clone", "-q", str(place.origin.bare), str(clone)], check=True)
    place.cli("pull", "run_1", "--into", str(clone)).ok()
    shown = subprocess.run(["git", "-C", str(clone), "show", "stepherd/run_1:half.txt"], capture_output=True)
    assert shown.stdout == b"half\n"
    # AND a redrive begins with it
    redriven = place.start("redrive", "run_1", "--json")
    gate.await_agent()
    gate.open()
    assert place.end_of(redriven).ok().json["status"] == "SUCCEEDED"
    assert place.origin.show("stepherd/run_1", "half.txt") == "half"
