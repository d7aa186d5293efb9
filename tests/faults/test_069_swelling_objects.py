"""Fault 69: what unpacks without end costs its own line of work, and never the machine's memory."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from tests.integration.repositories.bombs import DELTA_BASE
from tests.integration.repositories.origin import Origin, Run, git
from tests.integration.repositories.swelling import blob_of_zeros, endless_tree, plant_commit, swelling_pack

from stepherd.errors import DataError, StepherdError
from stepherd.repositories.git import Git, Limits, create_repository

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux keeps such a limit")
LITTLE = Limits(memory=192 << 20)
LARGE = 85 * DELTA_BASE


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    return Origin.create(tmp_path / "origin")


@pytest.fixture
def run(tmp_path: Path, origin: Origin) -> Run:
    made = Run(tmp_path / "run", origin.repository)
    made.clone()
    return made


def test_no_git_may_have_more_memory_than_it_is_given(tmp_path: Path) -> None:
    assert Limits().memory <= max(2 << 30, os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2)
    git_ = Git(tmp_path, tmp_path / "x.git", limits=LITTLE)
    create_repository(git_)
    pack = tmp_path / "swelling.pack"
    pack.write_bytes(swelling_pack(LARGE))
    with pack.open("rb") as file, pytest.raises(DataError, match="ran out of memory"):
        git_.run("Reading", "index-pack", "--stdin", stdin=file)


def test_a_tree_without_end_beside_the_files_costs_nothing_else(run: Run) -> None:
    commit = plant_commit(run.workspace, endless_tree(run.workspace, 7), "refs/heads/deep")
    run.write({"new.txt": "new\n"})
    changes = run.recorded(limits=LITTLE)
    assert changes.other is not None
    line = next(line for line in changes.other.kept if line.commit == commit)
    assert "ran out of memory" in line.warning
    run.pushed()


@pytest.mark.parametrize("depth", [6, 8])
def test_a_tree_without_end_is_no_result_and_is_kept(run: Run, depth: int) -> None:
    commit = plant_commit(run.workspace, endless_tree(run.workspace, depth), "refs/heads/deep")
    changes = run.recorded(limits=LITTLE)
    assert changes.other is not None
    assert (changes.files, changes.commit) == ((), None)
    assert [line.commit for line in changes.other.kept] == [commit]
    assert f"{commit} refs/stepherd/kept/deep" in run.heads()
    assert any("branch deep is kept, but is not the result" in note for note in changes.other.notes)


def test_a_delta_that_swells_costs_its_pack_alone(run: Run) -> None:
    name = "a" * 40
    (run.workspace / f".git/objects/pack/pack-{name}.pack").write_bytes(swelling_pack(LARGE))
    run.write({"new.txt": "new\n"})
    changes = run.recorded(limits=LITTLE)
    assert changes.other is not None
    assert [file.path for file in changes.files] == ["new.txt"]
    assert any(name in note for note in changes.other.notes)


def test_a_server_cannot_make_a_clone_swell(tmp_path: Path, origin: Origin) -> None:
    git(origin.bare, "index-pack", "--stdin", stdin=swelling_pack(LARGE))
    names = {"base": blob_of_zeros(DELTA_BASE), "large": blob_of_zeros(LARGE)}
    entries = "".join(f"100644 blob {blob}\t{name}\n" for name, blob in names.items())
    tree = git(origin.bare, "mktree", stdin=entries.encode())
    git(origin.bare, "config", "core.bigFileThreshold", "2g")  # so that the delta is sent as it is
    plant_commit(origin.bare, tree, "refs/heads/main")
    run = Run(tmp_path / "run", origin.repository)
    with pytest.raises(StepherdError, match="memory"):
        run.clone(limits=LITTLE)
