"""Fault 60: an agent ignores SIGTERM, and helpers hide in sessions of their own: all are gone at the end."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.steps.rig import Rig
from tests.processes import HeldFile

HIDER = """
import os, signal, sys, time
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
for _ in range(2):              # twice away from the parent, each time into a new session
    if os.fork():
        if _: os._exit(0)
        break
    os.setsid()
with open(sys.argv[1], "a") as file:
    file.write(f"{os.getpid()}\\n")
end = time.monotonic() + 300
while time.monotonic() < end:
    time.sleep(1)
"""


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with Rig.at(tmp_path) as made:
        made.make_remote()
        yield made


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs PR_SET_CHILD_SUBREAPER")
@pytest.mark.parametrize("stopped", [pytest.param(True, marks=pytest.mark.exhaustive), False])
def test_nothing_of_a_deaf_tree_is_left(rig: Rig, stopped: bool) -> None:
    # GIVEN an agent that is deaf, and a helper of it that left its group and session
    hider = rig.root / "hider.py"
    hider.write_text(HIDER)
    pids = rig.root / "pids"
    lines = [
        f"{sys.executable} {hider} {pids} >/dev/null 2>&1 &",
        f"until [ -s {pids} ]; do sleep 0.05; done",
    ]
    lines += [
        "trap '' INT TERM",
        "echo up",
        "sleep 300; sleep 300" if stopped else "exit 0",
    ]
    script = rig.root / "agent.sh"
    script.write_text("\n".join(lines) + "\n")
    held = HeldFile(rig.root / "held")
    holder = rig.root / "holder.py"
    holder.write_text(f"{held.hold()}os.execvp('sh', ['sh', {str(script)!r}])\n")
    rig.prepare(command=f"{sys.executable} {holder}")
    rig.steps("clone")
    # WHEN it is stopped, or ends by itself
    child = rig.start("agent")
    assert child.stdout is not None
    assert child.stdout.readline() == "up\n"
    started = time.monotonic()
    if stopped:
        child.send_signal(signal.SIGTERM)
    child.wait(60)
    # THEN both are gone, within the two graces
    assert time.monotonic() - started < 25
    assert rig.result("agent").status == ("interrupted" if stopped else "succeeded")
    assert pids.read_text(), "the helper was there"
    assert not held.is_held()
