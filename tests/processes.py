"""Whether processes live, for tests that look for orphans."""

from __future__ import annotations

import os
import time
from pathlib import Path

__all__ = ["gone_soon", "lives"]


def lives(pid: int) -> bool:
    """Whether a process runs; one that only waits to be reaped by init does not."""
    try:
        os.kill(pid, 0)
        stat = Path(f"/proc/{pid}/stat")
        return not (stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z")
    except (ProcessLookupError, FileNotFoundError):
        return False


def gone_soon(pid: int, seconds: float = 5) -> bool:
    """Whether a process that was killed is gone within a moment."""
    deadline = time.monotonic() + seconds
    while lives(pid) and time.monotonic() < deadline:
        time.sleep(0.01)  # Between the kill and its effect there is nothing to wait on.
    return not lives(pid)
