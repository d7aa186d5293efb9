"""The processes of a task, found by the marker in their environment, whoever started them."""

from __future__ import annotations

import os
import signal
from contextlib import suppress

from stepherd.processes.descendants import below
from stepherd.processes.table import has_variable, shows_variables, table

__all__ = ["MARKER", "family", "kill_family"]

MARKER = "STEPHERD_TASK"
"""The environment variable that tells a task's processes from all others."""


def kill_family(leader: int | None, name: str) -> list[int]:
    """KILL every process of a task, and give their ids; empty when none was there."""
    found = family(leader, name)
    for pid in found:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
    return found


def family(leader: int | None, name: str) -> list[int]:
    """The process ids of a task: those that bear its marker, and all below them.

    The leader's id alone proves nothing where the system shows markers: it may be another process's by now.
    """
    rows = {pid: row for pid, row in table().items() if not row.zombie}
    found = {pid for pid in rows if has_variable(pid, MARKER, name)}
    if leader in rows and not shows_variables():
        found.add(leader)
    return sorted(below(found, rows))
