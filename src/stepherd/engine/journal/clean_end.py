"""Whether a journal is still as its last engine closed it: then it is sound, without being read.

Beside the file lies what it looked like then: its length, and its times to the nanosecond. Whatever writes to
it afterwards, be it an engine that is killed, a copy or a damage, gives it other times, and it is checked
again. A log that was not taken in says the same. So no engine has to remove the mark before it writes.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

__all__ = ["ended_cleanly", "mark_clean_end"]


def _mark(path: Path) -> Path:
    return path.with_name(f"{path.name}.closed")


def _log(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


def _looks(path: Path) -> str:
    found = path.stat()
    facts = (found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)
    return " ".join(map(str, facts))


def ended_cleanly(path: Path) -> bool:
    """Whether the file is byte for byte what an engine that knew it to be sound has left."""
    with contextlib.suppress(FileNotFoundError):
        if _log(path).stat().st_size:
            return False
    try:
        return _mark(path).read_text("utf-8") == _looks(path)
    except (OSError, ValueError):
        return False


def mark_clean_end(path: Path) -> None:
    """Note how the file looks, which was found sound when it was opened and has been closed.

    The file and its times reach the disk first: after a power cut the mark never speaks of what is not there.
    Where nothing can be noted, the next engine checks the journal.
    """
    if ended_cleanly(path) or _log(path).exists():
        return  # Nothing was written, or somebody else has it open still.
    mark = _mark(path)
    new = mark.with_name(f"{mark.name}.new")
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(_looks(path))
        new.replace(mark)
