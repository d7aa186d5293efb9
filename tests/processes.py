"""Looking at processes from outside: whether they live, for tests that look for orphans; their words."""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["HOPPERS", "HeldFile", "gone_soon", "lives", "sampled_command_lines", "sampled_environments"]


HOPPERS = """
import subprocess, time
hop = "$left = 20000; while ($left-- > 0 && time < $ARGV[0]) { exit if fork }"
for _ in range(6):
    subprocess.Popen(["perl", "-e", hop, str(int(time.time()) + 6)], env={}, close_fds=False,
                     start_new_session=True)
time.sleep(0.2)
"""
"""Code of Python that starts six processes which are others every time that anybody looks, for 6 seconds."""


class HeldFile:
    """A file that a process and all that descends from it hold locked: whether one of them lives is known at
    once, whatever its process id is, in whatever namespace, and however short its life.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.touch()
        path.chmod(0o666)

    def hold(self) -> str:
        """Python code that holds it, for the first process: those that it starts inherit the descriptor."""
        return (
            "import fcntl, os\n"
            f"held = os.open({str(self.path)!r}, os.O_RDWR)\n"
            "fcntl.flock(held, fcntl.LOCK_SH)\n"
            "os.set_inheritable(held, True)\n"
        )

    def is_held(self) -> bool:
        """Whether a process lives that holds it."""
        with self.path.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def is_free_within(self, seconds: float) -> bool:
        """Whether all of them have ended, as soon as they have."""
        deadline = time.monotonic() + seconds
        while self.is_held() and time.monotonic() < deadline:
            time.sleep(0.01)  # A lock cannot be waited for with a limit.
        return not self.is_held()


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


@contextmanager
def sampled_command_lines() -> Iterator[set[bytes]]:
    """The command lines of all processes, looked at again and again meanwhile."""
    with _sampled("cmdline") as seen:
        yield seen


@contextmanager
def sampled_environments() -> Iterator[set[bytes]]:
    """The environments of all processes that can be read, looked at again and again meanwhile."""
    with _sampled("environ") as seen:
        yield seen


@contextmanager
def _sampled(file: str) -> Iterator[set[bytes]]:
    seen: set[bytes] = set()
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.005):
            for folder in Path("/proc").glob("[0-9]*"):
                try:
                    seen.add((folder / file).read_bytes())
                except OSError:
                    continue

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()
