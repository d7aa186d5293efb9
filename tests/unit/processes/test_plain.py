"""A tree that is ended by looking for its processes: what looking does not find is not taken for ended."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.processes import HeldFile

from stepherd.processes import descendants
from stepherd.processes.account import adopt_orphans
from stepherd.processes.descendants import children_of_this_process, end_children
from stepherd.processes.plain import PlainTree
from stepherd.processes.tree import Command

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the proof is Linux's")
DAEMON = """
if os.fork() == 0:
    os.setsid()
    os.closerange(0, 3)
    os.execve("/bin/sleep", ["sleep", "60"], {})
"""
ORPHANS = """
import os, time
for _ in range(9):
    if os.fork() == 0:
        os.fork()
        os._exit(0)
    os.wait()
print("orphaned", flush=True)
time.sleep(60)
"""


def test_a_process_that_is_never_seen_is_not_taken_for_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GIVEN one that is not there whenever all processes are looked through."""
    adopt_orphans()
    before = children_of_this_process()
    held = HeldFile(tmp_path / "held")
    with monkeypatch.context() as blind:
        blind.setattr(descendants, "table", dict)
        tree = PlainTree(_python(held.hold() + DAEMON), None)
        assert tree.stdout.read() == b""
        assert tree.end().state != "proven"
    assert held.is_held()
    # WHEN it is seen again
    assert end_children(before)
    assert not held.is_held()


def test_without_a_child_its_end_is_proven(tmp_path: Path) -> None:
    adopt_orphans()
    before = children_of_this_process()
    held = HeldFile(tmp_path / "held")
    tree = PlainTree(_python(held.hold() + DAEMON), None)
    # Of another test's servers in this process nothing is known but that they were there before.
    assert tree.end().state == ("unproven" if before else "proven")
    assert not held.is_held()


def test_orphans_are_reaped_although_another_child_s_end_is_asked_for_by_nobody() -> None:
    adopt_orphans()
    with subprocess.Popen([sys.executable, "-c", ""]) as other:
        os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)
        before = children_of_this_process()
        tree = PlainTree(_python(ORPHANS), None)
        assert tree.stdout.readline() == b"orphaned\n"
        deadline = time.monotonic() + 30
        # Nothing tells when a process has ended that is not asked for.
        while len(children_of_this_process() - before) > 1 and time.monotonic() < deadline:
            assert tree.poll() is None
        assert len(children_of_this_process() - before) == 1
        assert other.pid in before, "it was there all the time"
        tree.end()
        assert other.wait() == 0


def _python(code: str) -> Command:
    return Command((sys.executable, "-c", code), {}, Path("/"))
