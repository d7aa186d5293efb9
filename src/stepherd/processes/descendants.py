"""Who descends from a process, and ending them all. On Linux by /proc; elsewhere by process group alone."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Final

__all__ = ["children_of_this_process", "end_tree", "has_children", "signal_tree", "tree_of"]

_ROUNDS: Final = 200
_PAUSE_SECONDS: Final = 0.01


def children_of_this_process() -> frozenset[int]:
    """The process ids of the children that this process has now."""
    me = os.getpid()
    return frozenset(pid for pid, (parent, _) in _processes().items() if parent == me)


def tree_of(leader: int, before: frozenset[int]) -> set[int]:
    """The living processes that descend from ``leader`` or share its group or session, and those that came
    to this process when their parents died: its children that are not among ``before``."""
    processes = _processes()
    me = os.getpid()
    found = {
        pid
        for pid, (parent, session) in processes.items()
        if leader in {pid, session} or (parent == me and pid not in before)
    }
    grew = True
    while grew:
        more = {pid for pid, (parent, _) in processes.items() if parent in found and pid not in found}
        found |= more
        grew = bool(more)
    return found


def has_children(leader: int, before: frozenset[int]) -> bool:
    """Whether a process lives that ``leader`` or one of its descendants started. False without /proc."""
    return any(not _is_zombie(pid) for pid in tree_of(leader, before) - {leader})


def signal_tree(leader: int, before: frozenset[int], number: signal.Signals) -> set[int]:
    """Send a signal to the whole tree; returns whom it was sent to."""
    _send(leader, number, group=True)
    others = tree_of(leader, before) - {leader}
    for pid in others:
        _send(pid, number)
    return others


def end_tree(leader: int, before: frozenset[int]) -> None:
    """Kill and reap whoever is left of a tree whose leader has ended. A process that forks while it is
    killed is met in the next round."""
    for _ in range(_ROUNDS):
        left = signal_tree(leader, before, signal.SIGKILL)
        for pid in left:
            _reap(pid)
        if not left:
            return
        time.sleep(_PAUSE_SECONDS)  # the kernel takes a moment to hand orphans over


def _processes() -> dict[int, tuple[int, int]]:
    """Parent and session of every process (proc(5): fields 4 and 6 of stat), zombies of others left out."""
    found: dict[int, tuple[int, int]] = {}
    me = os.getpid()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_bytes().rpartition(b")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        state, parent, session = fields[0], int(fields[1]), int(fields[3])
        if state not in {b"Z", b"X"} or parent == me:
            found[int(folder.name)] = (parent, session)
    return found


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] in {b"Z", b"X"}
    except (FileNotFoundError, ProcessLookupError):
        return True


def _send(pid: int, number: signal.Signals, *, group: bool = False) -> None:
    try:
        (os.killpg if group else os.kill)(pid, number)
    except (ProcessLookupError, PermissionError):
        return  # it ended; macOS says "not permitted" of a group of zombies


def _reap(pid: int) -> None:
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return  # not ours: its parent or init reaps it
