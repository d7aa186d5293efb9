"""The memory of a run's steps, for a file of 1 MB to 1 GB."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from benchmarks.figures import Figure
from benchmarks.steps import STEPS, git, prepare, take_step

__all__ = ["memory_figures"]

_MEGABYTES: Final = (1, 10, 90, 1000)
_AIM: Final = 100.0
_LINE: Final = 100


def memory_figures() -> Iterator[Figure]:
    """The most memory that a process of each step has, when a tracked file grows to that size or the base has
    it. The baseline is that with a file of 1 MB."""
    for way in ("grown", "in the base"):
        first: dict[str, float] = {}
        for size in _MEGABYTES:
            for step, value in _most_memory(size, way).items():
                yield Figure.of(
                    f"memory of the step {step}, a file of {size} MB {way}", value, "MB",
                    f"≤ {_AIM:g} MB", value <= _AIM, first.setdefault(step, value),
                )  # fmt: skip


def _most_memory(megabytes: int, way: str) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as name:
        place, origin = Path(name), Path(name) / "origin"
        origin.mkdir()
        git(origin, "init", "--quiet")
        write(origin / "file", megabytes if way == "in the base" else 1)
        git(origin, "add", "-A")
        git(origin, "commit", "--quiet", "-m", "x")
        grow = f"{sys.executable} -m benchmarks.memory {megabytes}\n" if way == "grown" else ""
        # From here on as a process that has this package on its way.
        script = f"export PYTHONPATH={Path(__file__).parents[1]}\n{grow}echo new > new\n"
        prepare(place, origin, script)
        # Above 100 MB a file is too large to be pushed: the rest is, and the run fails.
        return {step: take_step(place, step, may_fail=megabytes > 100).megabytes for step in STEPS}


def write(path: Path, megabytes: int) -> None:
    with path.open("wb") as file:
        for number in range(megabytes):
            lines = (f"{number * 10_000 + line:0{_LINE - 1}d}\n" for line in range(10_000))
            file.write("".join(lines).encode())


if __name__ == "__main__":
    write(Path("file"), int(sys.argv[1]))
