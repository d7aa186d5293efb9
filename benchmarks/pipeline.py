"""The whole pipeline beside a shell script that does the same clone, commit and push."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.figures import Figure, median_seconds

__all__ = ["SCRIPT", "pipeline_figures"]

SCRIPT = """set -e
rm -rf "$2"
git clone -q --depth 1 "$1" "$2"
cd "$2"
git checkout -q -b "work/$3"
echo "$3" > note.txt
git add -A
git -c user.name=a -c user.email=a@example.com commit -q -m change
git push -q origin "work/$3"
"""
_TIMES = 9


def pipeline_figures() -> Iterator[Figure]:
    """A do-nothing change through ``stepherd run``, the memory of an engine over 100 runs, and ``--help``."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        origin = _repository(place)
        yield _wall(place, origin)
        yield _memory(place, origin)
    yield _help()


def _stepherd(*arguments: str) -> list[str]:
    return [str(Path(sys.executable).with_name("stepherd")), *arguments]


def _environment(home: Path) -> dict[str, str]:
    """As a user has it: bytecode is cached."""
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "STEPHERD_HOME": str(home)}


def _repository(place: Path) -> Path:
    work, origin = place / "work", place / "origin.git"
    work.mkdir()
    (work / "README.md").write_text("A repository.\n")
    (place / "instructions.md").write_text("# Change a note\n")
    git = ["git", "-C", str(work), "-c", "user.name=a", "-c", "user.email=a@example.com"]
    for arguments in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-q", "-m", "first"]):
        subprocess.run([*git, *arguments], check=True)
    subprocess.run(["git", "clone", "-q", "--bare", str(work), str(origin)], check=True)
    return origin


def _run(place: Path, origin: Path, home: Path) -> None:
    command = _stepherd(
        "run", "--repo", str(origin), "--instructions", str(place / "instructions.md"), "--agent", "command",
        "--command", "sh -c 'date +%s%N > note.txt'",
    )  # fmt: skip
    subprocess.run(command, check=True, env=_environment(home), capture_output=True)


def _wall(place: Path, origin: Path) -> Figure:
    home, script = place / "home", place / "script.sh"
    script.write_text(SCRIPT)
    count = iter(range(1_000))

    def by_script() -> None:
        command = [
            "sh",
            str(script),
            origin.as_uri(),
            str(place / "clone"),
            f"{time.time_ns()}-{next(count)}",
        ]
        subprocess.run(command, check=True, capture_output=True)

    _run(place, origin, home)  # fills the bytecode cache
    pairs = [
        (median_seconds(lambda: _run(place, origin, home), 1), median_seconds(by_script, 1))
        for _ in range(_TIMES)
    ]
    value, baseline = (statistics.median(column) for column in zip(*pairs, strict=True))
    return Figure.of(
        "pipeline with a do-nothing change, whole 'stepherd run', wall", value, "s",
        "≤ 1.0 s above a shell script", value - baseline <= 1.0, baseline,
    )  # fmt: skip


def _memory(place: Path, origin: Path) -> Figure:
    """The peak of a background engine's resident memory over 100 runs."""
    home = place / "home-of-memory"
    engine = subprocess.Popen(
        _stepherd("engine", "--keep", "--home", str(home)),
        env=_environment(home),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert engine.stdout
    engine.stdout.readline()
    try:
        before = _peak(engine.pid)
        for _ in range(50):
            waves = [_start(place, origin, home) for _ in range(2)]
            for process in waves:
                process.communicate()
        peak = _peak(engine.pid)
    finally:
        engine.terminate()
        engine.communicate()
        shutil.rmtree(home, ignore_errors=True)
    return Figure.of("engine process, peak memory over 100 runs", peak, "MB", "≤ 100", peak <= 100, before)


def _start(place: Path, origin: Path, home: Path) -> subprocess.Popen[bytes]:
    command = _stepherd(
        "run", "--repo", str(origin), "--instructions", str(place / "instructions.md"), "--agent", "command",
        "--command", "true",
    )  # fmt: skip
    return subprocess.Popen(command, env=_environment(home), stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def _peak(pid: int) -> float:
    """VmHWM of a process in MB; the baseline is the same engine before its first run."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1000
    raise RuntimeError("no VmHWM: this figure needs Linux")


def _help() -> Figure:
    def show() -> None:
        subprocess.run(
            _stepherd("--help"), check=True, capture_output=True, env=_environment(Path("/nonexistent"))
        )

    def bare() -> None:
        subprocess.run([sys.executable, "-c", "pass"], check=True, capture_output=True)

    show()
    value, baseline = median_seconds(show, 15), median_seconds(bare, 15)
    return Figure.of("stepherd --help, wall", value * 1e3, "ms", "≤ 150", value <= 0.150, baseline * 1e3)
