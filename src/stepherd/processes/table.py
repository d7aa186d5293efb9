"""The processes of this machine; the one reader of /proc. Elsewhere ps lists them, without sessions."""

from __future__ import annotations

import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Row", "began", "boot_id", "has_variable", "is_living", "shows_variables", "table"]

_PROC = Path("/proc/self/stat")


@dataclass(frozen=True, slots=True)
class Row:
    """One process in the table."""

    parent: int
    session: int
    """0 where it is not known."""
    zombie: bool
    """Whether it has ended and only its parent has not looked yet."""


def table() -> dict[int, Row]:
    """Every process that can be seen, zombies too, by its id. No snapshot: it changes while it is read."""
    if _PROC.exists():
        return {pid: row for pid in _ids() if (row := _row(pid)) is not None}
    with subprocess.Popen(["ps", "-A", "-o", "pid=,ppid=,stat="], stdout=subprocess.PIPE, text=True) as ps:
        assert ps.stdout is not None
        lines = [line.split() for line in ps.stdout]
    rows = {int(pid): Row(int(parent), 0, state.startswith("Z")) for pid, parent, state in lines}
    rows.pop(ps.pid, None)
    return rows


def is_living(pid: int) -> bool:
    """Whether a process runs, and is no zombie. True where /proc cannot tell and it can be listed."""
    row = _row(pid) if _PROC.exists() else table().get(pid)
    return row is not None and not row.zombie


def shows_variables() -> bool:
    """Whether this system lets a process's environment be seen by its own user."""
    return _PROC.exists()


def has_variable(pid: int, name: str, value: str) -> bool:
    """Whether the environment that a process began with has this variable; False when it cannot be read."""
    with suppress(OSError):
        return f"{name}={value}".encode() in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    return False


def began(pid: int) -> str:
    """When a process began, as Linux counts; empty when there is none, only a zombie, or no /proc."""
    fields = _fields(pid)
    return "" if fields is None or fields[0] in {"Z", "X"} else fields[19]


def boot_id() -> str:
    """A name for this machine since it started; empty where there is none."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return ""


def _ids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _row(pid: int) -> Row | None:
    fields = _fields(pid)
    return None if fields is None else Row(int(fields[1]), int(fields[3]), fields[0] in {"Z", "X"})


def _fields(pid: int) -> list[str] | None:
    """proc(5)'s fields of stat from the third on, the state: the name before it may hold anything."""
    with suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].decode("ascii").split()
        return fields or None
    return None
