"""A run's steps one by one: what each takes of the processor, and the memory of its largest process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

__all__ = ["STEPS", "Taken", "git", "prepare", "take", "take_step"]

STEPS: Final = ("clone", "agent", "push")


@dataclass(frozen=True, slots=True)
class Taken:
    """Seconds of processor time of all of a step's processes, and the peak in MB of the largest: never
    less than that of the process that measures (some 30), which the kernel lets a child begin with."""

    processor: float
    megabytes: float


def git(folder: Path, *words: str) -> None:
    """Plain git, as somebody."""
    who = ["-c", "user.name=x", "-c", "user.email=x@example.com", "-c", "init.defaultBranch=main"]
    subprocess.run(["git", "-C", str(folder), *who, *words], check=True)


def prepare(place: Path, origin: Path, script: str, **fields: Any) -> None:
    """Prepare a run whose agent is ``script``, in the store of ``place``."""
    from stepherd.runs.prepare import prepare_run
    from stepherd.services.store.opening import open_store

    (place / "instructions.md").write_text("# Change the files\n")
    (place / "agent.sh").write_text(script)
    given = {
        "instructions": str(place / "instructions.md"),
        "repo": str(origin),
        "command": f"sh {place / 'agent.sh'}",
        **fields,
    }
    prepare_run("bench", given, open_store(str(place / "store")))


def take_step(place: Path, step: str, *, may_fail: bool = False) -> Taken:
    """Run a step to its end, as the engine does. Raises CalledProcessError."""
    for name in ("home", "tmp"):
        (place / name).mkdir(exist_ok=True)
    environment = {
        **os.environ,
        "HOME": str(place / "home"),
        "TMPDIR": str(place / "tmp"),
        "STEPHERD_RUN_FOLDER": (place / "store/runs/bench").as_uri(),
        "STEPHERD_ATTEMPT": "0.0",
    }
    argv = [sys.executable, "-m", "stepherd.steps", step]
    return take(argv, place, environment, place / f"{step}.log", may_fail=may_fail)


def take(
    argv: list[str], place: Path, environment: Mapping[str, str], said: Path, *, may_fail: bool = False
) -> Taken:
    """Run a program to its end, what it says going to a file. Raises CalledProcessError."""
    with said.open("wb") as log:
        child = subprocess.Popen(argv, env=dict(environment), stdout=log, stderr=log, cwd=place)
        # Of the child and all that it has waited for; of this process the kernel counts every step.
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode and not may_fail:
        sys.stderr.write(said.read_text())
        raise subprocess.CalledProcessError(child.returncode, argv)
    unit = 1 if sys.platform == "darwin" else 1024
    return Taken(usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit / 1e6)
