"""Conditions that hold after every run, whatever happened to it: asked of the system, not of Stepherd."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import zstandard
from tests.fakes.secret_encodings import traces
from tests.journal_files import details_in, journal_text

if TYPE_CHECKING:
    from tests.e2e.place import Place

TERMINAL = {"ExecutionSucceeded", "ExecutionFailed", "ExecutionAborted", "ExecutionTimedOut"}
_DEADLINE_SECONDS = 20.0


def one_terminal_status(place: Place, run_id: str, status: str) -> None:
    """The journal says ``status``; after the last redrive one event ends the execution, the last."""
    with contextlib.closing(sqlite3.connect(place.home / "journal.sqlite3")) as journal:
        rows = journal.execute("SELECT number, status FROM executions WHERE name=?", (run_id,)).fetchall()
        assert [row[1] for row in rows] == [status], rows
        sql = "SELECT id, previous, type FROM events WHERE execution=? ORDER BY id"
        events = journal.execute(sql, (rows[0][0],)).fetchall()
    kinds = [kind for _, _, kind in events]
    begin = max((at for at, kind in enumerate(kinds) if kind == "ExecutionRedriven"), default=0)
    ends = [kind for kind in kinds[begin:] if kind in TERMINAL]
    assert ends == [kinds[-1]], kinds
    assert [number for number, _, _ in events] == list(range(1, len(events) + 1))
    assert open_attempts(place, run_id) == 0


def open_attempts(place: Place, run_id: str) -> int:
    """How many of the run's tasks have not ended, by the journal."""
    sql = "SELECT count(*) FROM attempts JOIN executions ON execution=number WHERE name=? AND closed=0"
    with contextlib.closing(sqlite3.connect(place.home / "journal.sqlite3")) as journal:
        return int(journal.execute(sql, (run_id,)).fetchone()[0])


def run_exists(place: Place, run_id: str) -> bool:
    """Whether the journal knows the run."""
    with contextlib.closing(sqlite3.connect(place.home / "journal.sqlite3")) as journal:
        # An engine that was killed at its very beginning leaves a file without a table.
        if not journal.execute("SELECT 1 FROM sqlite_master WHERE name='executions'").fetchall():
            return False
        return bool(journal.execute("SELECT 1 FROM executions WHERE name=?", (run_id,)).fetchall())


def entered_states(place: Place, run_id: str, kind: str = "Task") -> list[str]:
    """The names of the states of one kind that the run came into, in order, from the journal."""
    sql = "SELECT details FROM events JOIN executions ON execution=number WHERE name=? AND type=? ORDER BY id"
    with contextlib.closing(sqlite3.connect(place.home / "journal.sqlite3")) as journal:
        rows = details_in(journal, sql, (run_id, f"{kind}StateEntered"))
    return [str(json.loads(row[0])["name"]) for row in rows]


def processes_of(root: Path, words: Iterable[str] = ()) -> list[int]:
    """Processes that have ``root`` (or one of ``words``) in environment, command line or current folder.

    By the marker STEPHERD_TASK, too: its value names a task whose folder lies below ``root``.
    """
    tasks = [path.name for path in root.glob("home*/tasks/*")]
    signs = [str(root).encode(), *(f"STEPHERD_TASK={task}".encode() for task in tasks)]
    signs += [word.encode() for word in words]
    return [pid for pid in _pids() if any(sign in _traces(pid) for sign in signs)]


def _pids() -> list[int]:
    own = {os.getpid(), os.getppid()}
    return [
        int(entry.name)
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit() and int(entry.name) not in own
    ]


def _traces(pid: int) -> bytes:
    """The traces of a process in /proc; empty for one that has ended, and for a zombie."""
    found = b""
    with contextlib.suppress(OSError):
        found += Path(f"/proc/{pid}/cmdline").read_bytes() + b"\0"
        found += Path(f"/proc/{pid}/environ").read_bytes() + b"\0"
        found += os.fsencode(Path(f"/proc/{pid}/cwd").readlink())
    return found


def no_process_left(root: Path, known: set[int] | None = None, words: Sequence[str] = ()) -> None:
    """Wait until nothing but ``known`` runs; an engine that has nothing to do ends after three seconds."""
    deadline = time.monotonic() + _DEADLINE_SECONDS
    while left := [pid for pid in processes_of(root, words) if pid not in (known or set())]:
        remaining = deadline - time.monotonic()
        assert remaining > 0, f"still there: {[_traces(pid)[:300] for pid in left]}"
        await_end(left[0], remaining)


def await_end(pid: int, seconds: float) -> bool:
    """Wait for the end of any process; whether it came."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], seconds)[0])
    finally:
        os.close(handle)


def end_all(root: Path) -> None:
    """Kill what a failed test left, by its ids."""
    for pid in processes_of(root):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def no_canary(place: Place, *canaries: str) -> None:
    """No canary in any file of the home or the temporary folder, in what was printed, or in git's objects: as
    it is, or in an encoding."""
    said = "\n".join(place.said).encode()
    found = [*_contents(place), (Path("what was printed"), said)]
    for canary in canaries:
        for name, signs in traces(canary).items():
            holders = [path for path, content in found if any(sign in content for sign in signs)]
            assert holders == [], name


def _contents(place: Place) -> Iterable[tuple[Path, bytes]]:
    for folder in (place.home, place.root / "tmp"):
        for path in folder.rglob("*"):
            if path.is_file() and not path.is_symlink():
                yield path, path.read_bytes()
                if path.suffix == ".zst":
                    yield path, _unpacked(path)
                elif path.suffix == ".bundle":
                    yield path, _objects_of_bundle(place, path)
                elif path.name == "journal.sqlite3":
                    yield path, journal_text(path).encode()
    yield place.origin.bare, all_objects(place.origin.bare)


def _unpacked(path: Path) -> bytes:
    with path.open("rb") as file:
        return zstandard.ZstdDecompressor().stream_reader(file).read()


def _objects_of_bundle(place: Place, bundle: Path) -> bytes:
    """All objects of a bundle, on a copy of the remote that has its base."""
    copy = place.root / "opened.git"
    subprocess.run(["rm", "-rf", str(copy)], check=True)
    _git(place.root, "clone", "-q", "--bare", str(place.origin.bare), str(copy))
    _git(copy, "fetch", "-q", str(bundle), "+refs/*:refs/bundle/*")
    return all_objects(copy)


def delivered_or_kept(place: Place, run_id: str = "run_1") -> set[str]:
    """The ids of all objects on the remote, and in the bundles of the run's attempts."""
    opened = place.root / "opened.git"
    _git(place.root, "clone", "-q", "--bare", str(place.origin.bare), str(opened))
    bundles = place.home.glob(f"store/runs/{run_id}/agent/attempts/*/changes.bundle")
    for number, bundle in enumerate(bundles):
        _git(opened, "fetch", "-q", str(bundle), f"+refs/*:refs/bundle{number}/*")
    out = _git(opened, "cat-file", "--batch-all-objects", "--batch-check=%(objectname)")
    return set(out.decode().split())


def _git(folder: Path, *words: str) -> bytes:
    plain = {"PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    return subprocess.run(["git", *words], cwd=folder, env=plain, check=True, capture_output=True).stdout


def all_objects(repository: Path) -> bytes:
    """Every object of a repository, reachable or not."""
    return _git(repository, "cat-file", "--batch-all-objects", "--batch")
