"""Packs that are small and unpack huge cost no more memory than is given, and nothing else of the work."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.integration.repositories.bombs import COMMIT, TREE, delta_bomb, pack_of, zlib_bomb
from tests.integration.repositories.origin import Origin, Run, git

from stepherd.repositories.git import HOSTILE_MEMORY

pytestmark = pytest.mark.exhaustive

HUGE = 640 << 20
# Of its own, so that the largest of its children can be asked for.
RECORD = """
import resource, sys
from pathlib import Path
from stepherd.repositories.changes import record_changes
folder = Path(sys.argv[1])
changes = record_changes(folder / "workspace", folder / "private.git", sys.argv[2], folder / "changes.bundle",
                         folder / "scratch")
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
print(*changes.other.notes, sep="\\n")
"""
BOMBS: dict[str, Callable[[], bytes]] = {
    "delta": lambda: pack_of(*delta_bomb(HUGE)),
    "tree": lambda: pack_of(zlib_bomb(HUGE, TREE)),
    "commit": lambda: pack_of(zlib_bomb(HUGE, COMMIT)),
}


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Origin:
    return Origin.create(tmp_path_factory.mktemp("origin") / "origin")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere no process can be given such a limit")
@pytest.mark.parametrize("kind", BOMBS)
def test_a_pack_that_unpacks_huge_costs_nothing_but_itself(origin: Origin, tmp_path: Path, kind: str) -> None:
    # GIVEN work of every kind, and a bomb in the agent's .git
    run = Run(tmp_path / "run", origin.repository)
    facts = run.clone()
    git(run.workspace, "checkout", "-q", "-b", "side")
    run.write({"side.txt": "committed\n"})
    git(run.workspace, "add", "-A")
    git(run.workspace, "commit", "-q", "-m", "aside")
    side = git(run.workspace, "rev-parse", "HEAD")
    git(run.workspace, "checkout", "-q", "main")
    run.write({"new.txt": "left\n"})
    name = f"pack-{'b' * 40}.pack"
    bomb = run.workspace / ".git/objects/pack" / name
    bomb.parent.mkdir(exist_ok=True)
    bomb.write_bytes(BOMBS[kind]())
    assert bomb.stat().st_size < 2 << 20
    # WHEN its work is recorded
    argv = [sys.executable, "-c", RECORD, str(run.folder), facts.base_commit]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(argv, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    # THEN no git has taken more than it may, the report names the pack, and all else is there
    peak, *notes = done.stdout.splitlines()
    assert int(peak) * 1024 < HOSTILE_MEMORY + (64 << 20), notes
    assert any(name in note and "512 MiB of memory" in note for note in notes), notes
    taken = tmp_path / "taken.git"
    git(tmp_path, "clone", "-q", "--bare", str(origin.bare), str(taken))
    git(taken, "fetch", "-q", str(run.bundle), "+refs/*:refs/*")
    assert git(taken, "show", f"{side}:side.txt") == "committed"
    assert git(taken, "show", "refs/stepherd/changes:new.txt") == "left"
