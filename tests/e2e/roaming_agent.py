"""An agent that wanders through git, writes down what it made, and tells when it comes to an armed moment.

``python -m tests.e2e.roaming_agent FOLDER HOME SEED``: FOLDER is that of the blows. It writes down, below the
number of the attempt that it is in, the ids of all that it committed and, while it rests or when it ends, of
all that lies in its workspace.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterable
from pathlib import Path

from tests.integration.repositories.origin import git
from tests.integration.repositories.wandering_agent import WanderingAgent

DEEDS = 14


def main(folder: Path, home: Path, seed: int) -> int:
    """One attempt; its exit code."""
    attempts = home / "store/runs/run_1/agent/attempts"
    number = max(int(path.name) for path in attempts.iterdir())
    count = len(list(folder.glob("begun.*")))
    (folder / f"begun.{count + 1}").write_text(f"{number}\n")
    chance = random.Random(f"{seed} {count}")
    agent = WanderingAgent(Path.cwd(), chance)
    own = Path(f"own{count + 1}.txt")
    own.write_text(f"{seed} {count}\n")
    _write_down(folder / f"{number}.made", {git(Path.cwd(), "hash-object", "--no-filters", str(own))})
    # Nothing but its first commit takes it along, whatever becomes of the branches afterwards.
    agent.commit()
    _write_down(folder / f"{number}.made", agent.committed)
    for deed in range(DEEDS):
        _pause(folder, number, deed, agent)
        agent.live(1)
        _write_down(folder / f"{number}.made", agent.committed)
    _write_down(folder / f"{number}.left", agent.left(), again=True)
    # The first attempts often fail: then they are continued.
    return chance.choice((0, 1)) if count < 2 else 0


def _pause(folder: Path, number: int, deed: int, agent: WanderingAgent) -> None:
    armed, left = folder / "armed", folder / f"{number}.left"
    try:
        wanted, _, goes_on = armed.read_text().strip().partition(" ")
        if wanted != f"agent:{deed}":
            return
        armed.unlink()
    except FileNotFoundError:
        return
    if not goes_on:
        _write_down(left, agent.left(), again=True)
    with (folder / "here").open("w") as here:
        here.write("here\n")
    if not goes_on:
        with (folder / "go").open() as go:
            go.readline()
        left.unlink()


def _write_down(path: Path, ids: Iterable[str], *, again: bool = False) -> None:
    before = set() if again or not path.exists() else set(path.read_text().split())
    new = path.with_name(f"{path.name}.new")
    new.write_text("".join(f"{id_}\n" for id_ in sorted(before | set(ids))))
    new.replace(path)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])))
