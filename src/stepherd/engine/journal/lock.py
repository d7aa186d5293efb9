"""One engine at a time per home, and how others find it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from stepherd.engine.journal.home_modes import close_to_others
from stepherd.errors import StorageError
from stepherd.services.json_text import read_json

__all__ = ["EngineAddress", "HomeLock", "find_engine"]


@dataclass(frozen=True, slots=True)
class EngineAddress:
    """Where a home's live engine listens. Anyone with the key may start executions; the file is 0600."""

    endpoint: str
    access_key: str
    pid: int


class HomeLock:
    """Held while an engine has a home open; freed by the system when its process dies."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._file: IO[bytes] | None = None

    def acquire(self) -> bool:
        """Take the lock; False when another live engine has it. Raises StorageError for an unusable home."""
        try:
            self._home.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file = (self._home / "engine.lock").open("ab")
        except OSError as error:
            words = f"The home {self._home} cannot be used: {error.strerror}."
            raise StorageError(words, remedy="Choose another with --home or STEPHERD_HOME.") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            self._file = None
            return False
        close_to_others(self._home)
        (self._home / "engine.json").unlink(missing_ok=True)  # Of an engine that was killed.
        return True

    @property
    def is_there(self) -> bool:
        """Whether the lock that is held is a file still: removing a home removes it, too."""
        return self._file is not None and os.fstat(self._file.fileno()).st_nlink > 0

    def publish(self, address: EngineAddress) -> None:
        """Tell others where this engine listens."""
        path = self._home / "engine.json"
        new = path.with_suffix(".new")
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(asdict(address), file)
        new.replace(path)

    def release(self) -> None:
        """Give the home up, if it was taken."""
        if self._file:
            (self._home / "engine.json").unlink(missing_ok=True)
            self._file.close()
            self._file = None


def find_engine(home: Path) -> EngineAddress | None:
    """The live engine of a home; None when there is none, or it does not listen yet."""
    with contextlib.suppress(FileNotFoundError), (home / "engine.lock").open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            with contextlib.suppress(FileNotFoundError, ValueError, TypeError):
                return EngineAddress(**read_json((home / "engine.json").read_text()))
    return None
