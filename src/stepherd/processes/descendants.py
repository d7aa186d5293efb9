"""Which processes descend from one, also when they left its group or lost their parents, and ending them."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Collection, Mapping
from typing import Final

from stepherd.processes.table import Row, is_living, table

__all__ = [
    "below",
    "children_of_this_process",
    "end_children",
    "end_tree",
    "has_children",
    "has_no_children",
    "signal_tree",
    "tree_of",
]

_ROUNDS: Final = 200
_PAUSE_SECONDS: Final = 0.01


def below(found: Collection[int], rows: Mapping[int, Row]) -> set[int]:
    """The processes of ``found``, and all in ``rows`` that descend from them."""
    every = set(found)
    while more := {pid for pid, row in rows.items() if row.parent in every and pid not in every}:
        every |= more
    return every


def has_no_children() -> bool:
    """Whether this process has no child, a zombie neither. With ``account.adopt_orphans`` before, it then has
    no descendant at all: whoever loses its parent becomes its child."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return True
    return False


def children_of_this_process() -> frozenset[int]:
    """The process ids of the children that this process has now."""
    if hasattr(os, "waitid") and has_no_children():
        return frozenset()
    me = os.getpid()
    return frozenset(pid for pid, row in table().items() if row.parent == me)


def end_children(before: frozenset[int]) -> bool:
    """Kill and reap this process's children but those of ``before``, and all that descends from them. False
    when some are left after many rounds."""
    for _ in range(_ROUNDS):
        left = children_of_this_process() - before
        if not left:
            return True
        for pid in below(left, table()):
            _send(pid, signal.SIGKILL)
            _reap(pid)
        time.sleep(_PAUSE_SECONDS)
    return False


def tree_of(leader: int, before: frozenset[int]) -> set[int]:
    """The living processes that descend from ``leader`` or share its group or session, and those that came
    to this process when their parents died: its children that are not among ``before``."""
    me = os.getpid()
    # Zombies of others are theirs to reap.
    rows = {pid: row for pid, row in table().items() if not row.zombie or row.parent == me}
    found = {
        pid
        for pid, row in rows.items()
        if leader in {pid, row.session} or (row.parent == me and pid not in before)
    }
    return below(found, rows)


def has_children(leader: int, before: frozenset[int]) -> bool:
    """Whether a process lives that ``leader`` or one of its descendants started. False without /proc."""
    return any(is_living(pid) for pid in tree_of(leader, before) - {leader})


def signal_tree(leader: int, before: frozenset[int], number: signal.Signals) -> set[int]:
    """Send a signal to the whole tree; returns whom it was sent to."""
    _send(leader, number, group=True)
    others = tree_of(leader, before) - {leader}
    for pid in others:
        _send(pid, number)
    return others


def end_tree(leader: int, before: frozenset[int]) -> set[int]:
    """Kill and reap whoever is left of a tree whose leader has ended. A process that forks while it is
    killed is met in the next round; returns who was met in the last, after many: empty when none is left."""
    left = set[int]()
    for _ in range(_ROUNDS):
        left = signal_tree(leader, before, signal.SIGKILL)
        for pid in left:
            _reap(pid)
        if not left:
            break
        time.sleep(_PAUSE_SECONDS)  # the kernel takes a moment to hand orphans over
    return left


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
