"""The memory of a run's git steps, for a file of 1 MB to 1 GB."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from benchmarks.figures import Figure

__all__ = ["memory_figures"]

_MEGABYTES: Final = (1, 10, 90, 1000)
_AIM: Final = 100.0
_LINE: Final = 100


def memory_figures() -> Iterator[Figure]:
    """The most memory that one process has, when a tracked file grows to that size or the base has it."""
    for size in _MEGABYTES:
        for way in ("grown", "in the base"):
            value = _most_memory(size, way)
            yield Figure.of(
                f"memory of clone, record and push, a file of {size} MB {way}", value, "MB",
                f"≤ {_AIM:g} MB", value <= _AIM, None,
            )  # fmt: skip


def _most_memory(megabytes: int, way: str) -> float:
    """In processes of their own: the kernel counts the largest of all children that a process ever had."""
    with tempfile.TemporaryDirectory() as name:
        words = [sys.executable, "-m", "benchmarks.memory"]
        subprocess.run([*words, "make", name, str(megabytes), way], check=True)
        done = subprocess.run([*words, "run", name, str(megabytes), way], capture_output=True, check=True)
    return float(json.loads(done.stdout))


def _run(place: Path, megabytes: int, way: str) -> float:
    """Clone, change, record and push; the peak of the largest process in MB."""
    import resource

    from stepherd.repositories.address import parse_repository
    from stepherd.repositories.changes import copy_private, record_changes
    from stepherd.repositories.clone import clone
    from stepherd.repositories.credentials import GitCredentials
    from stepherd.repositories.push import push_bundle
    from stepherd.repositories.scan import ChangesBlocked

    own = GitCredentials()
    origin, work, scratch = place / "origin", place / "work", place / "scratch"
    facts = clone(parse_repository(str(origin)), work, base=None, credentials=own, scratch=scratch)
    copy_private(work / ".git", place / "private")
    if way == "grown":
        _write(work / "file", megabytes)
    (work / "new").write_text("new\n", encoding="utf-8")
    bundle = place / "bundle"
    try:
        record_changes(work, place / "private", facts.base_commit, bundle, scratch)
        push_bundle(
            parse_repository(str(origin)), bundle, base_commit=facts.base_commit, base_ref=facts.base_ref,
            branch="bench", message="x", author_name="x", author_email="x@example.com",
            when=datetime.now(UTC), credentials=own, scratch=scratch,
        )  # fmt: skip
    except ChangesBlocked:
        pass  # Above 100 MB it is too large to be pushed, which is found by its size.
    whose = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    unit = 1 if sys.platform == "darwin" else 1024
    return max(resource.getrusage(who).ru_maxrss for who in whose) * unit / 1e6


def _write(path: Path, megabytes: int) -> None:
    with path.open("wb") as file:
        for number in range(megabytes):
            lines = (f"{number * 10_000 + line:0{_LINE - 1}d}\n" for line in range(10_000))
            file.write("".join(lines).encode())


def _make(place: Path, megabytes: int, way: str) -> None:
    origin = place / "origin"

    def git(*words: str) -> None:
        subprocess.run(["git", "-C", str(origin), "-c", "user.name=x", "-c", "user.email=x@example.com",
                        *words], check=True)  # fmt: skip

    origin.mkdir()
    git("init", "--quiet", "-b", "main")
    _write(origin / "file", megabytes if way == "in the base" else 1)
    git("add", "-A")
    git("commit", "--quiet", "-m", "x")


if __name__ == "__main__":
    place, size, how = Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    if sys.argv[1] == "make":
        _make(place, size, how)
    else:
        print(json.dumps(_run(place, size, how)))
