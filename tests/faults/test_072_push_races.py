"""Fault 72: a push that is not a fast-forward is looked at again and retried, and never forced."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.integration.repositories.origin import Origin, Run, git

from stepherd.repositories.push import BranchTaken


def wrap_git(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> Path:
    """Put a git on PATH that runs ``script`` once before the first push, and logs its arguments."""
    import os

    real = os.environ["PATH"]
    folder.mkdir()
    (folder / "git").write_text(
        f'#!/bin/sh\nprintf "%s\\n" "$*" >> {folder}/argv\nPATH="{real}"\nexport PATH\n'
        f'case " $* " in *" push "*) if mkdir {folder}/once 2>/dev/null; then {script}; fi;; esac\n'
        'exec git "$@"\n'
    )
    (folder / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{real}")
    return folder / "argv"


def test_a_branch_made_by_the_same_run_in_between_is_continued(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin = Origin.create(tmp_path / "origin")
    run = Run(tmp_path / "run", origin.repository)
    run.work({"a": "partial\n"})
    partial = run.push(message="partial").commit
    git(origin.bare, "update-ref", "refs/hidden/partial", partial)
    git(origin.bare, "update-ref", "-d", f"refs/heads/{run.branch}")
    run.write({"a": "whole\n"})
    run.record()
    appear = f"git --git-dir={origin.bare} update-ref refs/heads/{run.branch} {partial}"
    argv = wrap_git(tmp_path / "bin", monkeypatch, appear)

    facts = run.push(message="whole")

    assert origin.tip(run.branch) == facts.commit
    assert git(origin.bare, "rev-parse", f"{facts.commit}^") == partial
    pushes = [line for line in argv.read_text().splitlines() if " push " in line]
    assert len(pushes) == 2
    assert not any("--force" in line or " -f " in line or ":+" in line or " +" in line for line in pushes)


def test_a_branch_made_by_another_in_between_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin = Origin.create(tmp_path / "origin")
    run = Run(tmp_path / "run", origin.repository)
    run.work()
    theirs = origin.commit({"theirs": "x"}, branch="elsewhere")
    wrap_git(
        tmp_path / "bin", monkeypatch, f"git --git-dir={origin.bare} update-ref refs/heads/shared {theirs}"
    )
    with pytest.raises(BranchTaken):
        run.push(branch="shared")
    assert origin.tip("shared") == theirs
