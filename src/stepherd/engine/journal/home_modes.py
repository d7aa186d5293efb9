"""File modes in an engine's home: closing whatever other users could read."""

from __future__ import annotations

import contextlib
from pathlib import Path

from stepherd.engine.identity import JOURNAL

__all__ = ["close_to_others"]

_OWN = (
    *("deliveries", "engine.", JOURNAL, "logs", "notices.jsonl"),
    *("pruning.", "queues.sqlite3", "runners", "store", "tasks"),
)
"""The beginnings of the names that engines give to their files. Any other file may be the user's own."""


def close_to_others(home: Path) -> None:
    """Close what an earlier version, or a copy of a home, left open to others; a folder closes all below it.

    Raises OSError.
    """
    for path in home.iterdir():
        if path.name.startswith(_OWN) and not path.is_symlink():
            with contextlib.suppress(FileNotFoundError):  # A database's journal comes and goes.
                mode = path.stat().st_mode & 0o7777
                if mode & 0o077:
                    path.chmod(mode & 0o7700)
