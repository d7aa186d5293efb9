"""The report's words on the path that an agent wrote for a worktree tell nothing of the machine."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.integration.repositories.origin import Origin, Run, git


@pytest.fixture
def run(tmp_path: Path) -> Run:
    made = Run(tmp_path / "run", Origin.create(tmp_path / "origin").repository)
    made.clone()
    (tmp_path / "there").mkdir()
    (tmp_path / "there/secret").touch()
    return made


def _notes(run: Run, path: str) -> list[str]:
    folder = run.workspace / ".git/worktrees/spy"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "gitdir").write_text(f"{path}/.git\n")
    (folder / "HEAD").write_text("ref: refs/heads/main\n")
    changes = run.record()
    assert changes.other is not None
    return [note.replace(path, "PATH") for note in changes.other.notes]


@pytest.mark.parametrize(
    ("there", "missing"),
    [
        ("{root}/there", "{root}/missing"),
        ("{root}/there/secret", "{root}/missing/secret"),
        ("{workspace}/link/secret", "{workspace}/link/missing"),
        ("{workspace}/link", "{workspace}/dangling"),
        ("{workspace}/../../there", "{workspace}/../../missing"),
    ],
)
def test_a_path_outside_that_exists_is_spoken_of_as_one_that_does_not(
    run: Run, tmp_path: Path, there: str, missing: str
) -> None:
    (run.workspace / "link").symlink_to(tmp_path / "there")
    (run.workspace / "dangling").symlink_to(tmp_path / "missing")
    git(run.workspace, "config", "core.excludesFile", "")
    (run.workspace / ".git/info").mkdir(exist_ok=True)
    (run.workspace / ".gitignore").write_text("link\ndangling\n")
    places = {"root": tmp_path, "workspace": run.workspace}
    said = _notes(run, there.format(**places))
    assert said == _notes(run, missing.format(**places))
    assert any("PATH" in note and "only its commits are kept" in note for note in said)


def test_a_worktree_of_its_own_that_it_removed_is_not_spoken_of(run: Run) -> None:
    git(run.workspace, "worktree", "add", "-q", "--detach", "trees/x")
    shutil.rmtree(run.workspace / "trees")
    changes = run.record()
    assert changes.other is not None
    assert changes.other.notes == ()
