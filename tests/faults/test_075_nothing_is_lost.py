"""Fault 75: whatever an agent does with git, all that it committed or left is in the bundle or named."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest
from tests.integration.repositories.origin import Origin, Run, git
from tests.integration.repositories.wandering_agent import WanderingAgent

from stepherd.repositories.changes import Changes
from stepherd.repositories.scan import ChangesBlocked

STEPS = 25


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Origin:
    files = {".gitignore": "*.log\nignored/\n", "a.txt": "a\n", "b.txt": "b\n", "src/c.txt": "c\n"}
    return Origin.create(tmp_path_factory.mktemp("origin") / "origin", files)


def _check(origin: Origin, folder: Path, seed: int) -> None:
    run = Run(folder, origin.repository)
    run.clone()
    agent = WanderingAgent(run.workspace, random.Random(seed))
    agent.live(STEPS)
    wanted = agent.committed | agent.left()
    notes: tuple[str, ...] = ()
    changes: Changes | None = None
    try:
        changes = run.record()
        assert changes.other is not None
        notes = changes.other.notes
    except ChangesBlocked as blocked:  # Git that an agent broke may look like a nested repository.
        pytest.fail(f"blocked by {blocked.findings} after {agent.done}")
    lost = wanted - _in(run)
    story = f"seed {seed}: {agent.done}; notes: {notes}"
    assert lost == set(), story
    assert notes == (), story
    if changes.commit is None and run.bundle.exists():
        assert changes.other.kept or changes.other.commits, story


def _in(run: Run) -> set[str]:
    """Every object of the base and of the bundle, as a plain git takes it into a fresh clone."""
    clone = run.folder / "taken"
    git(run.folder, "clone", "-q", "--bare", str(run.repository.path), str(clone))
    if run.bundle.exists():
        git(clone, "-c", "fetch.fsckObjects=true", "fetch", "-q", str(run.bundle), "+refs/*:refs/*")
    return set(git(clone, "rev-list", "--all", "--objects", "--no-object-names").split())


@pytest.mark.parametrize("seed", range(6))
def test_whatever_an_agent_does_nothing_is_lost(origin: Origin, tmp_path: Path, seed: int) -> None:
    _check(origin, tmp_path / "run", seed)


@pytest.mark.exhaustive
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("block", range(3, 8))
def test_hundreds_of_agents_lose_nothing(origin: Origin, tmp_path: Path, block: int) -> None:
    for seed in range(1000 + 20 * block, 1020 + 20 * block):
        _check(origin, tmp_path / str(seed), seed)
        shutil.rmtree(tmp_path / str(seed))
