"""Fault 75: an agent that changed nothing gives no commit and no bundle."""

from __future__ import annotations

import os
from pathlib import Path

from tests.integration.repositories.origin import Origin, Run, git


def test_nothing_changed_gives_no_commit_and_no_bundle(tmp_path: Path) -> None:
    origin = Origin.create(tmp_path / "origin", {".gitignore": "cache/\n", "a": "a\n"})
    run = Run(tmp_path / "run", origin.repository)
    run.clone()
    run.write({"cache/x": "ignored"})
    (run.workspace / "empty").mkdir()
    os.utime(run.workspace / "a", (1, 1))
    changes = run.record()
    assert (changes.files, changes.commit) == ((), None)
    assert changes.tree == git(origin.bare, "rev-parse", "main^{tree}")
    assert not run.bundle.exists()


def test_commits_that_cancel_out_are_no_change(tmp_path: Path) -> None:
    origin = Origin.create(tmp_path / "origin")
    run = Run(tmp_path / "run", origin.repository)
    run.clone()
    run.write({"x": "x"})
    git(run.workspace, "add", "-A")
    git(run.workspace, "commit", "-qm", "one")
    git(run.workspace, "rm", "-q", "x")
    git(run.workspace, "commit", "-qm", "two")
    assert run.record().commit is None
