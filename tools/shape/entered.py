"""The files that one ``stepherd run`` goes through: what a reader who follows a run has to open."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.shape.table import Section

__all__ = ["Entered", "entered_section", "trace"]

_TRACER = Path(__file__).with_name("tracer.py")
_ROLES = {
    "command and engine": "stepherd/cli/main.py",
    "functions": "stepherd/engine/runners/function_program.py",
    "steps": "stepherd/steps/execution.py",
}
"""A process is known by a file that only its kind enters."""


@dataclass(frozen=True)
class Entered:
    """The files that one process loaded, and those of which it called a function.

    Files that were loaded before a fork count for the process that forked.
    """

    loaded: frozenset[str]
    entered: frozenset[str]


def trace(
    command: Sequence[str], roots: Sequence[Path], environment: Mapping[str, str], folder: Path
) -> list[Entered]:
    """Run a command, and say of each process of Python that it starts which files below ``roots`` it enters.

    ``folder`` is empty, and the trace's. Unseen are processes without PYTHONPATH, such as ``python -I``.
    Raises CalledProcessError when the command fails.
    """
    shutil.copyfile(_TRACER, folder / "sitecustomize.py")
    (folder / "roots").write_text("".join(f"{root}{os.sep}\n" for root in roots), encoding="utf-8")
    subprocess.run(
        command, check=True, env={**environment, "PYTHONPATH": str(folder)}, capture_output=True, text=True
    )
    return [_entered(path) for path in sorted(folder.iterdir()) if path.name.isdigit()]


def _entered(notes: Path) -> Entered:
    lines = notes.read_text(encoding="utf-8").splitlines()
    return Entered(
        frozenset(line[2:] for line in lines if line.startswith("L ")),
        frozenset(line[2:] for line in lines if line.startswith("E ")),
    )


def entered_section(root: Path) -> Section:
    """A whole run with an agent that does next to nothing, from a repository on the disk."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        _prepare(place)
        environment = {**os.environ, "STEPHERD_HOME": str(place / "home")}
        processes = trace(_command(place), [root / "src", root / "functions"], environment, place / "trace")
    rows = {role: _figures(group) for role, group in _by_role(processes)}
    return Section("files of one stepherd run", ("processes", "entered", "loaded", "lines entered"), rows)


def _by_role(processes: Sequence[Entered]) -> Iterator[tuple[str, list[Entered]]]:
    yield "all", list(processes)
    for role, file in _ROLES.items():
        yield role, [one for one in processes if any(path.endswith(file) for path in one.entered)]


def _figures(processes: Sequence[Entered]) -> tuple[int, ...]:
    entered = frozenset[str]().union(*(one.entered for one in processes))
    loaded = frozenset[str]().union(*(one.loaded for one in processes))
    lines = sum(len(Path(path).read_text(encoding="utf-8").splitlines()) for path in entered)
    return len(processes), len(entered), len(loaded), lines


def _prepare(place: Path) -> None:
    work = place / "work"
    for folder in (work, place / "trace"):
        folder.mkdir()
    (work / "README.md").write_text("A repository.\n", encoding="utf-8")
    (place / "instructions.md").write_text("# Change a note\n", encoding="utf-8")
    git = ["git", "-C", str(work), "-c", "user.name=a", "-c", "user.email=a@example.com"]
    for arguments in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-q", "-m", "first"]):
        subprocess.run([*git, *arguments], check=True)
    subprocess.run(["git", "clone", "-q", "--bare", str(work), str(place / "origin.git")], check=True)


def _command(place: Path) -> list[str]:
    return [
        str(Path(sys.executable).with_name("stepherd")), "run", "--repo", str(place / "origin.git"),
        "--instructions", str(place / "instructions.md"), "--agent", "command", "--command", "touch note.txt",
    ]  # fmt: skip
