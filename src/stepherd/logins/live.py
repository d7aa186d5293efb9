"""A login database that an agent works with: what secrets are in it at this moment, as SQLite sees it.

The agent owns the file and its folder, so neither is trusted: what is read is read through handles, and
SQLite only ever opens copies. The agent is not disturbed: no lock of SQLite's is taken, it is only asked
whether a writer holds one (sqlite.org/lockingv3.html, sqlite.org/walformat.html).

- With a rollback journal a writer changes the file under its exclusive lock and counts each change in the
  header. A copy is whole when no such lock was held at its beginning and its end, and the header stayed.
- With a write-ahead log the news is in the -wal file, and the file itself is changed without a lock: a copy
  is whole when neither was touched while it was made, nor in the moment before.

Where this cannot be had in time (a lock that stays, a log that must not be read, a damaged file), and where
there were more changes than were looked at, the answer is not certain, and says so.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import stat
import struct
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from stepherd.errors import StepherdError
from stepherd.logins.checks import restrict
from stepherd.logins.snapshots import FAULTS, MOST_BYTES, opened
from stepherd.services.json_text import read_printed_json

__all__ = ["LiveDatabase", "Reading", "secrets_in"]

_WAIT_SECONDS: Final = 2.0
_PAUSE_SECONDS: Final = 0.005
_TICK_NS: Final = 100_000_000  # of any file system's clock, by a wide margin
_SHARED_FIRST, _SHARED_BYTES = 0x40000002, 510
_HEADER_BYTES: Final = 100
_SECRET_NAMES: Final = ("token", "secret", "password", "verifier", "apikey", "api_key")
_ABOUT_THEM: Final = ("_type", "_at", "_in", "_url", "_uri", "_endpoint", "_method")
_MOST_DEPTH: Final = 20

_Facts = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Reading:
    """The secrets in a database that has changed. ``certain``: none was in it since the last reading that
    is not among these or those of the last one."""

    secrets: frozenset[str] = field(repr=False)
    certain: bool


@dataclass(frozen=True, slots=True)
class _State:
    main: _Facts
    header: bytes = field(repr=False)
    log: _Facts | None
    readable: bool
    """Whether the log could be looked at, where there may be one."""

    @property
    def has_log(self) -> bool:
        return self.header[18:20] == b"\2\2"

    @property
    def changes(self) -> int:
        """The counter of changes, which a log leaves as it is."""
        return int.from_bytes(self.header[24:28], "big")

    def rests(self, now: int) -> bool:
        """Whether the next change gives it another time: the last one was long before ``now``."""
        times = [*self.main[2:], *(self.log or ())[2:]]
        return all(moment < now - _TICK_NS for moment in times)


class LiveDatabase:
    """The database at ``path``, opened while file and folder were ours. Close it."""

    def __init__(self, path: Path) -> None:
        self._name = path.name
        self._folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self._file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            os.close(self._folder)
            raise
        self._settled: _State | None = None
        self._last: tuple[frozenset[str], _State] | None = None

    def close(self) -> None:
        """Close the handles of all files."""
        os.close(self._file)
        os.close(self._folder)

    def look(self) -> Reading | None:
        """Its content; None when nothing has changed since the last look. Waits up to two seconds for a
        writer to end."""
        now = time.time_ns()
        state = self._state()
        if state == self._settled:
            return None
        try:
            main, log, state, whole = self._copy()
            secrets = _read(main, log)
        except (StepherdError, OSError, *FAULTS):
            self._settled = state if state is not None and state.rests(now) else None
            return Reading(frozenset(), certain=False)
        certain = whole and self._saw_all(secrets, state)
        self._last = (secrets, state)
        self._settled = state if state.rests(now) and state.readable else None
        return Reading(secrets, certain)

    def _saw_all(self, secrets: frozenset[str], state: _State) -> bool:
        """Whether no other secret can have been in it since the last reading: one that was put in and
        replaced by the next between two looks is in no file any more."""
        if self._last is None or self._last[0] == secrets:
            return True
        return not state.has_log and state.changes == self._last[1].changes + 1

    def _copy(self) -> tuple[bytes, bytes | None, _State, bool]:
        """The file, its log, their state, and whether it is certain that they belong together."""
        end = time.monotonic() + _WAIT_SECONDS
        while True:
            now, before, free = time.time_ns(), self._state(), not _is_being_written(self._file)
            if before is None:
                raise OSError("The database is gone.")
            main, log = self._read_file(), self._read_log(before)
            same = self._state() == before and main[:_HEADER_BYTES] == before.header
            whole = same and free and not _is_being_written(self._file)
            whole = whole and before.readable and (not before.has_log or before.rests(now))
            if whole or time.monotonic() > end or not before.readable:
                return main, log, before, whole
            time.sleep(_PAUSE_SECONDS)

    def _state(self) -> _State | None:
        self._follow()
        try:
            header = os.pread(self._file, _HEADER_BYTES, 0)
            main = _facts(os.fstat(self._file))
        except OSError:
            return None
        if header[18:20] != b"\2\2":
            return _State(main, header, None, readable=True)
        try:
            log = _facts(os.stat(f"{self._name}-wal", dir_fd=self._folder, follow_symlinks=False))
        except FileNotFoundError:
            return _State(main, header, None, readable=True)
        except OSError:
            return _State(main, header, None, readable=False)
        return _State(
            main, header, log, readable=os.access(f"{self._name}-wal", os.R_OK, dir_fd=self._folder)
        )

    def _follow(self) -> None:
        """Take the file that has been put in the place of ours, when it may be read."""
        try:
            there = os.stat(self._name, dir_fd=self._folder, follow_symlinks=False)
            ours = os.fstat(self._file)
            if (there.st_dev, there.st_ino) != (ours.st_dev, ours.st_ino):
                other = _open_plain(self._name, self._folder)
                os.dup2(other, self._file, inheritable=False)
                os.close(other)
        except OSError:
            return  # It is gone, or nothing of ours.

    def _read_file(self) -> bytes:
        return _whole(self._file)

    def _read_log(self, state: _State) -> bytes | None:
        if state.log is None:
            return None
        handle = _open_plain(f"{self._name}-wal", self._folder)
        try:
            return _whole(handle)
        finally:
            os.close(handle)


def secrets_in(db: sqlite3.Connection) -> frozenset[str]:
    """Every value in the table of logins that is called a token, a secret or the like, whatever login it is
    of. Raises sqlite3.Error."""
    found: set[str] = set()
    for (value,) in db.execute("SELECT value FROM auth_kv"):
        text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value or "")
        try:
            found.update(_values(read_printed_json(text), "", _MOST_DEPTH))
        except (ValueError, RecursionError):
            found.add(text)
    return frozenset(found)


def _values(value: Any, name: str, depth: int) -> Iterator[str]:
    if isinstance(value, dict) and depth:
        for key, item in value.items():
            yield from _values(item, str(key), depth - 1)
    elif isinstance(value, list) and depth:
        for item in value:
            yield from _values(item, name, depth - 1)
    elif isinstance(value, str) and _is_secret(name.lower()):
        yield value


def _is_secret(name: str) -> bool:
    return any(word in name for word in _SECRET_NAMES) and not name.endswith(_ABOUT_THEM)


def _read(main: bytes, log: bytes | None) -> frozenset[str]:
    with _opened(main, log) as db:
        restrict(db)
        return secrets_in(db)


@contextmanager
def _opened(main: bytes, log: bytes | None) -> Iterator[sqlite3.Connection]:
    if not log:
        with opened(main, "the agent's login database") as db:
            yield db
        return
    # SQLite takes of a log what is committed and whole, and needs files for it. They are private.
    with tempfile.TemporaryDirectory(prefix="login-") as folder:
        copy = Path(folder, "copy.sqlite3")
        copy.write_bytes(main)
        copy.with_name("copy.sqlite3-wal").write_bytes(log)
        with closing(sqlite3.connect(f"{copy.as_uri()}?mode=rw", uri=True, timeout=0)) as db:
            yield db


def _facts(found: os.stat_result) -> _Facts:
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _open_plain(name: str, folder: int) -> int:
    """A regular file with one name. Raises OSError for anything else that the agent may have put there."""
    handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    facts = os.fstat(handle)
    if not stat.S_ISREG(facts.st_mode) or facts.st_nlink != 1:
        os.close(handle)
        raise OSError("It is no plain file.")
    return handle


def _whole(handle: int) -> bytes:
    size = os.fstat(handle).st_size
    if size > MOST_BYTES:
        raise OSError("It is too large.")
    return os.pread(handle, size, 0)


def _is_being_written(handle: int) -> bool:
    """Whether another process holds SQLite's exclusive lock on the file (fcntl(2), F_GETLK)."""
    mac = sys.platform == "darwin"
    form = "qqihh" if mac else "hhqqi0q"  # struct flock, with 64-bit offsets
    kind, place = fcntl.F_RDLCK, (_SHARED_FIRST, _SHARED_BYTES, 0)
    asked = (*place, kind, os.SEEK_SET) if mac else (kind, os.SEEK_SET, *place)
    told = struct.unpack(form, fcntl.fcntl(handle, fcntl.F_GETLK, struct.pack(form, *asked)))
    return bool(told[3 if mac else 0] != fcntl.F_UNLCK)
