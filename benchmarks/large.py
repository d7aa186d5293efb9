"""Runs on a large repository, and with many changed files, beside git alone on the same tree."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from benchmarks.figures import Figure, median_seconds
from benchmarks.steps import STEPS, Taken, git, prepare, take, take_step

__all__ = ["large_figures"]

_FILES: Final = 50_000
_CHANGED: Final = 20_000
_IN_A_FOLDER: Final = 100
_MOST_TIMES: Final = 1.5
_MOST_TIMES_OF_MANY: Final = 1.8
"""Of what git alone takes, wall and processor."""
_TIMES: Final = 3
_MOST_MEGABYTES: Final = 200.0
_ONE: Final = "echo changed > d0/f0.txt\n"
_MANY: Final = f"""for d in $(seq 0 {_CHANGED // _IN_A_FOLDER - 1})
do for f in d$d/*; do echo changed >> $f; done; done
"""
_ADDED: Final = f"""for d in $(seq 0 {_CHANGED // _IN_A_FOLDER - 1})
do mkdir new$d; for f in $(seq 0 {_IN_A_FOLDER - 1}); do echo "file $f of $d" > new$d/f$f.txt; done; done
"""
_SCRIPT: Final = """set -e
git clone -q --depth 1 "file://$1" "$2"
cd "$2"
git checkout -q -b work
sh "$3"
git add -A
git -c user.name=a -c user.email=a@example.com commit -q -m change
git push -q -f origin work
"""


def large_figures() -> Iterator[Figure]:
    """Wall time of a whole run, and of its steps processor time and peak memory."""
    with tempfile.TemporaryDirectory() as name:
        origin = _repository(Path(name))
        for title, script, most in (
            (f"{_FILES:,} files, one changed", _ONE, _MOST_TIMES),
            (f"{_CHANGED:,} of {_FILES:,} files changed", _MANY, _MOST_TIMES_OF_MANY),
            (f"{_CHANGED:,} files added to {_FILES:,}", _ADDED, _MOST_TIMES_OF_MANY),
        ):
            place = Path(name) / "run"
            place.mkdir()
            yield _wall(place, origin, title, script, most)
            yield from _steps(place, origin, title, script, most)
            shutil.rmtree(place)


def _repository(place: Path) -> Path:
    work, origin = place / "work", place / "origin.git"
    for number in range(_FILES):
        path = work / f"d{number // _IN_A_FOLDER}" / f"f{number % _IN_A_FOLDER}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"file {number}\n" + "some line of text\n" * (20 + number % 60))
    git(work, "init", "-q")
    git(work, "add", "-A")
    git(work, "commit", "-q", "-m", "first")
    git(place, "clone", "-q", "--bare", str(work), str(origin))
    shutil.rmtree(work)
    return origin


def _wall(place: Path, origin: Path, title: str, script: str, most: float) -> Figure:
    (place / "instructions.md").write_text("# Change the files\n")
    (place / "agent.sh").write_text(script)
    stepherd = str(Path(sys.executable).with_name("stepherd"))
    words = ["--repo", str(origin), "--instructions", str(place / "instructions.md")]
    run = [stepherd, "run", "--runner", "process", *words, "--command", f"sh {place / 'agent.sh'}"]
    environment = {**os.environ, "STEPHERD_HOME": str(place / "home-of-runs")}

    def by_stepherd() -> None:
        subprocess.run(run, check=True, env=environment, capture_output=True)

    # In turn, because a machine is not equally busy all the time.
    pairs = [
        (median_seconds(by_stepherd, 1), median_seconds(lambda: _by_git(place, origin, script), 1))
        for _ in range(_TIMES)
    ]
    value, baseline = (statistics.median(column) for column in zip(*pairs, strict=True))
    shutil.rmtree(place / "home-of-runs")
    return Figure.of(
        f"run on {title}, whole 'stepherd run', wall", value, "s",
        f"≤ {most:g} times git alone", value <= most * baseline, baseline,
    )  # fmt: skip


def _by_git(place: Path, origin: Path, script: str) -> Taken:
    for name, text in (("script.sh", _SCRIPT), ("agent.sh", script)):
        (place / name).write_text(text)
    shutil.rmtree(place / "clone", ignore_errors=True)
    argv = ["sh", *(str(path) for path in (place / "script.sh", origin, place / "clone", place / "agent.sh"))]
    return take(argv, place, os.environ, place / "git.log")


def _steps(place: Path, origin: Path, title: str, script: str, most: float) -> Iterator[Figure]:
    """The figures that do not depend on how busy the machine is: processor time and memory of the steps."""
    baseline = _by_git(place, origin, script)
    prepare(place, origin, script)
    steps = {step: take_step(place, step) for step in STEPS}
    value = sum(taken.processor for taken in steps.values())
    yield Figure.of(
        f"processor time of the steps, {title}", value, "s",
        f"≤ {most:g} times git alone", value <= most * baseline.processor, baseline.processor,
    )  # fmt: skip
    for step, taken in steps.items():
        yield Figure.of(
            f"memory of the step {step}, {title}", taken.megabytes, "MB",
            f"≤ {_MOST_MEGABYTES:g} MB", taken.megabytes <= _MOST_MEGABYTES, baseline.megabytes,
        )  # fmt: skip
